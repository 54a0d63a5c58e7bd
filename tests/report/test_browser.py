"""The pages in headless Chromium: no error, no request, no serious violation of axe-core, and the slider works."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import look

from report import evaluations
from sagemaker_ops.project.layout import LOCAL_FOLDER
from sagemaker_ops.report import document, page

pytestmark = pytest.mark.slow

MOVE = """(() => {
  const slider = document.querySelector("input[type=range]");
  const said = document.querySelector("output");
  const before = said.textContent;
  slider.value = 0;
  slider.dispatchEvent(new Event("input"));
  return [before, slider.offsetParent !== null, said.textContent, slider.getAttribute("aria-valuetext")];
})()"""
HOVER = """(() => {
  const chart = document.querySelector("svg.hover");
  const box = chart.getBoundingClientRect();
  chart.dispatchEvent(new PointerEvent("pointermove", { clientX: box.right - 12, clientY: box.top + 12 }));
  return chart.nextElementSibling.textContent;
})()"""


@pytest.mark.parametrize("classes", [2, 3, 12, 0], ids=["two classes", "three", "twelve", "regression"])
def test_the_page_opens_without_faults(tmp_path: Path, classes: int) -> None:
    home = tmp_path / LOCAL_FOLDER
    evaluations.execution(home, evaluations.evaluation(classes), age=1)
    evaluations.execution(home, evaluations.evaluation(classes, groups={"town": ["a", "b", "c"]}), "new")
    file = page.write(document.gather(tmp_path, "latest"))

    seen = look(file, *([MOVE, HOVER] if classes == 2 else []))

    assert {key: each.faults for key, each in seen.items()} == {key: {} for key in seen}
    for each in seen.values() if classes == 2 else ():
        (before, visible, after, spoken), hovered = each.answers
        assert before.startswith("At 0.5: precision ")
        assert visible
        assert after == "At 0: precision 50.0%, recall 100.0%.", "above zero, every row is positive"
        assert spoken == "0"
        assert hovered == "this model: false positive rate 1, true positive rate 1"


def test_the_page_of_a_failure_opens_without_faults(tmp_path: Path) -> None:
    evaluations.execution(tmp_path / LOCAL_FOLDER, None)

    seen = look(page.write(document.gather(tmp_path, "latest")))

    assert {key: each.faults for key, each in seen.items()} == {key: {} for key in seen}
