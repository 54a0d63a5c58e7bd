// Sends what the form contains, and shows the answer.
const form = document.querySelector("form"); // none, if it is not known what the model expects
const answer = document.querySelector(".answer");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const row = {};
  for (const field of form.querySelectorAll("input, select")) row[field.name] = field.value === "" ? null : field.value;
  answer.className = "answer";
  answer.textContent = "…";
  try {
    const response = await fetch("invocations", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify([row]),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(text.trim());
    const [{ label, value, probabilities }] = JSON.parse(text).predictions;
    const lines = Object.entries(probabilities || {}).map(([of, share]) => `${of}: ${(100 * share).toFixed(1)} %`);
    answer.textContent = [`Prediction: ${label ?? value}`, ...lines].join("\n");
    answer.className = "answer good";
  } catch (error) {
    answer.textContent = error.message;
    answer.className = "answer bad";
  }
});
