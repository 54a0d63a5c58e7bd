"""The pipeline parameters that keys of project.toml become: `MaxIter` for `max_iter`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Parameter.html
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")


def parameter_of(key: str) -> str:
    """The pipeline parameter of a key in [hyperparameters] or [parameters]: `MaxIter` for `max_iter`."""
    return "".join(word[:1].upper() + word[1:] for word in key.split("_"))


def misfits(tables: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    """(`[table].key`, a sentence) for each key that AWS would refuse, or that becomes the same parameter as another."""
    seen: dict[str, str] = {}
    for place, key in ((f"[{table}].{key}", key) for table, keys in tables.items() for key in keys):
        name = parameter_of(key)
        first = seen.setdefault(name, place)
        if not _NAME.fullmatch(name):
            yield place, "cannot become a pipeline parameter; use only letters, digits and '_'."
        elif first != place:
            yield place, f"becomes the parameter {name}, and so does {first}; rename one of them."
