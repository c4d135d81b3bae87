"""docs/operations.md followed from top to bottom on a server below a temporary folder, every command tried.

What only a real server can do is put to the tools' own checkers: units, the compose file, packages, options.
The rest runs, against recorded vendors and the bundled history.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import typer.main
import yaml

from pipeline.cli import app
from tests.conftest import FIXTURES
from tests.replay import Answer, LoopbackServer, ReplayServer
from warehouse.settings import PREFIX, REPOSITORY, Settings

PAGE = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(sh|console)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SERVER_PATH = re.compile(r"(?<![\w.}])/(?=(?:opt|etc|var)/)")
LONGEST_COMMAND_SECONDS = 400
NOT_COPIED = {".git", ".venv", "target", "logs", ".mypy_cache", ".ruff_cache", ".pytest_cache", "__pycache__"}


class Server:
    """A server's folders below ``root``; ``origin`` is what it clones, ``settings`` what is filled in.

    ``say`` tries one line of a `console` block, ``run`` a `sh` block; AssertionError tells what did not work.
    """

    def __init__(self, root: Path, origin: Path, settings: Mapping[str, str]) -> None:
        self._root, self._origin, self._settings = root, origin, settings
        self._here, self._shell = root, dict[str, str]()
        for folder in ("opt", "etc/systemd/system", "var/lib/aimarket"):
            (root / folder).mkdir(parents=True)
        self._checked: dict[str, Callable[[str, list[str]], None]] = {
            "apt-get": self._apt_get,
            "cd": self._cd,
            "docker": self._docker,
            "journalctl": self._journalctl,
            "make": self._make,
            "systemctl": self._systemctl,
            "systemd-run": self._systemd_run,
            "useradd": self._useradd,
        }

    def say(self, line: str) -> None:
        me = getpass.getuser()
        line = line.removeprefix("runuser -u aimarket -- ").replace("-o aimarket ", f"-o {me} ")
        line = SERVER_PATH.sub(f"{self._root}/", line.replace(" aimarket: ", f" {me}: "))
        line = line.replace("<address of the repository>", str(self._origin))
        words = shlex.split(line)
        check = self._checked.get(words[0])
        check(line, words[1:]) if check else self._bash(line, **os.environ)
        if words[-1] == str(self._root / "etc/aimarket.env"):
            with Path(words[-1]).open("a") as file:
                file.writelines(f"{name}={value}\n" for name, value in self._settings.items())

    def run(self, block: str) -> None:
        assert self._shell, "the page uses its shell before it tells of it"
        self._here = self._root / "opt/aimarket"
        self._bash(f"set -e\n{block}", **self._shell)

    def _bash(self, script: str, **environment: str) -> str:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._here,
            # The clone runs in the environment of this test.
            env=environment | {"PYTHONPATH": str(self._root / "opt/aimarket")},
            capture_output=True,
            text=True,
            timeout=LONGEST_COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def _apt_get(self, line: str, words: list[str]) -> None:
        assert words[0] == "install", line
        if shutil.which("apt-cache") and self._bash("apt-cache pkgnames python3-venv", **os.environ):
            for package in (word for word in words[1:] if not word.startswith("-")):
                assert self._bash(f"apt-cache show {package}", **os.environ), line

    def _useradd(self, line: str, words: list[str]) -> None:
        known = self._bash("useradd --help", **os.environ)
        assert all(word in known for word in words if word.startswith("-")), line

    def _cd(self, line: str, words: list[str]) -> None:
        self._here = Path(words[0])
        assert self._here.is_dir(), line

    def _make(self, line: str, words: list[str]) -> None:
        """What it would do; the environment of this test was made by the same rule."""
        assert "requirements.lock" in self._bash(f"{line} --dry-run", **os.environ)
        link = Path(words[words.index("-C") + 1]) / ".venv"
        if not link.exists():
            link.symlink_to(Path(sys.executable).parents[1])

    def _systemctl(self, line: str, words: list[str]) -> None:
        verb, names = words[0], [word for word in words[1:] if not word.startswith("-")]
        assert verb in ("daemon-reload", "enable", "start", "restart", "list-timers"), line
        for name in names:
            path = self._root / "etc/systemd/system" / name
            text = path.read_text().replace(str(self._root), "")
            path.write_text(SERVER_PATH.sub(f"{self._root}/", text))
            self._accepted(path)
            assert verb != "enable" or "\nWantedBy=" in text
            if verb == "start":
                self._start(path.read_text())

    def _accepted(self, path: Path) -> None:
        said = self._bash(f"systemd-analyze verify --man=no {path} 2>&1", **os.environ)
        assert path.stem not in said, said

    def _start(self, unit: str) -> None:
        """What a unit runs, in its order, with no other settings than its own and those of its file."""
        stated = re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE)
        environment = {"PATH": "/usr/bin:/bin"}
        for name, value in stated:
            if name == "Environment":
                environment |= dict(word.split("=", 1) for word in value.split())
            if name == "EnvironmentFile":
                environment |= _settings_of(Path(value.removeprefix("-")))
        self._here = Path(dict(stated)["WorkingDirectory"])
        for _, command in (one for one in stated if one[0].startswith("ExecStart")):
            self._bash(command.removeprefix("-"), **environment)

    def _systemd_run(self, line: str, words: list[str]) -> None:
        """A transient unit of the same properties; its environment is that of the `sh` blocks."""
        options = list(pairwise(words))
        assert words[-1] == "bash", line
        properties = [value for option, value in options if option == "-p"]
        environment = dict(value.split("=", 1) for option, value in options if option == "-E")
        unit = self._root / "etc/systemd/system" / "aimarket-shell.service"
        program = shutil.which(words[-1], path=environment["PATH"])
        unit.write_text("\n".join(["[Service]", *properties, f"ExecStart={program}", ""]))
        self._accepted(unit)
        file = next(value for value in properties if value.startswith("EnvironmentFile="))
        self._shell = environment | _settings_of(Path(file.partition("=")[2]))

    def _journalctl(self, line: str, words: list[str]) -> None:
        assert (self._root / "etc/systemd/system" / words[words.index("-u") + 1]).is_file(), line

    def _docker(self, line: str, words: list[str]) -> None:
        """That the file is good and has the services; what is run in one is known and found."""
        file, verb, rest = words[words.index("-f") + 1], words[3], words[4:]
        assert words[:2] == ["compose", "-f"], line
        assert verb in ("up", "exec", "logs"), line
        services = yaml.safe_load(self._bash(f"docker-compose -f {file} config", **os.environ))["services"]
        named = [word for word in rest if not word.startswith("-")]
        assert not named or named[0] in services, line
        assert not named[1:] or shutil.which(named[1], path=Path(sys.executable).parent), line


def _settings_of(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """This checkout, whatever is not committed yet included, as a repository to clone."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        data = {"data"} if Path(folder).name == "warehouse" else set()
        return {name for name in names if name in NOT_COPIED | data}

    path = tmp_path / "origin"
    shutil.copytree(REPOSITORY, path, ignore=left_out)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        [*identity, "commit", "-q", "--no-gpg-sign", "-m", "State"],
    ):
        subprocess.run(["git", *command], cwd=path, check=True, capture_output=True)
    return path


@pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze of the package systemd"
)
@pytest.mark.skipif(
    not shutil.which("docker-compose"), reason="needs docker-compose of the package docker-compose"
)
@pytest.mark.slow
def test_the_page_is_followed_from_top_to_bottom(tmp_path: Path, origin: Path) -> None:
    with ReplayServer(FIXTURES) as vendors, LoopbackServer(lambda _: Answer(b"ok")) as receiver:
        settings = {
            "AIMARKET_MIRROR_URL": vendors.url,
            "AIMARKET_REQUESTS_PER_SECOND": "1000",
            "AIMARKET_ALERTS": receiver.url.replace("http", "json"),
            "AIMARKET_PING_URL": f"{receiver.url}/ping",
        }
        server = Server(tmp_path / "server", origin, settings)
        for kind, block in BLOCKS:
            if kind == "sh":
                server.run(block)
            else:
                for line in block.splitlines():
                    server.say(line)
    assert "/ping" in {request.path for request in receiver.requests}
    home = tmp_path / "server" / "var" / "lib" / "aimarket"
    assert (home / "market.duckdb").exists()
    assert (home / "metrics.prom").exists()


def test_every_command_and_setting_of_the_page_is_known() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    named = set(re.findall(r"(?:^|`|bin/|daemon )aimarket ([a-z]+)", PAGE, re.MULTILINE))
    assert named >= {"run", "status", "catchup", "rollback", "verify"}
    assert named <= set(commands)
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", PAGE)) <= known


def test_the_page_leads_to_headings_that_are_there() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings
