#!/usr/bin/env bash
# Spark 3.5 cannot open the Parquet files that pandas and Arrow write by default when a column has dates or times of
# day.
#
# Versions: pyspark 3.5.9 (with Java 17), pandas 2.2.3, pyarrow 25.0.0.
# Guess:    Parquet is Parquet: Spark reads every type that to_parquet writes, or at least the other columns.
# Seen:     "Illegal Parquet type": to_parquet writes datetime64 as nanoseconds, and Arrow's CSV reader makes time32
#           of "09:00"; Spark knows neither. It fails when the file is opened, even if only another column is
#           selected. With to_parquet(coerce_timestamps="us") it reads the dates.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile pyspark==3.5.9 pandas==2.2.3 pyarrow==25.0.0

export SPARK_LOCAL_IP=127.0.0.1 PYSPARK_PYTHON="$work/venv/bin/python"
venv/bin/python - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import io, sys
import pandas as pd, pyarrow.csv, pyarrow.parquet
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

table = pd.DataFrame({"id": [1], "day": pd.to_datetime(["2024-05-01"])})
table.to_parquet("nanoseconds.parquet")
table.to_parquet("microseconds.parquet", coerce_timestamps="us")
times = pyarrow.csv.read_csv(io.BytesIO(b"id,opens\n1,09:00\n"))
if str(times.schema.field("opens").type) != "time32[s]":
    sys.exit(f"Changed: Arrow now reads 09:00 as {times.schema.field('opens').type}.")
pyarrow.parquet.write_table(times, "times.parquet")

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
for name, readable in (("nanoseconds", False), ("times", False), ("microseconds", True)):
    try:
        spark.read.parquet(f"{name}.parquet").select("id").collect()
    except Py4JJavaError as error:
        if readable or "Illegal Parquet type" not in str(error):
            sys.exit(f"Changed: {name}.parquet now fails with {str(error)[:300]}.")
    else:
        if not readable:
            sys.exit(f"Changed: Spark now opens {name}.parquet.")
spark.stop()
PY
echo "Still so: Spark 3.5 opens neither nanoseconds nor times of day, whatever column is read."
