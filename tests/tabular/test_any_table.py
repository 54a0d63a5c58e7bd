"""Any table either passes the four steps or is refused with a finding, never with a traceback."""

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
import pytest
from hypothesis import strategies as st
from inference import model_fn, transform_fn

from sagemaker_ops.tabular.column_types import TYPES, save_types, types_of
from sagemaker_ops.tabular.estimator import predict
from sagemaker_ops.tabular.requests import CSV, JSON, JSON_LINES
from sagemaker_ops.tabular.tables import tidy

if TYPE_CHECKING:
    from tabular.conftest import Chain

pytestmark = pytest.mark.slow

Random = np.random.Generator
NAMES = ["x", "", " two words ", 'a "quote"', "it's", "comma, semicolon;", "😀", "self", "index", "label", "0", "a\nb"]
WORDS = ["Köln", "", "a,b", 'say "hi"', "😀", "None", "0", "true", " ", "2024-01-01"]
COLUMNS: dict[str, Callable[[Random, int], Any]] = {
    "numbers": lambda random, rows: random.normal(0, 1, rows),
    "huge numbers": lambda random, rows: random.choice([-1e299, 1e299, 1e-300, np.inf, 0.5], rows),
    "too large numbers": lambda random, rows: random.choice([1e308, 0.5], rows),
    "very large numbers": lambda random, rows: random.normal(0, 1e100, rows),
    "tiny numbers": lambda random, rows: random.normal(0, 1e-100, rows),
    "small spread": lambda random, rows: 1 + random.integers(0, 9, rows) * 1e-15,
    "long numbers": lambda random, rows: 10_000_000 + random.integers(0, 9, rows) / 1_000,
    "halves": lambda random, rows: random.integers(0, 4, rows) / 2,
    "integers": lambda random, rows: random.integers(-5, 6, rows),
    "large integers": lambda random, rows: random.choice([2**60 + 1, -(2**60), 5], rows),
    "identifiers": lambda random, rows: random.permutation(rows),
    "booleans": lambda random, rows: random.random(rows) < 0.5,
    "words": lambda random, rows: random.choice(WORDS, rows),
    "emoji": lambda random, rows: random.choice(["😀", "🚀"], rows),
    "codes": lambda random, rows: [f"{n:03}" for n in random.integers(0, 20, rows)],
    "many words": lambda random, rows: [f"w{n}" for n in random.integers(0, rows // 3 + 2, rows)],
    "texts": lambda random, rows: [f"text {n}" for n in random.permutation(rows)],
    "dates": lambda random, rows: pd.Timestamp("2020-02-29") + pd.to_timedelta(random.integers(0, 9_000, rows), "h"),
    "days as text": lambda random, rows: [f"2024-01-{n:02}" for n in random.integers(1, 32, rows)],
    "days far off": lambda random, rows: random.choice(["2024-01-01", "2024-02-02", "9999-12-31", "0001-01-01"], rows),
    "zoned": lambda random, rows: random.choice(["2024-01-01T05:00:00+01:00", "2024-03-01T05:00:00-05:00"], rows),
    "some dates": lambda random, rows: random.choice(["2024-01-01", "soon", "9999-12-31"], rows),
    "numbers and words": lambda random, rows: random.choice(["1", "2.5", "three"], rows),
    "constant": lambda random, rows: ["same"] * rows,
}
OFTEN = {
    "classification": ["booleans", "words", "integers", "emoji", "halves", "codes", "days as text", "some dates"],
    "regression": ["numbers", "integers", "long numbers", "halves", "small spread"],
}
ENDINGS = {
    ".csv": {},
    ".csv.gz": {},
    "semicolon.csv": {"sep": ";"},
    "windows.csv": {"encoding": "utf-8-sig", "lineterminator": "\r\n"},
    "utf16.csv": {"encoding": "utf-16"},
}


def column(kind: str, gaps: float, random: Random, rows: int) -> pd.Series:
    values = pd.Series(COLUMNS[kind](random, rows))
    gone = random.random(rows) < gaps
    return values.astype(object).where(~gone, None).infer_objects() if gone.any() else values


@st.composite
def tables(draw: Any) -> tuple[pd.DataFrame, str, list[str]]:
    """A table, the problem, and further arguments for processing.py."""
    random = np.random.default_rng(draw(st.integers(0, 999)))
    rows = draw(st.sampled_from([*[200] * 8, *[90] * 4, 900, 49, 1]))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    gaps = st.sampled_from([0, 0, 0, 0.1, 0.5, 1])
    drawn = [column(draw(st.sampled_from(sorted(COLUMNS))), draw(gaps), random, rows) for _ in names]
    more = draw(st.sampled_from([0] * 9 + [120]))
    columns = dict(zip(names, drawn, strict=True))
    columns |= {f"n{number}": drawn[number % len(drawn)].sample(frac=1, random_state=1).array for number in range(more)}
    problem = draw(st.sampled_from(sorted(OFTEN)))
    target = draw(st.sampled_from(OFTEN[problem] * 9 + sorted(COLUMNS)))
    columns["the target"] = column(target, draw(st.sampled_from([0, 0, 0.1])), random, rows)
    columns["weight"] = pd.Series(random.integers(0, 3, rows) / 1000)
    columns["key"] = pd.Series([f"key {number}" for number in range(rows)])
    arguments = []
    split = draw(st.sampled_from(["random", "random", "group", "time"]))
    if split != "random":
        whole = [name for name in names if not columns[name].hasnans]
        arguments += [f"--split={split}", f"--split-column={draw(st.sampled_from(whole * 5 + names))}"]
    for role, fitting in (("weight", "weight"), ("id", "key")):
        chosen = draw(st.sampled_from([None] * 5 + [fitting] * 5 + names[:1]))
        arguments += [f"--{role}={chosen}"] * (chosen is not None)
    arguments += [f"--exclude={name}" for name in draw(st.sampled_from([[], [], names[1:2]]))]
    return pd.DataFrame(columns), problem, arguments


def save(table: pd.DataFrame, folder: Path, ending: str, files: int) -> None:
    """Save the table in this many files, each with a different order of columns."""
    folder.mkdir()
    for number in range(files):
        part, path = table.iloc[number::files, :: 1 - 2 * number], folder / f"{number}{ending}"
        if ending == ".parquet":
            part.to_parquet(path)
        else:
            part.to_csv(path, index=False, **ENDINGS[ending])


def steps(chain: Chain, *process: Any) -> tuple[int, str]:
    """The exit code of the first failing step, or 0, and the text on standard error."""
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(io.StringIO()):
        code = chain.process(*process) or chain.train("--max_iter=3", "--early_stopping_rounds=2") or chain.evaluate()
    return code, printed.getvalue()


def answers(chain: Chain) -> tuple[list[Any], dict[str, list[Any]]]:
    """The model's predictions for the test rows, and the endpoint's answers by request format."""
    model = model_fn(str(chain.root / "model"))
    rows = chain.part("test")[model.schema.names]
    rows = rows.astype({name: float for name in rows if rows[name].dtype == "float32"})
    values = rows.astype(object).where(rows.notna(), None)
    split = json.loads(json.dumps(values.to_dict("split", index=False), default=str))
    records = [dict(zip(split["columns"], row, strict=True)) for row in split["data"]]
    backwards = rows[rows.columns[::-1]]
    bodies = {
        "CSV": (CSV, rows.to_csv(index=False)),
        "backwards": (CSV, backwards.assign(**{"the target": 1}).to_csv(index=False)),
        "without header": (CSV, rows.to_csv(index=False, header=False)),
        "JSON": (JSON, json.dumps(split)),
        "JSON Lines": (JSON_LINES, "\n".join(map(json.dumps, records))),
    }
    given = {}
    for way, (kind, body) in bodies.items():
        header = "absent" if way == "without header" else "present"
        predictions = json.loads(transform_fn(model, body, f"{kind}; header={header}", "*/*")[0])["predictions"]
        given[way] = [list(one["probabilities"].values()) if "label" in one else one["value"] for one in predictions]
    return predict(model.pipeline, model.schema.frame(rows)).tolist(), given


# No database: it would leave a folder behind.
SETTINGS: dict[str, Any] = {"max_examples": 30, "deadline": None, "derandomize": True, "database": None}


@hypothesis.settings(**SETTINGS, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(
    drawn=tables(),
    ending=st.sampled_from([*ENDINGS, *[".parquet", ".csv", "windows.csv"] * 3]),
    files=st.sampled_from([1, 1, 2]),
    edit=st.none() | st.tuples(st.integers(0, 9), st.sampled_from([*TYPES, *["text"] * 5])),
)
def test_passes_or_is_refused(
    chain: Chain,
    drawn: tuple[pd.DataFrame, str, list[str]],
    ending: str,
    files: int,
    edit: tuple[int, str] | None,
) -> None:
    table, problem, arguments = drawn
    with tempfile.TemporaryDirectory() as folder:
        chain, source = replace(chain, root=Path(folder)), Path(folder) / "tables"
        try:
            save(table, source, ending, files)
        except (ValueError, TypeError):  # pyarrow does not support columns of mixed types
            hypothesis.reject()
        if edit is not None:  # a schema.toml in which someone edited one line
            types = types_of(tidy(table), ())
            save_types(types | {list(types)[edit[0] % len(types)]: edit[1]}, chain.root)
            arguments = [*arguments, f"--schema={chain.root / 'schema.toml'}"]
        code, printed = steps(chain, source, "the target", problem, *arguments)
        if code == 0:
            assert chain.json("summary/summary.json")["rows"] <= len(table)
            expected, given = answers(chain)
            assert given == dict.fromkeys(given, expected)
        else:
            assert code == 1
            assert printed
            assert all(len(line) > 20 for line in printed.splitlines()), printed
