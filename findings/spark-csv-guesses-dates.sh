#!/usr/bin/env bash
# Spark's inferSchema reads the codes "1D" and "2F" as the numbers 1.0 and 2.0, and a time of day as that time
# today.
#
# Versions: pyspark 3.5.9 (with Java 17).
# Guess:    A column of "1D" and "2F" is text, and so is one of "12:30", as for pandas.
# Seen:     The first is double, because Java's notation of numbers allows D and F at the end. The second is a
#           timestamp with the day on which the file is read, so the same file gives other data tomorrow. "2024-05"
#           becomes 1 May 2024.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile pyspark==3.5.9
printf 'code,time,month\n1D,12:30,2024-05\n2F,09:00,2024-06\n' > rows.csv

export SPARK_LOCAL_IP=127.0.0.1 PYSPARK_PYTHON="$work/venv/bin/python"
venv/bin/python - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import datetime, sys
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
table = spark.read.csv("rows.csv", header=True, inferSchema=True)
types, row = dict(table.dtypes), table.first()
spark.stop()
if types != {"code": "double", "time": "timestamp", "month": "timestamp"}:
    sys.exit(f"Changed: the types are now {types}.")
if row["code"] != 1.0 or row["month"] != datetime.datetime(2024, 5, 1):
    sys.exit(f"Changed: the first row is now {row}.")
if abs((row["time"].date() - datetime.date.today()).days) > 1 or row["time"].time() != datetime.time(12, 30):
    sys.exit(f"Changed: 12:30 is now read as {row['time']}.")
PY
echo "Still so: inferSchema makes numbers of codes such as 1D, and today's date of a time."
