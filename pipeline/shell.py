"""`aimarket sql` without a query: a prompt with history, and with completion from the catalogue.

Statements end with a semicolon and may span lines; words with a dot in front are for the prompt itself.
"""

from __future__ import annotations

import os
import re
import select
import sys
from collections.abc import Iterator
from threading import Thread
from typing import TYPE_CHECKING, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from rich.text import Text

from pipeline.console import ERR, OUT, show_answer, visible
from warehouse.errors import AimarketError
from warehouse.query import answers
from warehouse.settings import settings

if TYPE_CHECKING:
    import duckdb

MOST_ROWS: Final = 500
"""Of a longer answer the first ones are shown."""
HELP: Final = """\
.tables           tables and macros, with what they hold
.columns TABLE    columns of a table, with type and description
.quit             leave; Ctrl-D does, too
A statement ends with a semicolon. Tab completes, the arrows bring back, Ctrl-C gives up a line or a query."""
TABLES: Final = """
    from (
        select schema_name || '.' || table_name as name, estimated_size as rows, comment as holds
        from duckdb_tables()
        where not internal
        union all
        select schema_name || '.' || view_name, null, comment
        from duckdb_views()
        where not internal
        union all
        select
            schema_name || '.' || function_name || '(' || array_to_string(parameters, ', ') || ')',
            null,
            comment
        from duckdb_functions()
        where function_type in ('macro', 'table_macro') and not internal
    )
    order by rows is null, name
"""
COLUMNS: Final = """
    select column_name as name, data_type as type, comment as description
    from duckdb_columns()
    where not internal and ? in (table_name, schema_name || '.' || table_name)
    order by schema_name, column_index
"""
COMMANDS: Final = (".tables", ".columns", ".help", ".quit")


def end_with_terminal() -> None:
    """End this process when its terminal goes away, in the middle of a query too.

    SIGHUP does not come to every process of a terminal and may be ignored: a query would go on for nobody.
    """
    terminal = select.poll()
    terminal.register(sys.stdin, 0)

    def wait() -> None:
        if any(event & select.POLLHUP for _, event in terminal.poll()):
            # As SIGHUP would: there is nobody to tell, and the history is written line by line.
            os._exit(129)

    Thread(target=wait, daemon=True).start()


def talk(connection: duckdb.DuckDBPyConnection) -> None:
    """Ask and answer until the end of input. A statement that fails is told, and the talk goes on."""
    history = settings().home / "sql_history"
    history.touch(mode=0o600)
    session: PromptSession[str] = PromptSession(
        "aimarket> ",
        history=FileHistory(str(history)),
        completer=Catalogue(connection),
        complete_while_typing=False,
        multiline=True,
        prompt_continuation=lambda width, *_: "...> ".rjust(width),
        key_bindings=_enter_ends_a_statement(),
    )
    OUT.print(Text("Read-only. A statement ends with a semicolon; .help tells more.", style="dim"))
    while True:
        try:
            line = session.prompt().strip()
            if line == ".quit":
                return
            reply(connection, line)
        except EOFError:
            return
        except KeyboardInterrupt:
            continue
        except AimarketError as error:
            ERR.print(Text(visible(str(error)), style="red"))
        except RuntimeError as error:
            # How duckdb 1.5 tells of Ctrl-C. The query goes on, and the next one would wait for it.
            connection.interrupt()
            ERR.print(Text(visible(str(error)), style="dim"))


def reply(connection: duckdb.DuckDBPyConnection, line: str) -> None:
    """Answer one thing typed at the prompt on the screen. Raises BadQuery."""
    command, *arguments = line.split() or [""]
    if command == ".tables":
        show_answer(connection.execute(TABLES))
    elif command == ".columns" and arguments:
        show_answer(connection.execute(COLUMNS, [arguments[0].lower().removesuffix(";")]))
    elif command.startswith("."):
        OUT.print(Text(HELP))
    else:
        for answer in answers(connection, line):
            show_answer(answer, MOST_ROWS)


class Catalogue(Completer):
    """Completes tables, macros, columns and keywords of a release; columns of tables named so far first."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        tables = connection.execute(
            "select schema_name, table_name, list(column_name order by column_index) "
            "from duckdb_columns() where not internal group by all order by all"
        ).fetchall()
        macros = connection.execute(
            "select distinct function_name || '(' from duckdb_functions() "
            "where function_type in ('macro', 'table_macro') and not internal order by all"
        ).fetchall()
        keywords = connection.execute("select keyword_name from duckdb_keywords() order by all").fetchall()
        self._columns = {table: columns for _, table, columns in tables}
        self._names = [f"{schema}.{table}" for schema, table, _ in tables] + list(self._columns)
        self._names += [macro for (macro,) in macros]
        self._keywords = [keyword for (keyword,) in keywords]

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        del complete_event
        begun = document.get_word_before_cursor(pattern=re.compile(r"[\w.]+")).lower()
        words = set(re.findall(r"\w+", document.text.lower()))
        near = [column for table in self._columns if table in words for column in self._columns[table]]
        far = [column for columns in self._columns.values() for column in columns]
        commands = COMMANDS if document.text.startswith(".") else ()
        everything = (*commands, *near, *self._names, *far, *self._keywords)
        # A column may be asked by way of its table: `prices.usd` completes to `prices.usd_per_hour`.
        qualifier, _, last = begun.rpartition(".")
        for name in dict.fromkeys(everything if begun else near or self._names):
            if name.startswith(begun):
                yield Completion(name, start_position=-len(begun))
            elif qualifier and name in near and name.startswith(last):
                yield Completion(name, start_position=-len(last))


def _enter_ends_a_statement() -> KeyBindings:
    """Enter sends what is complete and begins a new line in what is not."""
    keys = KeyBindings()

    @Condition
    def is_complete() -> bool:
        text = get_app().current_buffer.text.strip()
        return not text or text.startswith(".") or text.endswith(";")

    @keys.add("enter", filter=is_complete)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return keys
