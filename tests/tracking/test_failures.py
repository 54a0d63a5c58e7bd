"""What goes wrong when a run is tracked is a warning."""

from __future__ import annotations

import pytest

from sagemaker_ops.commands.tracking import told
from sagemaker_ops.errors import UserError


@pytest.mark.parametrize(
    ("error", "warning"),
    [
        (UserError("MLflow did not track the run: no."), "warning: MLflow did not track the run: no.\n"),
        (KeyError("auc"), "warning: MLflow did not track the run: KeyError('auc').\n"),
        (OverflowError("too large"), "warning: MLflow did not track the run: OverflowError('too large').\n"),
    ],
)
def test_a_failure_is_a_warning(error: Exception, warning: str, capsys: pytest.CaptureFixture[str]) -> None:
    def track() -> str:
        raise error

    assert list(told(track)) == []
    assert capsys.readouterr() == ("", warning)


def test_what_succeeds_is_said() -> None:
    assert list(told(lambda: "Tracked.")) == ["Tracked."]
