"""A PostgreSQL server of the system's packages, for one test run: own folder, own socket, no network."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

LONGEST_START_SECONDS = 30
OWNER = "owner"
"""The superuser of the server; connections over its socket are trusted."""


def find_server() -> Path | None:
    """The folder of initdb and postgres, newest version first: on the PATH, or where Debian keeps them."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    found += sorted(debian, key=lambda folder: float(folder.parent.name), reverse=True)
    return next((folder for folder in found if (folder / "postgres").exists()), None)


class PostgresServer:
    """Runs until the end of the with-block. PostgreSQL refuses root, so then it runs as another user."""

    def __init__(self, **settings: str) -> None:
        self._settings = settings

    def __enter__(self) -> Self:
        programs = find_server()
        if programs is None:
            raise FileNotFoundError("no initdb on the PATH or below /usr/lib/postgresql")
        self._programs = programs
        # Not below pytest's folder: others may not enter it, and the path of a socket has to be short.
        self.folder = Path(tempfile.mkdtemp(prefix="aimarket-pg-"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = _unprivileged()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        data = self.folder / "data"
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", OWNER, "-E", "UTF8", "--locale=C", "-A", "trust", "-N"],
            cwd=self.folder,
            check=True,
            capture_output=True,
            **self._as,
        )
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "max_connections": "40",
            **self._settings,
        }
        self._log = (self.folder / "log").open("w")
        self._process = subprocess.Popen(
            [programs / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())],
            cwd=self.folder,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            **self._as,
        )
        try:
            self._wait(programs / "pg_isready")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The fast way down: no waiting for clients.
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=LONGEST_START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        shutil.rmtree(self.folder)

    def url(self, database: str = "postgres", user: str = OWNER, password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@/{database}?host={self.folder}"

    def run(self, statements: str) -> None:
        """Statements through psql, in one transaction each."""
        command = [self._programs / "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-c", statements, self.url()]
        subprocess.run(
            command, check=True, capture_output=True, env={"PGOPTIONS": "-c client_min_messages=error"}
        )

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def _wait(self, is_ready: Path) -> None:
        until = time.monotonic() + LONGEST_START_SECONDS
        while subprocess.run([is_ready, "-q", "-h", self.folder], check=False).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log}")
            time.sleep(0.05)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise FileNotFoundError("PostgreSQL refuses root, and there is no user postgres or nobody")
