"""Predicts rows with the code of a model archive: `python -P archived_scores.py ARCHIVE ROWS ANSWER`.

ARCHIVE: the unpacked archive, with its own version of this library and of the team's modules in code/; see
archived_model.py. ROWS: the result of `Schema.frame`, pickled. ANSWER: the file for the predictions, as numpy.save
writes it. On failure, the last line of standard error is the reason.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(archive: str, rows: str, answer: str) -> int:
    sys.path.insert(0, str(Path(archive, "code")))
    try:
        import numpy as np
        import pandas as pd

        # Names that every version of the library has.
        from sagemaker_ops import load_model, predict

        model = load_model(Path(archive))
        fast = getattr(model, "fast", None)  # taken apart, since version 0.2
        frame = pd.read_pickle(rows)
        np.save(answer, predict(model.pipeline, frame) if fast is None else fast.predict_frame(frame))
    except Exception as error:  # whatever another version's code may raise
        kind = "" if isinstance(error, ValueError | ImportError) else f"{type(error).__name__}: "
        print(f"{kind}{'; '.join(str(error).splitlines())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
