#!/usr/bin/env bash
# The same prediction is a 200 or a 500 in FastAPI, depending on its NumPy type and on the annotation of the
# handler.
#
# Versions: fastapi 0.165.0, starlette 1.10.0, pydantic 2.14.4, numpy 2.4.6.
# Guess:    numpy.float32 is handled like numpy.float64, and NaN is handled alike with and without a return
#           annotation.
# Seen:     A handler that returns {"score": x}: float64 0.5 answers 200, float32 0.5 (what XGBoost predicts)
#           answers 500, NaN answers 500. Annotated "-> dict[str, float]", float32 answers 200, and NaN answers 200
#           with null.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --no-compile fastapi==0.165.0 starlette==1.10.0 pydantic==2.14.4 httpx==0.28.1 numpy==2.4.6

venv/bin/python -W ignore - 2> log.txt <<'PY' || { tail -n 3 log.txt; exit 1; }
import sys
import numpy as np
from fastapi import FastAPI
from fastapi.testclient import TestClient

SCORES = {"float64": np.float64(0.5), "float32": np.float32(0.5), "nan": float("nan")}
app = FastAPI()

@app.get("/plain/{score}")
def plain(score: str):
    return {"score": SCORES[score]}

@app.get("/annotated/{score}")
def annotated(score: str) -> dict[str, float]:
    return {"score": SCORES[score]}

client = TestClient(app, raise_server_exceptions=False)
half, null, error = (200, '{"score":0.5}'), (200, '{"score":null}'), (500, "Internal Server Error")
expected = {
    "/plain/float64": half, "/plain/float32": error, "/plain/nan": error,
    "/annotated/float64": half, "/annotated/float32": half, "/annotated/nan": null,
}
for path, answer in expected.items():
    response = client.get(path)
    if (response.status_code, response.text) != answer:
        sys.exit(f"Changed: {path} now answers {response.status_code} {response.text}, no longer {answer}.")
PY
echo "Still so: without an annotation float32 and NaN answer 500; with one, 0.5 and null."
