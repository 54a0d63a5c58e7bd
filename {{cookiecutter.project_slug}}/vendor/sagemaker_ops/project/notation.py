"""How [data] says that values are written: what is wrong with these settings, and their arguments for the steps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sagemaker_ops.errors import did_you_mean

SETTINGS = ("separator", "decimal", "thousands", "encoding", "missing", "dates")
DEFAULTS = {"decimal": ".", "encoding": "utf-8"}
THOUSANDS = ".,'\u2019_ \u00a0"
ENCODINGS = ("utf-8", "latin-1", "cp1252", "utf-16", "iso-8859-15", "shift_jis", "gb18030")
DIRECTIVES = set("aAbBdmyYHIMSfzZpjUWGVu%")  # that both Python and pandas know
MOMENT = datetime(2025, 12, 31, 23, 59, 58)


def changed(data: Any) -> dict[str, Any]:
    """The settings that differ from the defaults; `dates` as a list or a table."""
    values = {name: getattr(data, name) for name in SETTINGS}
    if isinstance(values["dates"], str):
        values["dates"] = [values["dates"]] if values["dates"] else []
    return {name: value for name, value in values.items() if value and value != DEFAULTS.get(name)}


def arguments(data: Any) -> list[str]:
    """The settings as command-line arguments of a step, see tabular/notation.py."""
    found = []
    for name, value in changed(data).items():
        if isinstance(value, Mapping):
            value = [json.dumps({column: form}, ensure_ascii=False) for column, form in value.items()]
        found += [f"--{name}={each}" for each in ([value] if isinstance(value, str) else value)]
    return found


def misfits(data: Any) -> Iterator[tuple[str, str]]:
    """(key, a sentence) for each setting that is not valid."""
    separator, decimal, thousands = data.separator, data.decimal, data.thousands
    if len(separator) > 1:
        yield "separator", f"'{separator}' has {len(separator)} characters: write one, such as \";\"."
    elif separator and (not separator.isascii() or separator.isalnum() or separator in '"\n\r\0'):
        yield "separator", f'\'{separator}\' cannot separate values: write ";", "\\t" or "|", for example.'
    if decimal not in (".", ","):
        yield "decimal", f'\'{decimal}\' is not a decimal separator: write "." or ",".'
    if len(thousands) > 1 or thousands not in THOUSANDS:
        yield "thousands", f'\'{thousands}\' is not a thousands separator: write ".", ",", " " or "\'".'
    elif thousands == decimal:
        other = "," if decimal == "." else "."
        yield "thousands", f"'{thousands}' is also the decimal separator: write decimal = \"{other}\", or remove this."
    for name, value in (("decimal", decimal), ("thousands", thousands)):
        if separator and separator == value:
            yield "separator", f"'{value}' is also the {name} separator: remove this if the numbers are in quotes."
    if not _is_encoding(data.encoding):
        yield (
            "encoding",
            f'\'{data.encoding}\' is not an encoding: write one such as "latin-1" or "utf-16".'
            f"{did_you_mean(data.encoding, ENCODINGS)}",
        )
    dates = data.dates.values() if isinstance(data.dates, Mapping) else changed(data).get("dates", ())
    for form in dates:
        if not _is_format(form):
            yield "dates", f"'{form}' is not a date format: write \"%d/%m/%Y\" for 31/12/2025, for example."


def _is_encoding(name: str) -> bool:
    try:
        return b"".decode(name) == "" and "".encode(name) is not None
    except (LookupError, ValueError):
        return False


def _is_format(text: str) -> bool:
    """Whether this is a format of strptime that contains a day with its year."""
    if not set(re.findall("%(.?)", text)) <= DIRECTIVES or not re.search("%[yYG]", text):
        return False
    try:
        return bool(datetime.strptime(MOMENT.strftime(text), text))
    except ValueError:
        return False
