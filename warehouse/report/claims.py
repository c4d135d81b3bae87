"""What articles said, put to the test."""

from __future__ import annotations

import re
from typing import Final

from warehouse.report import say
from warehouse.report.content import Fact, Part, Section, Table
from warehouse.report.market import Market

VERDICTS: Final = {
    "holds": "Holds",
    "fails": "Does not hold",
    "reported": "Reported, not judged",
    "not testable": "Cannot be tested",
}

COUNTED: Final = {
    "holds": "hold up",
    "fails": "not borne out",
    "reported": "reported without a verdict",
    "not testable": "not testable",
}

_FLAGS: Final = {"holds": "good", "fails": "bad"}

_SERIES: Final = re.compile(r"\b([a-z]+)/([a-z_]+)/(\d+)/([a-z0-9-]+[a-z0-9])")

_IDENTIFIER: Final = re.compile(r"(?<![\w./-])[a-z0-9]+(?:-[a-z0-9]+)+(?![\w/-]|\.\d)")


def answers(market: Market) -> Part:
    """Each claim with who made it and when, the test, the verdict and the figures behind it."""
    section = ("claims", "What articles said, and what the data says")
    known = market.has("marts.claims")
    rows = market.rows("from marts.claims order by stated_date, claim_id") if known else []
    if not rows:
        return Section(*section, missing="This release tests no claim."), []
    table = Table(
        ("Claim", "Verdict", "Who and when", "What we measured", "What we found"),
        [
            (
                row["statement"],
                str(VERDICTS.get(row["verdict"], row["verdict"]))
                + (f" ({row['status']})" if row["status"] in ("provisional", "imputed") else ""),
                f"{row['source'][:1].upper()}{row['source'][1:]}, {say.day(row['stated_date'])}",
                _sentence(plain(market, row["test"])),
                plain(market, row["answer"] or "")
                + (f" {row['status_reason']}." if row["status_reason"] else "")
                + (
                    f" Data of {say.day(row['first_date'])} to {say.day(row['last_date'])}."
                    if row["first_date"]
                    else ""
                ),
            )
            for row in rows
        ],
        flags=tuple(_FLAGS.get(row["verdict"], "") for row in rows),
        is_prose=True,
    )
    counts = {
        verdict: sum(row["verdict"] == verdict for row in rows)
        for verdict in dict.fromkeys((*VERDICTS, *(row["verdict"] for row in rows)))
    }
    shares = ", ".join(
        f"{count} {COUNTED.get(verdict, verdict)}" for verdict, count in counts.items() if count
    )
    lead = (
        f"Statements from articles, each put to the test beside it: {shares}. The tests read the tables of "
        f"this release, as of {say.day(rows[0]['as_of_date'])}: list prices and offers, not trades, and "
        "margins modelled from them. A claim whose data is too thin gets no verdict, only what was seen."
    )
    fact = Fact("Claims of articles that hold", f"{counts['holds']} of {len(rows)}", shares)
    return Section(*section, lead, tables=(table,)), [fact]


def plain(market: Market, text: str) -> str:
    """``text`` with the keys of rental series, accelerators and models put into words, and minus signs."""

    def series(found: re.Match[str]) -> str:
        segment, purchase_type, months, gpu_id = found.groups()
        term = f" for {months} months" if months != "0" else ""
        return f"{segment}, {say.words(purchase_type)}{term}, {market.name('gpu', gpu_id)}"

    def identifier(found: re.Match[str]) -> str:
        key = found[0]
        return market.name("gpu", key, market.name("model", key, key))

    named = _IDENTIFIER.sub(identifier, _SERIES.sub(series, text))
    return re.sub(r"(?<![\w.])-(?=\d)", "−", named)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."
