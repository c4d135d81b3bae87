"""HELM: language models on fixed scenarios under one protocol, in numbered releases.

Publisher: Stanford CRFM, https://crfm.stanford.edu/helm (code Apache-2.0, results under no stated licence).
Keyless JSON in a public bucket, per project and release. Quirks: newest release first in the list; the first
group of a project is the one its page opens with; a release states no day; headers read "scenario - metric",
and the mean of the scenarios stands in front; empty cells are runs not made.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows, decode

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
PROJECTS_URL = "https://crfm.stanford.edu/helm/project_metadata.json"
RELEASE_URL = "https://storage.googleapis.com/crfm-helm-public/{project}/benchmark_output/releases/{release}/"
PROJECTS = ("capabilities", "lite")
"""Read projects: the others are about safety, images, single subjects or older models."""
PLACE = re.compile(r"/(?P<project>[^/]+)/benchmark_output/releases/(?P<release>[^/]+)/")
TABLE = "Accuracy"


class Project(msgspec.Struct):
    id: str
    releases: list[str]


class Cell(msgspec.Struct):
    value: str | float | None = None
    href: str | None = None


class Table(msgspec.Struct):
    title: str
    header: list[Cell]
    rows: list[list[Cell]]


def fetch(http: Http) -> None:
    """Per project: the newest release, its first group, that group's tables."""
    releases = {project.id: project.releases for project in _projects(http.get(PROJECTS_URL, parse=False))}
    for project in PROJECTS:
        if not releases.get(project):
            raise PayloadError(f"{PROJECTS_URL} names no release of {project}")
        base = RELEASE_URL.format(project=project, release=releases[project][0])
        tables = decode(http.get(f"{base}groups.json", parse=False), list[Table])
        link = next((row[0].href for table in tables for row in table.rows if row), None) or ""
        if not link.startswith("?group="):
            raise PayloadError(f"{base}groups.json links no group first: {link!r}")
        http.get(f"{base}groups/{link.removeprefix('?group=')}.json", scope=project)


def parse(body: bytes, context: Context) -> Parsed:
    """A group's tables to `leaderboard_scores`, one row per scenario of a model, and `overall` for its mean.

    Key: project (leaderboard `helm_<project>`), release (board version), scenario, metric as headed, and
    model. All are fractions; values outside 0 to 1 are rejected. Only the table of accuracy is read. The date
    is that of the reading. Raises PayloadError when the body is not such JSON or has no such table.
    """
    place = PLACE.search(context.url)
    if not place:
        raise PayloadError(f"{context.url!r} names no project and release")
    table = next((table for table in decode(body, list[Table]) if table.title == TABLE), None)
    if table is None or len(table.header) < 2:
        raise PayloadError(f"there is no table of {TABLE}")
    rows = Rows("leaderboard_scores")
    for position, row in enumerate(table.rows):
        if len(row) != len(table.header):
            rows.reject(f"rows/{position}", f"{len(row)} cells under {len(table.header)} headers")
            continue
        for header, cell in zip(table.header[1:], row[1:], strict=True):
            if cell.value is None:
                continue
            scenario, _, metric = str(header.value).partition(" - ")
            known = {
                "leaderboard": f"helm_{place['project']}",
                "board_version": place["release"],
                "category": scenario if metric else "overall",
                "metric": metric or scenario,
                "model_raw": row[0].value,
                "score": cell.value,
                "score_unit": "fraction",
                "evaluated_date": context.observed_at.date(),
            }
            if isinstance(cell.value, str) or not 0 <= cell.value <= 1:
                rows.reject(f"rows/{position}/{header.value}", "not a fraction: another unit", **known)
            else:
                rows.add(f"rows/{position}/{header.value}", **known)
    return {"leaderboard_scores": rows}


def _projects(body: bytes) -> list[Project]:
    return decode(body, list[Project])
