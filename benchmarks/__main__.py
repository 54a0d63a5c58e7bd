"""`python -m benchmarks [--quick] [name …]`: run all benchmarks, or those named, and write docs/benchmarks.md.

Each benchmark replaces its own file in benchmarks/results; the page is made from all of them. `--pages` measures
nothing. `--quick` runs everything once at its smallest, to find errors, and writes nothing: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import page, quotes, results
from benchmarks.workplace import Workplace, make_environment

# In the order of the page: from the first command to the last.
NAMES = (
    "setup",
    "generation",
    "local_run",
    "processing",
    "report",
    "tuning",
    "tracking",
    "serving",
    "aws",
    "gitlab",
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"what to measure (default: all): {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="everything once at its smallest; write nothing")
    parser.add_argument("--pages", action="store_true", help="measure nothing, and write the pages again")
    parser.add_argument(
        "--rounds", type=int, default=0, metavar="N", help="at most so many rounds (default: as many as each wants)"
    )
    parser.add_argument("--environment", type=Path, metavar="DIR", help="the .venv of a generated project, to use it")
    arguments = parser.parse_args(argv)
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(NAMES)}")
    failed = []
    if not arguments.pages:
        environment = (arguments.environment or make_environment()).resolve()
        names = [name for name in NAMES if name in arguments.names or not arguments.names]
        failed = [name for name in names if not _run(name, arguments, environment)]
    if not arguments.quick:
        page.write(results.load(), NAMES)
        quotes.write(results.load())
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str, arguments: argparse.Namespace, environment: Path) -> bool:
    """Run one benchmark, and keep what it found unless it is quick; False if it failed."""
    print(f"{name} …", flush=True)
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            place = Workplace(Path(folder).resolve(), arguments.quick, environment, arguments.rounds)
            found = importlib.import_module(f"benchmarks.{name}").measure(place)
        found = replace(found, measured=place.measured())
        text = page.section(found)
    except Exception:
        traceback.print_exc()
        return False
    if arguments.quick:
        print(f"  no error in {time.monotonic() - start:.0f} s", flush=True)
    else:
        results.save(found)
        print(text, flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
