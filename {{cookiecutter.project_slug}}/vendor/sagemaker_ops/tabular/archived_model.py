"""Predicts the rows of a part with the code of a model archive: `python -P archived_model.py ARCHIVE PART ANSWER`.

ARCHIVE: the unpacked archive, with its own version of this library and of the team's modules in code/. In a process
that has loaded today's modules, a model would silently use those of the same name. ANSWER: the file for `truth` and
`prediction`, as numpy.savez writes it. On failure, the last line of standard error is the reason.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(archive: str, part: str, answer: str) -> int:
    sys.path.insert(0, str(Path(archive, "code")))
    try:
        import numpy as np

        # Names that every version of the library has.
        from sagemaker_ops import load_model, predict, read_part

        model = load_model(Path(archive))
        table = read_part(Path(part), model.schema)
        prediction = predict(model.pipeline, model.schema.frame(table))
        np.savez(answer, truth=model.schema.truth(table), prediction=prediction)
    except Exception as error:  # whatever another version's code may raise
        kind = "" if isinstance(error, ValueError | ImportError) else f"{type(error).__name__}: "
        print(f"{kind}{'; '.join(str(error).splitlines())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
