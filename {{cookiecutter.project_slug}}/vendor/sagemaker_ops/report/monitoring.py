"""The page about monitoring.json: the verdict, the metrics, and each distribution beside that of the baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import sagemaker_ops
from sagemaker_ops import kept
from sagemaker_ops.report import charts, frame, parts, results
from sagemaker_ops.report.figure import figure
from sagemaker_ops.report.markup import Markup, element, joined, prose

DRAWN = 60  # columns; a page of hundreds would be large
Found = Mapping[str, Any]
LEVELS = {"good": "No change", "bad": "Changed"}


def page(found: Found, table: str) -> str:
    """The whole file; found: the content of monitoring.json; table: the name of the new data."""
    sections = [(key, heading, _section(draw, found)) for key, heading, draw in SECTIONS]
    sections = [each for each in sections if each[2]]
    level = "bad" if found["verdict"]["exceeded"] else "good"
    links = [element("li", element("a", heading, href=f"#{key}")) for key, heading, _ in sections]
    about = f"{found['rows']:,} rows of {table}, compared with {found['model']}."
    made = datetime.now(UTC)
    foot = f"Written by ops monitor, version {sagemaker_ops.__version__}, {made:%Y-%m-%d %H:%M %Z}."
    body = joined(
        element("header", element("h1", f"Monitoring of {found['target']}"), element("p", about, class_="soft")),
        element(
            "main",
            _verdict(found, level),
            element("nav", element("ul", *links), aria_label="Contents"),
            *(joined(element("h2", heading, id=key), drawn) for key, heading, drawn in sections),
        ),
        element("footer", element("p", foot)),
    )
    return frame.html(f"{LEVELS[level]}: {found['target']}", body)


def _verdict(found: Found, level: str) -> Markup:
    verdict = found["verdict"]
    return element(
        "section",
        element("p", element("strong", f"{LEVELS[level]}. "), prose(verdict["sentence"])),
        element("ul", *(element("li", each) for each in verdict["findings"])) if verdict["findings"] else "",
        *(element("p", each) for each in found["notes"]),
        class_=f"verdict {level}",
        aria_label="Verdict",
    )


def _section(draw: Callable[[Found], Markup], found: Found) -> Markup:
    """Empty if a team's own monitoring.json lacks it, or has another form."""
    with suppress(*kept.DAMAGED, ArithmeticError):
        return draw(found)
    return Markup()


def _quality(found: Found) -> Markup:
    measured = found["quality"]
    if not measured:
        return Markup()
    gate = measured["metric"]
    rows = [
        parts.row(
            joined(name, element("small", " (gate)") if name == gate else ""),
            charts.shown(each["baseline"]) if results.is_number(each["baseline"]) else "-",
            results.score((each["value"], each["standard_deviation"])),
            class_="gate" if name == gate else None,
        )
        for name, each in sorted(measured["metrics"].items(), key=lambda pair: pair[0] != gate)
    ]
    caption = f"On the {measured['rows']:,} new rows whose target is known: value ± standard deviation."
    return parts.table("Metrics", caption, parts.headings("Metric", f"On the {measured['source']} part", "Now"), rows)


def _predictions(found: Found) -> Markup:
    predicted = found["predictions"]
    if not predicted:
        return element("p", "The new rows were not predicted, because their columns do not fit the model.")
    limit = found["thresholds"]["max_prediction_psi"]
    figures = []
    for name, each in predicted["scores"].items():
        heading = f"Predicted {found['target']}" if name == "value" else f"Probability of {name}"
        figures.append(_figure(heading, each, ["validation", "now"], limit, ()))
    return element("div", *figures, class_="figures")


def _columns(found: Found) -> Markup:
    limits, columns = found["thresholds"], found["columns"]
    rows = [
        parts.row(
            joined(name, element("small", f" {each['kind']}{', changed' if each['findings'] else ''}")),
            _number(each["psi"]),
            _number(each["ks"]),
            _share(each["missing"]["now"]),
            _share(each["missing"]["baseline"]),
            _share(each["new_categories"]["now"]) if "new_categories" in each else "-",
            class_="gate" if each["findings"] else None,
        )
        for name, each in columns.items()
    ]
    caption = "Compared with the rows that the model was trained with; those that changed most come first."
    heading = parts.headings("Column", "PSI", "KS", "Missing", "In training", "New values")
    figures = [
        _figure(name, each, ["training", "now"], limits["max_psi"], _more(each))
        for name, each in list(columns.items())[:DRAWN]
    ]
    more = f"The first {DRAWN} of {len(columns)} columns are drawn."
    others = found["schema"]["other_columns"]
    ignored = f"The model does not use {', '.join(others[:10])}{' and others' if len(others) > 10 else ''}."
    return joined(
        parts.table("Columns", caption, heading, rows),
        element("p", ignored, class_="soft") if others else "",
        element("div", *figures, class_="figures"),
        element("p", more, class_="soft") if len(columns) > DRAWN else "",
    )


def _figure(heading: str, each: Found, names: list[str], limit: float, more: tuple[str, ...]) -> Markup:
    """The shares of the bins then and now; nothing is drawn of a column without values."""
    said = " ".join((*_sentences(each, limit), *more))
    if not each["now"]:
        return element("figure", element("h3", heading), element("figcaption", said or "It has no values."))
    rows = [
        (name, shares) for name, *shares in zip(each["bins"], each["baseline"], each["now"], strict=True) if any(shares)
    ]
    drawn = charts.pairs(f"Distribution of {heading}", "share of rows", rows, names)
    body = [parts.row(name, *(_share(share) for share in shares)) for name, shares in rows]
    content = parts.table(f"Bins of {heading}", "Shares of known values.", parts.headings("Bin", *names), body)
    return figure(heading, drawn, said, content)


def _sentences(each: Found, limit: float) -> Iterator[str]:
    if each["psi"] is not None:
        chance = f", and up to {each['psi_by_chance']:.2g} may be chance" if each["psi_by_chance"] > limit else ""
        yield f"PSI {_number(each['psi'])} (limit {limit:g}{chance})."
    if each["ks"] is not None:
        p_value = f"{each['p_value']:.2g}" if each["p_value"] >= 0.001 else "below 0.001"
        yield f"KS {_number(each['ks'])}, p-value {p_value}."


def _more(each: Found) -> tuple[str, ...]:
    missing, said = each["missing"], []
    if missing["now"] or missing["baseline"]:
        said.append(f"Missing in {_share(missing['now'])} of the rows, {_share(missing['baseline'])} in training.")
    if new := each.get("new_categories", {}).get("now"):
        said.append(f"Training did not have the category of {_share(new)} of the rows.")
    return tuple(said)


def _thresholds(found: Found) -> Markup:
    rows = [parts.row(name, f"{value:g}") for name, value in found["thresholds"].items()]
    caption = "Of [monitoring] in project.toml. A change counts if it is larger, and larger than chance explains."
    return parts.table("Thresholds", caption, parts.headings("Threshold", "Value"), rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _share(share: float) -> str:
    return f"{share:.1%}" if share else "0"


SECTIONS: tuple[tuple[str, str, Callable[[Found], Markup]], ...] = (
    ("metrics", "Metrics", _quality),
    ("predictions", "Predictions", _predictions),
    ("columns", "Columns", _columns),
    ("thresholds", "Thresholds", _thresholds),
)
