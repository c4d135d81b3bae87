"""What a page consists of, before it is HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

LIST_PRICES: Final = "list prices and offers, not trades"
SCORES: Final = "scores as their boards publish them"
BOARDS_AND_PRICES: Final = "list prices, not trades, of models as their board rates them"
MODELLED: Final = "an estimate, modelled from list prices and published figures; nobody's accounts"
"""What a figure rests on."""


@dataclass(frozen=True)
class Table:
    """Cells are ready text; ``numeric`` names the columns set flush right, ``flags`` a style per row,
    ``keys`` the choice of the section's filter that shows a row. One of prose stacks its cells on a phone."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numeric: frozenset[str] = frozenset()
    caption: str = ""
    flags: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    is_prose: bool = False


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
    unit: str
    evidence: str
    as_of: str
    """Day or month of the latest value drawn."""
    note: str = ""
    keys: tuple[str, ...] = ()
    """Choices of the section's filter that show this figure: the group first, then the lines in it."""
    explained: str = ""
    """Command that tells what one figure of the chart stands on, its latest as a rule."""


@dataclass(frozen=True)
class Filter:
    """A choice of what a section shows: names of groups and, in each, of lines."""

    label: str
    groups: Mapping[str, tuple[str, ...]]


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
    choice: Filter | None = None
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

    @property
    def has_charts(self) -> bool:
        return any(section.figures for section in self.sections)
