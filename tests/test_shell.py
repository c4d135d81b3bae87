"""The prompt of `aimarket sql`: what is typed, what is shown, what completes, what is kept."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from pipeline import shell
from tests.desk import GRAINS, VERSIONS, Desk
from tests.test_macros import GPU_TABLES, TOKEN_TABLE
from warehouse.publish import MACROS, publish
from warehouse.query import connect
from warehouse.settings import settings

AIMARKET = str(Path(sys.executable).with_name("aimarket"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    desk = Desk(tmp_path_factory.mktemp("shell") / "home")
    desk.built(*GPU_TABLES, TOKEN_TABLE, "comment on table marts.prices is 'Grain: one row per number.'")
    macros = MACROS.read_text(encoding="utf-8")
    publish(desk.build, desk.results, desk.releases, desk.pointer, VERSIONS, GRAINS, macros)
    return desk.pointer.parent


@pytest.fixture
def connection(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    monkeypatch.setenv("AIMARKET_HOME", str(home))
    settings.cache_clear()
    (home / "sql_history").unlink(missing_ok=True)
    with connect() as opened:
        yield opened
    settings.cache_clear()


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is shown, answers and errors alike."""
    shown = io.StringIO()
    console = Console(file=shown, width=160)
    for module in ("pipeline.shell", "pipeline.console"):
        monkeypatch.setattr(f"{module}.OUT", console)
    monkeypatch.setattr("pipeline.shell.ERR", console)
    return shown


def typed(connection: duckdb.DuckDBPyConnection, *keys: str) -> None:
    """Talk, with somebody at the keyboard who pauses between the ``keys`` and leaves at the end."""
    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=DummyOutput()):
        for number, some in enumerate((*keys, "\x04")):
            threading.Timer(0.5 * number, keyboard.send_text, [some]).start()
        shell.talk(connection)


def test_a_statement_ends_with_a_semicolon_and_may_span_lines(
    connection: duckdb.DuckDBPyConnection, screen: io.StringIO
) -> None:
    typed(connection, "select max(number) as best\rfrom prices\r;\rselect 7 * 6 as answer;\r")
    shown = screen.getvalue()
    assert "best" in shown
    assert "99" in shown
    assert "42" in shown


def test_what_fails_is_told_and_the_talk_goes_on(
    connection: duckdb.DuckDBPyConnection, screen: io.StringIO
) -> None:
    typed(connection, "from pricez;\rdrop table prices;\rcall enable_logging();\rselect 7 * 6 as answer;\r")
    shown = screen.getvalue()
    assert "nearest tables: marts.prices" in shown
    assert "read-only" in shown
    assert "are not available here" in shown
    assert "42" in shown


def test_the_prompt_knows_the_catalogue(connection: duckdb.DuckDBPyConnection, screen: io.StringIO) -> None:
    typed(connection, ".tables\r.columns marts.prices\r.help\r")
    shown = screen.getvalue()
    assert "Grain: one row per number." in shown
    assert "marts.gpu_price(gpu, day, segment, purchase_type, commitment_months)" in shown
    assert "INTEGER" in shown
    assert ".quit" in shown


def test_of_a_long_answer_the_first_rows_are_shown(
    connection: duckdb.DuckDBPyConnection, screen: io.StringIO
) -> None:
    typed(connection, "from range(100000);\r")
    shown = screen.getvalue()
    assert f"the first {shell.MOST_ROWS} rows" in shown
    assert len(shown.splitlines()) < shell.MOST_ROWS + 10


def test_a_line_is_given_up_and_the_arrow_brings_back(
    connection: duckdb.DuckDBPyConnection, screen: io.StringIO
) -> None:
    arrow_up = "\x1b[A"
    typed(connection, "select 7 * 6 as answer;\r", "select 1 as never", "\x03", arrow_up, "\r")
    assert screen.getvalue().count("42") == 2
    assert "never" not in screen.getvalue()


def test_tab_completes(connection: duckdb.DuckDBPyConnection, screen: io.StringIO) -> None:
    typed(connection, "select 7 * max(median_usd_\t", ") as best from marts.gpu_prices_d\t", ";\r")
    assert "21" in screen.getvalue()


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("from marts.gpu_price_tr", "marts.gpu_price_trends_daily"),
        ("from gpu_price_tr", "gpu_price_trends_daily"),
        ("select gpu_pri", "gpu_price("),
        ("select number, val", "value"),
        ("select prices.num", "number"),
        (".col", ".columns"),
        ("sel", "select"),
    ],
)
def test_names_complete(connection: duckdb.DuckDBPyConnection, text: str, best: str) -> None:
    ahead = " from prices" if text.startswith("select ") else ""
    document = Document(text + ahead, len(text))
    found = [
        (completion.text, text[: len(text) + completion.start_position] + completion.text)
        for completion in shell.Catalogue(connection).get_completions(document, CompleteEvent())
    ]
    assert best in [name for name, _ in found]
    # The completion replaces what was begun and nothing before it.
    assert all(whole.startswith(text.rpartition(" ")[0]) for _, whole in found)


def test_columns_of_the_tables_named_come_first(connection: duckdb.DuckDBPyConnection) -> None:
    text = "select  from token_prices_daily"
    first = [
        completion.text
        for completion, _ in zip(
            shell.Catalogue(connection).get_completions(Document(text, 7), CompleteEvent()),
            range(3),
            strict=False,
        )
    ]
    assert first == ["price_date", "host_id", "model_id"]


def test_the_history_is_kept_for_oneself(
    home: Path, connection: duckdb.DuckDBPyConnection, screen: io.StringIO
) -> None:
    del screen
    typed(connection, "select 7 * 6 as answer;\r")
    kept = home / "sql_history"
    assert "select 7 * 6 as answer;" in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


LONG_QUERY = b"select count(*) from range(1000000000000) where range % 7 = 3;\r"


class Terminal:
    """`aimarket sql` on a terminal that is not the controlling one: it gets no SIGHUP when that goes away."""

    def __init__(self, home: Path) -> None:
        self._ours, theirs = pty.openpty()
        environment = {**os.environ, "AIMARKET_HOME": str(home), "TERM": "xterm", "COLUMNS": "100"}
        self.process = subprocess.Popen(
            [AIMARKET, "sql"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        os.set_blocking(self._ours, False)
        self.shown = bytearray()

    def see(self, words: bytes, seconds: float = 60) -> bool:
        until = time.monotonic() + seconds
        while words not in self.shown and time.monotonic() < until:
            time.sleep(0.02)
            with contextlib.suppress(BlockingIOError):
                self.shown.extend(os.read(self._ours, 65536))
        return words in self.shown

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def go_away(self) -> None:
        os.close(self._ours)
        self._ours = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        if self._ours >= 0:
            os.close(self._ours)


def test_a_terminal_gets_the_prompt_and_ctrl_c_ends_a_query(home: Path) -> None:
    with Terminal(home) as terminal:
        assert terminal.see(b"aimarket>")
        terminal.type(LONG_QUERY)
        assert terminal.see(b"= 3;")
        # The query may not have begun yet when the first one comes.
        for _ in range(60):
            terminal.process.send_signal(signal.SIGINT)
            if terminal.see(b"nterrupt", 1):
                break
        terminal.type(b"select 7 * 6 as answer;\r")
        assert terminal.see(b"42"), terminal.shown.decode()
        terminal.type(b".quit\r")
        assert terminal.process.wait(timeout=30) == 0


@pytest.mark.parametrize("typed", [b"", b"select 1 as never", LONG_QUERY], ids=["idle", "typing", "asking"])
def test_without_its_terminal_the_prompt_ends_and_its_query_too(home: Path, typed: bytes) -> None:
    """A query whose terminal had vanished went on for nobody."""
    with Terminal(home) as terminal:
        assert terminal.see(b"aimarket>")
        terminal.type(typed)
        assert terminal.see(typed[-5:-1])
        time.sleep(1)
        terminal.go_away()
        # 1 where the prompt sees it first and fails to write to the terminal.
        assert terminal.process.wait(timeout=10) in (1, 129)
