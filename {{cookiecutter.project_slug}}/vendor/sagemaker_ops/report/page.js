// The value at the pointer, and the confusion matrix at a threshold. Without this script, the page says the same in tables.
const axis = (chart, which) => {
  const [name, low, high, from, to] = JSON.parse(chart.dataset[which]);
  const place = (value) => from + ((value - low) / (high - low)) * (to - from);
  return { name, place, value: (at) => low + ((at - from) / (to - from)) * (high - low) };
};
for (const chart of document.querySelectorAll("svg.hover")) {
  const lines = [...chart.querySelectorAll(".data")].map((line) => ({
    name: line.dataset.name || "",
    points: [...line.points],
  }));
  const [x, y] = ["x", "y"].map((which) => axis(chart, which));
  const told = document.createElement("p");
  told.className = "told";
  told.setAttribute("aria-hidden", "true");
  told.textContent = "\u00a0";
  chart.after(told);
  const mark = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  mark.setAttribute("r", 4);
  mark.setAttribute("class", "marker");
  chart.append(mark);
  const hide = () => {
    told.textContent = "\u00a0";
    mark.setAttribute("cx", -20);
  };
  hide();
  chart.addEventListener("pointerleave", hide);
  chart.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
    let best = null;
    for (const line of lines)
      for (const point of line.points) {
        const distance = Math.hypot(point.x - at.x, point.y - at.y);
        if (!best || distance < best.distance) best = { distance, point, name: line.name };
      }
    if (!best) return;
    const words = [[x, best.point.x], [y, best.point.y]].map(([of, at]) => `${of.name} ${+of.value(at).toPrecision(3)}`);
    told.textContent = (best.name ? `${best.name}: ` : "") + words.join(", ");
    mark.setAttribute("cx", best.point.x);
    mark.setAttribute("cy", best.point.y);
  });
}
for (const slider of document.querySelectorAll("input[data-numbers]")) {
  const all = JSON.parse(slider.dataset.numbers);
  const box = slider.closest(".threshold");
  const cell = (name) => box.querySelector(`[data-cell=${name}]`);
  const mark = box.querySelector(".mark");
  const { place } = axis(mark.ownerSVGElement, "x");
  const share = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)}%` : "-");
  const show = () => {
    const [at, tp, fp] = ["threshold", "tp", "fp"].map((key) => all[key][slider.value]);
    const counts = { tp, fp, fn: all.positives - tp, tn: all.negatives - fp };
    for (const [name, count] of Object.entries(counts)) cell(name).textContent = count.toLocaleString("en");
    const level = +at.toPrecision(4);
    cell("words").textContent =
      `At ${level}: precision ${share(tp, tp + fp)}, recall ${share(tp, all.positives)}.`;
    slider.setAttribute("aria-valuetext", `${level}`);
    for (const end of ["x1", "x2"]) mark.setAttribute(end, place(level));
  };
  slider.closest(".slider").hidden = false;
  slider.addEventListener("input", show);
  show();
}
