"""The page at `/`: the model's card, and a form to try it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sagemaker_ops
from sagemaker_ops import kept
from sagemaker_ops.report import frame, model, parts
from sagemaker_ops.report.markup import Markup, element, joined, prose
from sagemaker_ops.report.results import Result
from sagemaker_ops.serving.archives import Served

KINDS = {"numeric": "number", "boolean": "true or false", "categorical": "text", "date": "date"}
Fields = Sequence[tuple[str, str]]
"""(name, kind) of each feature."""


@dataclass(frozen=True)
class Shape:
    """What a model expects: its features, those that may be left out, and its target; nothing if that is not known."""

    fields: Fields = ()
    optional: Sequence[str] = ()
    target: str = ""


def shape_of(schema: Mapping[str, Any], training: Mapping[str, Any]) -> Shape:
    """From schema.json and training.json, which a team's own training may write in another form, or not at all."""
    with suppress(*kept.DAMAGED):
        fields = [(str(feature["name"]), KINDS[feature["kind"]]) for feature in schema["features"]]
        return Shape(fields, [str(name) for name in training.get("optional", ())], str(schema["target"]))
    return Shape()


def page(served: Served, shape: Shape, example: Mapping[str, str]) -> str:
    """The whole page; example: {feature: a value}. Without features, it has no form."""
    fields = shape.fields
    result = Result(evaluation=served.evaluation)
    said = [each for each in (result.verdict, *result.comparison) if each]
    content = [
        *(element("p", prose(each)) for each in said),
        model.metrics(result, None, ""),
        *(_tried(shape, example) if fields else [element("p", prose("Send what `inference.py` expects."))]),
    ]
    about = prose(f"Predicts `{shape.target}` from {len(fields)} columns.") if fields else Markup()
    header = element(
        "header", element("h1", served.name), element("p", served.origin, class_="soft"), element("p", about)
    )
    foot = f"Served by ops serve, version {sagemaker_ops.__version__}, with the code in the model's archive."
    footer = element("footer", element("p", foot))
    return frame.html(f"Model: {served.name}", joined(header, element("main", *content), footer), own=script())


def _tried(shape: Shape, example: Mapping[str, str]) -> list[Markup]:
    return [
        element("h2", "Try it"),
        _form(shape.fields, example),
        element("h2", "Call it"),
        *_calls(shape.fields, example),
        element("h2", "What it expects"),
        _expects(shape.fields, shape.optional),
    ]


@cache
def script() -> str:
    return Path(__file__).with_name("page.js").read_text(encoding="utf-8")


def _form(fields: Fields, example: Mapping[str, str]) -> Markup:
    inputs = []
    for number, (name, kind) in enumerate(fields):
        label = element("label", name, element("small", f" {kind}"), for_=f"field-{number}")
        field = element(
            "input",
            id=f"field-{number}",
            name=name,
            value=example.get(name, ""),
            autocomplete="off",
            spellcheck="false",
        )
        inputs.append(element("div", label, field))
    hint = element("p", "An empty field is a missing value.", class_="soft")
    button = element("button", "Predict", type="submit")
    answer = element("output", class_="answer", aria_live="polite", aria_label="Answer")
    return joined(element("form", hint, element("div", *inputs, class_="fields"), button), answer)


def _calls(fields: Fields, example: Mapping[str, str]) -> list[Markup]:
    """A request in each format, as a command for a shell."""
    row = {name: _value(example.get(name, ""), kind) for name, kind in fields}
    header = ",".join(_csv(name) for name, _ in fields)
    values = ",".join(_csv(example.get(name, "")) for name, _ in fields)
    requests = {
        "text/csv": f"{header}\n{values}",
        "application/json": json.dumps([row], ensure_ascii=False),
        "application/jsonlines": json.dumps(row, ensure_ascii=False),
    }
    found = []
    for kind, body in requests.items():
        command = f"curl --header 'Content-Type: {kind}' --data-binary {shlex.quote(body)} ADDRESS/invocations"
        block = element("pre", element("code", command))
        found.append(element("div", block, class_="wide", tabindex=0, role="region", aria_label=f"Request as {kind}"))
    return [element("p", prose("`ADDRESS` is what `ops serve` has printed.")), *found]


def _value(text: str, kind: str) -> object:
    if not text:
        return None
    if kind == KINDS["numeric"]:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _csv(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text


def _expects(fields: Fields, optional: Sequence[str]) -> Markup:
    rows = [parts.row(name, kind, "may be left out" if name in optional else "required") for name, kind in fields]
    caption = "Columns in any order; others are ignored."
    return parts.table("Columns", caption, parts.headings("Column", "Values", "In a request"), rows)
