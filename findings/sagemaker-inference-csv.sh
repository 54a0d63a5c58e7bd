#!/usr/bin/env bash
# The CSV decoder of SageMaker's inference toolkit turns an empty field into 0 or -1, depending on the other rows.
#
# Versions: sagemaker-inference 1.10.1 with numpy 2.4.6.
# Guess:    "1,,3" gives an array of shape (1, 3) with NaN in the gap, and two predictions are encoded as two
#           columns.
# Seen:     "1,,3" alone is [1, 0, 3], of shape (3,). As the first of two rows it is [1, -1, 3]. With one decimal
#           number, "1,2.5,3" is not a matrix at all, but one record with three named fields, of shape (). The
#           encoder writes [0.1, 0.9] as two lines. "text/csv; charset=utf-8" is refused as an unsupported content
#           type.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile sagemaker-inference==1.10.1 numpy==2.4.6

venv/bin/python - <<'PY'
import sys
from sagemaker_inference import decoder, encoder, errors

def expect(what, seen, expected):
    if seen != expected:
        sys.exit(f"Changed: {what} is now {seen!r}, no longer {expected!r}.")

alone, among = decoder.decode("1,,3", "text/csv"), decoder.decode("1,,3\n4,5,6", "text/csv")
expect("a row with a gap, alone", (alone.tolist(), alone.shape), ([1, 0, 3], (3,)))
expect("a row with a gap, among others", among.tolist(), [[1, -1, 3], [4, 5, 6]])
mixed = decoder.decode("1,2.5,3", "text/csv")
expect("a row of whole and decimal numbers", (mixed.shape, len(mixed.dtype.names or ())), ((), 3))
expect("the CSV of a list of two", encoder.encode([0.1, 0.9], "text/csv"), "0.1\n0.9\n")
try:
    decoder.decode("1,2", "text/csv; charset=utf-8")
except errors.UnsupportedFormatError:
    pass
else:
    sys.exit("Changed: a content type with a charset is now accepted.")
PY
echo "Still so: a gap in a CSV request is 0 in a single row and -1 among others."
