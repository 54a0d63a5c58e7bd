"""Any table at all: it goes through the four steps, or is refused with a finding, and never with a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
import pandas as pd
from hypothesis import strategies as st

from inference import CSV, JSON, JSON_LINES, input_fn, model_fn, output_fn, predict_fn

if TYPE_CHECKING:
    from tests.steps.conftest import Chain

Random = np.random.Generator
NAMES = ["x", "", " two words ", 'a "quote"', "it's", "comma, semicolon;", "😀", "self", "index", "label", "0", "a\nb"]
WORDS = ["Köln", "", "a,b", 'say "hi"', "😀", "None", "0", "true", " "]
COLUMNS: dict[str, Callable[[Random, int], Any]] = {
    "numbers": lambda random, rows: random.normal(0, 1, rows),
    "huge numbers": lambda random, rows: random.choice([-1e300, 1e300, 1e-300, np.inf, 0.5], rows),
    "very large numbers": lambda random, rows: random.normal(0, 1e100, rows),
    "long numbers": lambda random, rows: 10_000_000 + random.integers(0, 9, rows) / 1_000,
    "integers": lambda random, rows: random.integers(-5, 6, rows),
    "identifiers": lambda random, rows: random.permutation(rows),
    "booleans": lambda random, rows: random.random(rows) < 0.5,
    "words": lambda random, rows: random.choice(WORDS, rows),
    "many words": lambda random, rows: [f"w{n}" for n in random.integers(0, rows // 3 + 2, rows)],
    "texts": lambda random, rows: [f"text {n}" for n in random.permutation(rows)],
    "dates": lambda random, rows: pd.Timestamp("2020-02-29") + pd.to_timedelta(random.integers(0, 9_000, rows), "h"),
    "days as text": lambda random, rows: [f"2024-01-{n:02}" for n in random.integers(1, 32, rows)],
    "some dates": lambda random, rows: random.choice(["2024-01-01", "soon", "9999-12-31"], rows),
    "numbers and words": lambda random, rows: random.choice(["1", "2.5", "three"], rows),
    "constant": lambda random, rows: ["same"] * rows,
}
TARGETS = {
    "classification": ["booleans", "words", "integers", "booleans", "words", "numbers", "constant", "texts"],
    "regression": ["numbers", "integers", "long numbers", "very large numbers", "words", "constant", "dates"],
}
ARGUMENTS: list[list[str]] = [[], [], ["--split=group", "--split-column=x"], ["--split=time", "--split-column=x"]]


def column(kind: str, gaps: float, random: Random, rows: int) -> pd.Series:
    values = pd.Series(COLUMNS[kind](random, rows), name=kind)
    gone = random.random(rows) < gaps
    return values.astype(object).where(~gone, None).infer_objects() if gone.any() else values


def steps(chain: Chain, *process: Any) -> tuple[int, str]:
    """The exit code of the first step that stops, or 0, and what was said."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = chain.process(*process) or chain.train("--max_iter=3", "--early_stopping_rounds=2") or chain.evaluate()
    return code, said.getvalue()


def answers(chain: Chain) -> dict[str, int]:
    """The number of answers by the content type of the request, for the rows of test."""
    model = model_fn(str(chain.root / "model"))
    rows = chain.part("test")[model.schema.names]
    plain = json.loads(rows.to_json(orient="split", index=False, date_format="iso"))
    records = [dict(zip(plain["columns"], row, strict=True)) for row in plain["data"]]
    bodies = {
        CSV: rows.to_csv(index=False),
        JSON: json.dumps(plain),
        JSON_LINES: "\n".join(map(json.dumps, records)),
    }
    return {
        kind: len(
            json.loads(output_fn(predict_fn(input_fn(body, f"{kind}; header=present"), model), "*/*")[0])["predictions"]
        )
        for kind, body in bodies.items()
    }


# No database: it would leave a folder behind.
SETTINGS: dict[str, Any] = {"max_examples": 40, "deadline": None, "derandomize": True, "database": None}


@hypothesis.settings(**SETTINGS, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(data=st.data())
def test_goes_through_or_is_refused(chain: Chain, data: Any) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 999), "seed"))
    rows = data.draw(st.sampled_from([1, 49, 90, 200, 200, 900]), "rows")
    names = data.draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True), "names")
    names += [f"n{number}" for number in range(data.draw(st.sampled_from([0, 0, 0, 300]), "more columns"))]
    gaps = st.sampled_from([0, 0, 0.1, 0.5, 1])
    kinds = [data.draw(st.sampled_from(sorted(COLUMNS)), name) for name in names[:6]]
    shares = [data.draw(gaps, f"gaps in {name}") for name in names[:6]]
    columns = [column(kinds[n % len(kinds)], shares[n % len(kinds)], random, rows) for n in range(len(names))]
    problem = data.draw(st.sampled_from(sorted(TARGETS)), "problem")
    target = data.draw(st.sampled_from(TARGETS[problem]), "target")
    columns.append(column(target, data.draw(st.sampled_from([0, 0.1]), "gaps in target"), random, rows))
    table = pd.concat(columns, axis=1, keys=[*names, "the target"])
    arguments = data.draw(st.sampled_from(ARGUMENTS), "arguments")

    with tempfile.TemporaryDirectory() as folder:
        chain, source = replace(chain, root=Path(folder)), Path(folder) / "table.parquet"
        written = data.draw(st.sampled_from([".csv", ".parquet"]), "format")
        if written == ".parquet":
            try:
                table.to_parquet(source)
            except (ValueError, TypeError):  # pyarrow has no column of mixed types
                hypothesis.reject()
        code, said = steps(chain, source if written == ".parquet" else table, "the target", problem, *arguments)
        if code == 0:
            test = len(chain.part("test"))
            assert set(answers(chain).values()) == {test}
        else:
            assert code == 1
            assert all(len(line) > 20 for line in said.splitlines()), said
            assert said
