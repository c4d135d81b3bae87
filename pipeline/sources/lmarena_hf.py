"""LMArena: ratings of text models from blind votes, as the arena itself publishes them.

Publisher: LMArena, https://huggingface.co/datasets/lmarena-ai/leaderboard-dataset, CC BY 4.0. One Parquet
file per board holds the latest publication, some 10,000 rows over all categories; dates are irregular, a few
a month. Keyless within the hub's limits. Quirks: every publication fits all ratings anew, so an old model's
value drifts and only values of one publication compare; the two boards have different scales; effort suffixes
are part of the name; vote counts come as floats; rating bounds can be missing.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.errors import PayloadError
from pipeline.parsing import Context, Parsed, Rows

if TYPE_CHECKING:
    from pipeline.http import Http

PARSER_VERSION = 1
URL = (
    "https://huggingface.co/datasets/lmarena-ai/leaderboard-dataset/resolve/main/"
    "{board}/latest-00000-of-00001.parquet"
)
BOARDS = ("text", "text_style_control")
"""Folders of the dataset; the second corrects for length and formatting of the answers."""
BOARD_VERSION = "lmarena_hf"
MAGIC = b"PAR1"
"""First and last bytes of every Parquet file."""
DAMAGED = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    OSError,
    ValueError,
    RuntimeError,
    MemoryError,
)
"""What the readers raise on a file that is broken inside."""
COLUMNS = {
    "category": pl.col("category").cast(pl.String),
    "model_raw": pl.col("model_name").cast(pl.String),
    "organization_raw": pl.col("organization").cast(pl.String),
    "score": pl.col("rating").cast(pl.Float64),
    "score_low": pl.col("rating_lower").cast(pl.Float64).fill_nan(None),
    "score_high": pl.col("rating_upper").cast(pl.Float64).fill_nan(None),
    "vote_count": pl.col("vote_count").cast(pl.Float64).fill_nan(None).cast(pl.Int64),
    "rank": pl.col("rank").cast(pl.Float64).fill_nan(None).cast(pl.Int32),
    "license_raw": pl.col("license").cast(pl.String),
    "evaluated_date": pl.col("leaderboard_publish_date").cast(pl.String).str.slice(0, 10),
}
"""Column of leaderboard_scores to the dataset's own."""


def fetch(http: Http) -> None:
    """One file per board."""
    for board in BOARDS:
        http.get(URL.format(board=board), scope=board)


def parse(body: bytes, context: Context) -> Parsed:
    """One board's Parquet file to `leaderboard_scores`, one row per category and model.

    The board is the context's scope, or the first folder of its path. Key: board, category, model and
    publication date; metric `rating` on the board's own Elo scale, with its interval. All categories are
    kept, `overall` is the headline. Raises PayloadError when the body is not Parquet with these columns.
    """
    board = context.scope or context.path.partition("/")[0]
    if board not in BOARDS:
        raise PayloadError(f"unknown board {board!r}; known are {', '.join(BOARDS)}")
    rows = Rows("leaderboard_scores")
    for position, row in enumerate(_read(body)):
        known = {
            "leaderboard": f"lmarena_{board}",
            "board_version": BOARD_VERSION,
            "metric": "rating",
            "score_unit": "elo",
            **row,
        }
        if row["score"] == 0:
            rows.reject(f"row {position}", "0: no rating", **known)
        else:
            rows.add(f"row {position}", **known)
    return {"leaderboard_scores": rows}


def _read(body: bytes) -> list[dict[str, Any]]:
    if not (body.startswith(MAGIC) and body.endswith(MAGIC)):
        raise PayloadError(f"not Parquet; the body starts {body[:60]!r}")
    try:
        # polars' own reader aborts the process on some damaged files (1.44); Arrow's raises.
        return pl.read_parquet(io.BytesIO(body), use_pyarrow=True).select(**COLUMNS).rows(named=True)
    except DAMAGED as error:
        raise PayloadError(f"damaged Parquet, or one with other columns: {error}") from error
