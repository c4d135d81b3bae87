"""A warehouse of the bundled history, built and published once for all parts that ask one."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from warehouse.settings import PREFIX

AIMARKET = str(Path(sys.executable).with_name("aimarket"))


@cache
def published() -> Path:
    """Its home; it goes with this process."""
    folder = tempfile.TemporaryDirectory(prefix="aimarket-bench-")
    atexit.register(folder.cleanup)
    home = Path(folder.name)
    subprocess.run([AIMARKET, "build"], env=settled(home), check=True, capture_output=True)
    return home


def settled(home: Path) -> dict[str, str]:
    """An environment that leads to ``home`` and has no other setting of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return kept | {"AIMARKET_HOME": str(home)}
