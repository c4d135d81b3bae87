"""What a page consists of, before it is HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """Cells are ready text; ``numeric`` names the columns set flush right, ``flags`` a style per row."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numeric: frozenset[str] = frozenset()
    caption: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Legend:
    name: str
    colour: str
    dash: str


@dataclass(frozen=True)
class Figure:
    """A chart and what must stand around it: words for those who cannot see it, its numbers, where from."""

    figure_id: str
    title: str
    description: str
    spec: Mapping[str, Any]
    legend: tuple[Legend, ...]
    table: Table
    numbers: str
    """CSV of what is drawn."""
    note: str = ""
    explained: str = ""
    """Command that tells what one figure of the chart stands on, its latest as a rule."""


@dataclass(frozen=True)
class Section:
    """``missing`` says why there is nothing to show, where there is nothing."""

    section_id: str
    title: str
    lead: str = ""
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    missing: str = ""
    is_grid: bool = False
    page_id: str = ""
    """Page that says more, where this is an extract of it."""


@dataclass(frozen=True)
class Fact:
    """One number of the summary at the top."""

    label: str
    value: str
    detail: str
    explained: str = ""
    """Command that tells what the number stands on."""


Part = tuple[Section, list[Fact]]


@dataclass(frozen=True)
class Page:
    page_id: str
    title: str
    sections: tuple[Section, ...]
    facts: tuple[Fact, ...]
