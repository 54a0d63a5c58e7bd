"""Write docs/notebooks/: the notebooks of a new project with the results of its sample table.

`make notebook-pages` generates a project, runs its pipeline, and executes the notebooks: run it after changing them. It
needs Java 17, for the one with Spark.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import captures

TEMPLATE = Path(__file__).parents[1]
PAGES = TEMPLATE / "docs" / "notebooks"
NOTEBOOKS = {
    "eda/look_at_the_data": "look-at-the-data",
    "develop/try_a_model": "try-a-model",
    "develop/spark": "spark",
}
NOTE = "This is `{}.ipynb` of a new project, executed on the sample table. In your project, open it in Jupyter.\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = captures.new_project(Path(folder), "setup", "spark", "run")
        for source, name in NOTEBOOKS.items():
            for old in [PAGES / f"{name}.md", *PAGES.glob(f"{name}_*.png")]:
                old.unlink(missing_ok=True)
            command = [".venv/bin/python", "-m", "jupyter", "nbconvert", "--to", "markdown", "--execute"]
            output = ["--output", name, "--output-dir", str(project / "pages")]
            subprocess.run([*command, *output, f"{source}.ipynb"], cwd=project, check=True, capture_output=True)
            text = page((project / "pages" / f"{name}.md").read_text(encoding="utf-8"), source, project)
            for picture in sorted((project / "pages").glob(f"{name}_files/*.png")):
                picture.rename(PAGES / picture.name)
            (PAGES / f"{name}.md").write_text(text, encoding="utf-8")
    captures.record("notebooks")


def page(text: str, source: str, project: Path) -> str:
    """The page from nbconvert's Markdown: without its styles, with an alternative text for each picture."""
    text = re.sub(r"<style scoped>.*?</style>\n", "", text, flags=re.DOTALL)
    text = re.sub(r'<table border="1" class="dataframe">', "<table>", text)
    text = text.replace(str(project), "flight-delays")
    heading, is_code = "", False
    lines: list[str] = []
    for line in map(str.rstrip, text.strip().splitlines()):
        is_code ^= line.startswith("```")
        heading = line.lstrip("# ") if line.startswith("#") and not is_code else heading
        picture = re.fullmatch(r"!\[.*\]\(.*/(.*\.png)\)", line.strip())
        if line or is_code or lines[-1]:  # one empty line is enough, except in code
            lines.append(f"![{heading}]({picture[1]})" if picture else line)
    title, _, rest = "\n".join(lines).partition("\n")
    return f"{title}\n\n{NOTE.format(source)}{rest}\n"


if __name__ == "__main__":
    main()
