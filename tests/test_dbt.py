"""What a run keeps of the build before it."""

from __future__ import annotations

from pathlib import Path

from pipeline.dbt import begin_anew_if_changed


def test_a_build_of_another_project_is_removed(tmp_path: Path) -> None:
    build, log = tmp_path / "market.duckdb", tmp_path / "market.duckdb.wal"

    def is_kept() -> bool:
        build.write_text("tables")
        log.write_text("what was not yet written into them")
        begin_anew_if_changed(build)
        assert build.exists() == log.exists()
        return build.exists()

    assert not is_kept(), "nobody knows which project made it"
    assert is_kept()
    (tmp_path / "market.project").write_text("another one")
    assert not is_kept()
    assert is_kept()
