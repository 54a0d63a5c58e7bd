"""The page of a served model in headless Chromium: no fault, and the form gets an answer."""

from __future__ import annotations

import pytest
from browser import look
from projects import Project

from serving.running import start

pytestmark = pytest.mark.slow

SEND = """(async () => {
  const answer = document.querySelector(".answer");
  const sent = async () => {
    document.querySelector("form").requestSubmit();
    for (let wait = 0; wait < 200 && (answer.textContent === "…" || !answer.className.includes(" ")); wait++)
      await new Promise((done) => setTimeout(done, 20));
    return [answer.className, answer.textContent];
  };
  const first = await sent();
  document.querySelector("input[name=month]").value = "May";
  return [first, await sent()];
})()"""
EXAMPLE = """[...document.querySelectorAll("form input")].map((field) => [field.name, field.value])"""


def test_the_page_has_no_faults_and_its_form_gets_an_answer(project: Project) -> None:
    served = start(project, "--workers=1")
    try:
        seen = look(served.said.split()[-1] + "/", EXAMPLE, SEND)
    finally:
        served.stop()

    refused = "Failed to load resource: the server responded with a status of 400 (Bad Request)"
    for each in seen.values():
        assert each.faults == {"errors": [refused]}, "which the browser says of each refusal"
        example, [good, bad] = each.answers
        first = (project.path / "data/sample/flights_classification.csv").read_text(encoding="utf-8").splitlines()[:2]
        row = dict(zip(*(line.split(",") for line in first), strict=True))
        assert dict(example) == {name: value for name, value in row.items() if name != "late"}
        assert good[0] == "answer good"
        assert good[1].startswith("Prediction: 0\n0: ")
        assert bad == ["answer bad", "column 'month' must contain numbers, but row 1 has 'May'"]
