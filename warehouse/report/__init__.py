"""The report: a small site that says where the market stands, readable from a file and without a network.

What belongs here: questions to the marts, and charts and words for the answers. What does not: prices,
indices and legs; sql/ computes them.

Names of models and sellers and vendors' error texts are foreign input. They reach a page through autoescape,
through JSON in which no `<` survives, or through CSV with formulas defused; the content security policy of a
page runs only the script whose hash it states and loads nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import duckdb

from warehouse.errors import NoRelease
from warehouse.files import write_file
from warehouse.publish import current_release
from warehouse.query import connect
from warehouse.report import capability, claims, costs, gpus, margins, say, sources, tokens
from warehouse.report.content import Page, Part
from warehouse.report.market import Market
from warehouse.settings import settings

PAGES: Final[Mapping[str, tuple[str, tuple[Callable[[Market], Part], ...]]]] = {
    "gpus": ("GPU rental", (gpus.rental, gpus.matched_index, gpus.families)),
    "tokens": ("Tokens", (tokens.indices, tokens.flagships, tokens.recent_steps)),
    "capability": (
        "Capability",
        (
            capability.gpt_4_class,
            capability.fixed_levels,
            capability.price_performance,
            capability.gap,
            capability.catch_up,
        ),
    ),
    "margins": (
        "Margins and costs",
        (margins.margins, margins.margin_index, costs.training, costs.rent_or_buy),
    ),
    "claims": ("Claims tested", (claims.answers,)),
    "sources": ("Sources and quality", (sources.freshness,)),
}
"""Every page but the overview, in the order of the navigation: file name, title, what stands on it."""

DRAW: Final = """
const views = new Map();
const choose = (select) => {
  const kept = [...select.closest("section").querySelectorAll("[data-keys]")].filter((part) => {
    const keys = JSON.parse(part.dataset.keys);
    part.hidden = select.value !== "" && !keys.includes(select.value);
    const view = views.get(part.querySelector(".chart")?.id);
    if (view) view.signal("chosen", select.value === keys[0] ? "" : select.value).runAsync();
    return !part.hidden && part.localName === "figure";
  });
  select.nextElementSibling.value = kept.length === 1 ? "1 chart" : kept.length + " charts";
  dispatchEvent(new Event("resize"));
};
for (const select of document.querySelectorAll("select[data-filter]")) {
  select.addEventListener("change", () => choose(select));
  select.parentElement.hidden = false;
  choose(select);
}
for (const block of document.querySelectorAll("script[type='application/json']")) {
  const place = document.getElementById(block.dataset.chart);
  const refuse = () => Promise.reject(new Error("this page loads nothing"));
  vegaEmbed(place, JSON.parse(block.textContent), {
    renderer: "svg", actions: false, ast: true, tooltip: {theme: "page", disableDefaultStyle: true},
    loader: {load: refuse, sanitize: refuse, http: refuse, file: refuse},
  }).then(({view}) => {
    const select = place.closest("section").querySelector("select[data-filter]");
    if (!select || !("chosen" in view.getState().signals)) return;
    views.set(place.id, view);
    if (select.value !== "") choose(select);
  }).catch((error) => {
    place.textContent = "This chart could not be drawn (" + error.message + "); its numbers are below.";
    console.error(error);
  });
}
"""
"""Draws the charts and lets a choice hide what it does not name; runs last in the page. Expressions are
interpreted, so that the policy need not allow `eval`."""


def draw_report() -> Path:
    """Write the site of the current release to its place and return its overview. Raises NoRelease."""
    here = settings()
    release = current_release(here.releases, here.market)
    if release is None:
        raise NoRelease("nothing was published yet; `aimarket run` builds and publishes a release")
    with connect(release.path) as connection:
        return write_report(connection, release.manifest, here.report)


def write_report(connection: duckdb.DuckDBPyConnection, release: Mapping[str, Any], folder: Path) -> Path:
    """Write the site below ``folder``, each file whole or not at all, and return its overview.

    The site is rendered before the first file is written: one that fails leaves the old one as it was.
    """
    site = render(connection, release)
    for name, text in site.items():
        write_file(folder / name, partial(_write_text, text))
    for left_over in set(folder.rglob("*.*")) - {folder / name for name in site}:
        left_over.unlink()
    return folder / "index.html"


def render(connection: duckdb.DuckDBPyConnection, release: Mapping[str, Any]) -> dict[str, str]:
    """Text of each file of the site by its name: a page each, and the numbers of each chart as CSV.

    ``connection`` has schemas core, marts and ops; ``release`` is its manifest: release_id, created_at,
    code_version, methodology_version, as_of. A mart that is empty or absent gives a section that says so.
    Raises duckdb.Error where a mart has lost a column that is read here.
    """
    import jinja2

    market = Market(connection)
    pages = [_page(market, page_id, *about) for page_id, about in PAGES.items()]
    pages.insert(0, _overview(pages))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("page.html.j2")
    script = _script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    site = {
        f"{page.page_id}.html": template.render(
            page=page,
            pages=pages,
            release=release,
            as_of=say.instant(release["as_of"]),
            created_at=say.instant(release["created_at"]),
            script=script,
            script_hash=digest,
        )
        for page in pages
    }
    figures = [figure for page in pages for section in page.sections for figure in section.figures]
    return site | {f"data/{figure.figure_id}.csv": figure.numbers for figure in figures}


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _page(market: Market, page_id: str, title: str, parts: tuple[Callable[[Market], Part], ...]) -> Page:
    found = [part(market) for part in parts]
    sections = tuple(section for section, _ in found)
    return Page(page_id, title, sections, tuple(fact for _, facts in found for fact in facts))


def _overview(pages: list[Page]) -> Page:
    """The facts of every page, and of each page its first chart."""
    sections = [
        replace(
            section,
            lead="",
            figures=section.figures[:1],
            tables=(),
            is_grid=False,
            choice=None,
            page_id=page.page_id,
        )
        for page in pages
        for section in page.sections[:1]
        if section.figures
    ]
    return Page("index", "Overview", tuple(sections), tuple(fact for page in pages for fact in page.facts))


@cache
def _script() -> str:
    """Vega, Vega-Lite and the drawing code as one script, safe inside a script element."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle(DRAW)
    return "{" + bundle.replace("</script", r"<\/script").replace("<!--", r"<\!--") + "}"
