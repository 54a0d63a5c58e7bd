"""Write docs/pictures: a run as a terminal shows it, and its report in a browser, light and dark.

`make pictures` generates a project and runs its pipeline in a pseudo-terminal: run it after changing what they show.
It needs Node, for headless Chromium, and fonts.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import tempfile
from pathlib import Path

import captures
import pyte
from PIL import Image
from rich.color import ANSI_COLOR_NAMES
from rich.console import Console
from rich.style import Style
from rich.text import Text

TEMPLATE = Path(__file__).parents[1]
PICTURES = TEMPLATE / "docs" / "pictures"
COLUMNS, LINES = 100, 30
WIDTH, HEIGHT = 1280, 1150  # of the report, in pixels, from its top
TEXT_WIDTH = "document.createElement('canvas').getContext('2d').measureText('report').width"
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def main() -> None:
    from browser import look  # of the tests, which `captures` makes importable

    with tempfile.TemporaryDirectory() as folder:
        project = captures.new_project(Path(folder), "run")  # which also writes bytecode and data/schema.toml
        command = ["ops", "run", "train", "--no-cache"]
        shown = terminal(command, project)
        (PICTURES / "terminal.svg").write_text(svg(shown, " ".join(command)), encoding="utf-8")
        [run] = re.findall(r"\.local/runs/(\w+)/report", shown.plain)
        seen = look(project / ".local" / "runs" / run / "report.html", TEXT_WIDTH, pictures=Path(folder))
        if not all(each.answers[0] for each in seen.values()):
            raise SystemExit("error: Chromium finds no font, so the report has no text: install fonts-liberation")
        for scheme in ("light", "dark"):
            with Image.open(Path(folder, f"{WIDTH}-{scheme}.png")) as page:
                top = page.convert("RGB").crop((0, 0, WIDTH, min(HEIGHT, page.height)))
            top.quantize(128).save(PICTURES / f"report-{scheme}.png", optimize=True)
    captures.record("pictures")


def terminal(command: list[str], project: Path) -> Text:
    """What a terminal shows when the command has ended, with its colours."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    path = f"{project / '.venv' / 'bin'}:{os.environ['PATH']}"
    variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    variables |= {
        "LOGNAME": "ana",
        "PATH": path,
        "TERM": "xterm-256color",
        "COLUMNS": str(COLUMNS),
        "LINES": str(LINES),
    }
    ours, its = pty.openpty()
    with subprocess.Popen(command, cwd=project, env=variables, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        try:
            while read := os.read(ours, 65536):
                stream.feed(read)
        except OSError:  # the other side is closed
            pass
    os.close(ours)
    if process.returncode:
        raise SystemExit("\n".join(screen.display))
    lines = []
    for number in range(screen.cursor.y):
        line = Text()
        for column in range(COLUMNS):
            letter = screen.buffer[number][column]
            colour = {"brown": "yellow"}.get(letter.fg, letter.fg)  # as pyte names it
            known = colour if colour in ANSI_COLOR_NAMES else None
            line.append(letter.data, Style(color=known, bold=letter.bold, italic=letter.italics))
        line.rstrip()
        lines.append(line)
    return Text("\n").join(lines)


def svg(text: Text, title: str) -> str:
    """The picture of a terminal with this text, which asks no other host for a font."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="standard")
        console.print(text)
        drawn = console.export_svg(title=title, unique_id="run")
    drawn = re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r"font-family: [^;]+;", f"font-family: {FONTS};", drawn)
    return re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE).strip() + "\n"


if __name__ == "__main__":
    main()
