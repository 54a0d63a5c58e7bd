#!/usr/bin/env bash
# Arrow turns a decimal column into floats that are not the nearest ones, so they differ from the same numbers in a CSV file.
#
# Versions: pyarrow 25.0.0.
# Guess:    Casting decimal128 to float64 gives the float64 nearest to the decimal, as float(Decimal("19.99")) does.
# Seen:     With the type decimal128(10, 2), which warehouses use for prices, 1,327 of the 10,000 values from 0.00 to
#           99.99 become a neighbour: 19.99 is 19.990000000000002. A model trained on Parquet gets other numbers than a
#           request with the same price as text, and rows hashed by value fall into another part of the split. Casting
#           to text first and then to float64 is exact.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile pyarrow==25.0.0

venv/bin/python - <<'PY'
import sys
from decimal import Decimal

import pyarrow as pa

prices = [Decimal(cents) / 100 for cents in range(10_000)]
column = pa.array(prices, pa.decimal128(10, 2))
exact = [float(price) for price in prices]
direct = column.cast(pa.float64()).to_pylist()
other = sum(one != two for one, two in zip(direct, exact))
if (other, direct[1999]) != (1327, 19.990000000000002):
    sys.exit(f"Changed: {other} of the decimals become another float, and 19.99 becomes {direct[1999]}.")
if column.cast(pa.string()).cast(pa.float64()).to_pylist() != exact:
    sys.exit("Changed: by way of text, the numbers are not exact either.")
PY
echo "Still so: a decimal becomes a float64 next to the nearest one."
