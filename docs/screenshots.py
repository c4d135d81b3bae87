"""Writes docs/img: a picture of the top of each page of the report, drawn from the bundled history.

`make screenshots` after a change of the report or the history. Needs the system's Chromium.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

import yaml
from playwright.sync_api import sync_playwright

from docs import write
from warehouse.query import connect
from warehouse.report import PAGES, write_report
from warehouse.settings import DBT_PROJECT

IMAGES: Final = write.HERE / "img"
CHROMIUM: Final = next(
    filter(
        None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))
    ),
    None,
)
"""The system's browser, or None."""
SIZE: Final = {"width": 1200, "height": 1500}
MOST_BYTES: Final = 350_000
"""A picture stays in the history of the repository for ever."""
DRAWN: Final = "[...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('svg path'))"


def draw(database: Path, images: Path) -> list[Path]:
    """Picture each page of the report on ``database``, a file each in ``images``; ValueError: too large."""
    stands_at = f"{write.AS_OF}T00:00:00+00:00"
    release = {
        "release_id": "the bundled history",
        "created_at": stands_at,
        "as_of": stands_at,
        "code_version": version("aimarket"),
        "methodology_version": yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text())["vars"][
            "methodology_version"
        ],
    }
    drawn = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        with connect(database) as connection:
            write_report(connection, release, Path(folder))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_context(color_scheme="light", viewport=SIZE).new_page()
        for page_id in ("index", *PAGES):
            tab.goto((Path(folder) / f"{page_id}.html").as_uri())
            tab.wait_for_function(DRAWN)
            picture = tab.screenshot()
            if len(picture) > MOST_BYTES:
                raise ValueError(f"the picture of {page_id} has {len(picture):,} bytes")
            drawn.append(images / f"{page_id}.png")
            drawn[-1].write_bytes(picture)
        browser.close()
    return drawn


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        kept = draw(write.build(Path(home)), IMAGES)
    for left_over in set(IMAGES.glob("*.png")) - set(kept):
        left_over.unlink()


if __name__ == "__main__":
    main()
