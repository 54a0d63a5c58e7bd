"""Write the tables of the guide whose content is data of the library: between `<!-- table: NAME -->` and its end.

`make tables` writes them; run it after `make instance-types` or a new list of images.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).parents[1]
DATA = TEMPLATE / "{{cookiecutter.project_slug}}" / "vendor" / "sagemaker_ops" / "guardrails"
PAGES = ("docs/notebooks/instances.md", "docs/project-toml.md")
FAMILIES = ("c5", "m5", "r5", "g5")
_TABLE = re.compile(r"(<!-- table: ([\w-]+) -->\n)(.*?)(<!-- end of table -->)", re.DOTALL)


def page(text: str) -> str:
    """The page with its tables as the data is now. KeyError for an unknown table."""
    return _TABLE.sub(lambda found: "\n".join([found[1], *TABLES[found[2]](), "", found[4]]), text)


def _instances() -> Iterator[str]:
    """The sizes of a few families for training: memory, and GPUs if there are any."""
    types = _read("instance_types.json")["types"]
    known = {name: about for name, about in types.items() if "training" in about["uses"]}
    yield f"| size | vCPU | {' | '.join(f'`ml.{family}`' for family in FAMILIES)} |"
    yield "|---|" + "---:|" * (len(FAMILIES) + 1)
    sizes = {name.rpartition(".")[2]: known[name] for name in known if name.split(".")[1] == "m5"}
    for size, about in sorted(sizes.items(), key=lambda item: item[1]["vcpu"]):
        cells = [_memory(known.get(f"ml.{family}.{size}"), about["vcpu"]) for family in FAMILIES]
        yield f"| `{size}` | {about['vcpu']} | {' | '.join(cells)} |"


def _memory(about: dict[str, Any] | None, vcpu: int) -> str:
    if about is None:
        return "-"
    gpus = f", {about['gpus']} GPU{'s' if about['gpus'] > 1 else ''}" if about["gpus"] else ""
    cores = "" if about["vcpu"] == vcpu else f", {about['vcpu']} vCPU"
    return f"{about['memory']:g} GiB{cores}{gpus}"


def _images() -> Iterator[str]:
    """The versions of AWS's scikit-learn image, the newest first."""
    versions = _read("images.json")["versions"]
    yield "| version | for jobs | for endpoints and batch predictions |"
    yield "|---|---|---|"
    for version in reversed(versions["training"]):
        yield f"| `{version}` | yes | {'yes' if version in versions['inference'] else 'no'} |"


def _read(name: str) -> dict[str, Any]:
    return dict(json.loads((DATA / name).read_text(encoding="utf-8")))


TABLES: dict[str, Callable[[], Iterator[str]]] = {"instances": _instances, "images": _images}


def main() -> None:
    for name in PAGES:
        path = TEMPLATE / name
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
