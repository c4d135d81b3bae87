"""Numbers, days and names in the words of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal


def instant(stated: datetime | str) -> datetime:
    """A manifest's instant in UTC; without a zone it is taken as UTC."""
    instant = stated if isinstance(stated, datetime) else datetime.fromisoformat(stated)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def day(day: date | None) -> str:
    return "–" if day is None else f"{day.day}\u00a0{day:%b}\u00a0{day.year}"


def month(day: date | None) -> str:
    return "–" if day is None else f"{day:%b}\u00a0{day.year}"


def age(days: float | None) -> str:
    if days is None:
        return "–"
    return {0: "today", 1: "1\u00a0day"}.get(int(days), f"{int(days)}\u00a0days")


def count(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"


def usd(amount: Decimal | float | None) -> str:
    """Two decimals from one dollar up, three digits below."""
    if amount is None:
        return "–"
    value = float(amount)
    if abs(value) >= 1 or value == 0:
        return f"${value:,.2f}"
    digits = f"{Decimal(f'{value:.3g}'):f}"
    return f"${digits}" if len(digits) > 4 else f"${value:.2f}"


def percent(ratio: Decimal | float | None) -> str:
    return "–" if ratio is None else f"{float(ratio) * 100:.0f}\u00a0%".replace("-", "−")


def change(ratio: Decimal | float | None) -> str:
    if ratio is None:
        return "–"
    percent = round(float(ratio) * 100)
    return f"{percent:+d}\u00a0%".replace("-", "−") if percent else "0\u00a0%"


def explained(mart: str, **key: str | float | date) -> str:
    """The command that tells what a value of a mart stands on."""
    condition = " and ".join(
        f"{name} = {value}" if isinstance(value, float) else f"{name} = '{value}'"
        for name, value in key.items()
    )
    return f'aimarket explain {mart} --where "{condition}"'


def index(value: Decimal | float | None) -> str:
    return "–" if value is None else f"{float(value):.1f}"


def times(factor: Decimal | float | None) -> str:
    """A factor, with a digit after the point below ten."""
    if factor is None:
        return "–"
    return f"{float(factor):.1f}×" if float(factor) < 10 else f"{float(factor):,.0f}×"


def months(count: Decimal | float | None) -> str:
    """Months, rounded; the methodology's null stands for never."""
    return "never" if count is None else f"{float(count):.0f}\u00a0months"


def million_usd(amount: Decimal | float | None) -> str:
    return "–" if amount is None else f"{usd(amount)}\u00a0M"


def words(identifier: str) -> str:
    return identifier.replace("_", " ")


def left_out(what: str, reasons: Iterable[str | None]) -> str:
    """A sentence on how many of ``what`` are suppressed and why; empty where none is."""
    counts = Counter(reason or "no reason is given" for reason in reasons)
    told = ", ".join(f"{count(number)} ({reason})" for reason, number in counts.most_common())
    return f"Suppressed {what}: {told}. " if told else ""


def shortened(text: str) -> str:
    return text if len(text) <= 160 else text[:159] + "…"


def inert(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
