"""The guide as a reader sees it: every page in a browser, on a phone and on a desk, in the light and in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import look_at
from documentation import built

pytestmark = [pytest.mark.slow, pytest.mark.longest]

PHONE, DESK = (390, "dark"), (1280, "light")
SEARCH = """(async () => {
  const field = document.querySelector(".md-search__input");
  field.focus();
  field.value = "idle shutdown";
  field.dispatchEvent(new Event("keyup"));
  for (let tries = 0; tries < 100; tries++) {
    const found = document.querySelector(".md-search-result__item a");
    if (found) return new URL(found.href).pathname;
    await new Promise((done) => setTimeout(done, 100));
  }
})()"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The folder of the built guide, and the address where it is served."""
    folder = tmp_path_factory.mktemp("guide")
    built.guide(folder)
    done = built.build(folder, "mkdocs.yml")
    assert (done.code, done.out, done.err) == (0, "", ""), done
    with built.served(folder / "site") as address:
        yield folder / "site", address


def test_every_page_is_good_on_a_phone_and_on_a_desk(site: tuple[Path, str]) -> None:
    folder, address = site
    pages = [file.relative_to(folder).as_posix().removesuffix("index.html") for file in folder.rglob("index.html")]

    found = look_at([f"{address}{page}" for page in sorted(pages)], [PHONE, DESK])

    faults = {
        f"{page.removeprefix(address)} {view}": look.faults
        for page, views in found.items()
        for view, look in views.items()
        if look.faults
    }
    assert faults == {}
    assert len(found) > 40


def test_the_search_finds_a_section(site: tuple[Path, str]) -> None:
    [views] = look_at([site[1]], [DESK], SEARCH).values()

    assert views["1280 light"].answers == ["/studio/"]
