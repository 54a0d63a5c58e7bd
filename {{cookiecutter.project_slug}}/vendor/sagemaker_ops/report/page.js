// The value at the pointer, and the confusion matrix at a threshold. Without this script, the page says the same in tables.
for (const chart of document.querySelectorAll("svg.chart[data-x]")) {
  const lines = [...chart.querySelectorAll(".data")].map((line) => ({
    name: line.dataset.name || "",
    points: [...line.points],
  }));
  const axes = ["x", "y"].map((axis) => {
    const [name, low, high] = chart.dataset[axis].split("|");
    return { name, low: +low, size: high - low };
  });
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
    const { width, height } = chart.viewBox.baseVal;
    const shares = [(best.point.x - 52) / (width - 64), (height - 44 - best.point.y) / (height - 54)];
    const words = axes.map((axis, i) => `${axis.name} ${+(axis.low + shares[i] * axis.size).toPrecision(3)}`);
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
  const share = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)}%` : "-");
  const show = () => {
    const [at, tp, fp] = ["threshold", "tp", "fp"].map((key) => all[key][slider.value]);
    const counts = { tp, fp, fn: all.positives - tp, tn: all.negatives - fp };
    for (const [name, count] of Object.entries(counts)) cell(name).textContent = count.toLocaleString("en");
    const level = +at.toPrecision(4);
    cell("words").textContent =
      `At ${level}: precision ${share(tp, tp + fp)}, recall ${share(tp, all.positives)}.`;
    slider.setAttribute("aria-valuetext", `${level}`);
    for (const end of ["x1", "x2"]) mark.setAttribute(end, 52 + level * (340 - 64));
  };
  slider.closest(".slider").hidden = false;
  slider.addEventListener("input", show);
  show();
}
