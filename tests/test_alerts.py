"""Alerts and metrics: which causes the rules find, who is told once, and that no channel can do harm."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from prometheus_client.parser import text_string_to_metric_families

import pipeline.aftermath
from pipeline.aftermath import conclude
from pipeline.alerts import Message, State, note, open_channels, ping, read_state, tell, write_state
from pipeline.causes import Cause, Outcome, find_causes
from pipeline.errors import BadRules
from pipeline.holes import Hole
from pipeline.metrics import write_metrics
from pipeline.review import Review
from pipeline.rules import DEFAULT_FILE, read_rules
from pipeline.status import MartStatus, Movement, SourceStatus, Status
from tests.helpers import quick_settings
from tests.replay import Answer, LoopbackServer, Request

NOW = datetime(2026, 6, 10, 7, 30, tzinfo=UTC)
TODAY = NOW.date()
SECRET = "s3cr3t-t0ken"


def source(source_id: str = "vastai", **changes: Any) -> SourceStatus:
    good = SourceStatus(
        source_id=source_id,
        outcome="complete",
        attempted_at=NOW - timedelta(hours=1),
        rows=100,
        rejects=2,
        error_kind="",
        error="",
        last_reading_at=NOW - timedelta(hours=1),
        age_days=1 / 24,
        stalled_reason="",
        held=[],
    )
    return replace(good, **changes)


def stalled(source_id: str = "vastai") -> SourceStatus:
    return source(source_id, outcome="failed", stalled_reason="no good reading since 2026-06-05")


def told(*sources: SourceStatus, **changes: Any) -> Status:
    known = Status(
        release_id="20260610",
        released_at=NOW - timedelta(minutes=5),
        row_count=1000,
        home="/home",
        names=[],
        sources=list(sources) or [source()],
        marts=[],
        movements=[],
        holes=[],
        missed={},
    )
    return replace(known, **changes)


ONE_STALLED = told(stalled(), source("akash"))


def outcome(job: str = "run", **changes: Any) -> Outcome:
    known = {"is_good": True, "ended_at": NOW, "seconds": 42.5}
    return Outcome(job, **{**known, **changes})


def rules_of(home: Path, text: str) -> list[Any]:
    home.mkdir(parents=True, exist_ok=True)
    (home / "alerts.yaml").write_text(text)
    return read_rules(home)


def found(status: Status, runs: list[Outcome] = [], rules: list[Any] | None = None) -> dict[str, Cause]:  # noqa: B006
    by_job = {run.job: run for run in runs}
    causes = find_causes(rules or read_rules(DEFAULT_FILE.parent), status, by_job, None, NOW)
    return {cause.key: cause for cause in causes}


def test_a_healthy_warehouse_has_nothing_to_tell() -> None:
    assert found(told(source(), source("akash")), [outcome()]) == {}


def test_a_stalled_source_is_told_with_its_reason_and_what_to_type() -> None:
    (cause,) = found(ONE_STALLED).values()
    assert cause.key == "source_stalled:vastai"
    assert "since 2026-06-05" in cause.detail
    assert cause.command == "aimarket fetch vastai"


def test_many_stalled_sources_have_one_cause_and_so_has_a_missing_network() -> None:
    many = [stalled(f"source_{number}") for number in range(6)]
    assert list(found(told(*many, source("akash")))) == ["source_stalled"]
    # Five of eight are five messages: they need not have one cause.
    assert len(found(told(*many[:5], *(source(f"other_{number}") for number in range(3))))) == 5
    cut_off = [source(name, outcome="failed", error_kind="Unreachable", error="no name") for name in "abc"]
    assert list(found(told(*cut_off))) == ["no_network"]
    assert found(told(*cut_off, source("akash"))) == {}


def test_failed_and_refused_runs_are_two_things_and_old_failures_none() -> None:
    failed = outcome("fetch", is_good=False, failed_step="fetch_sources", error="it broke")
    refused = outcome("build", is_good=False, failed_step="release", error="rows:marts.x: 10 rows became 1")
    old = outcome("run", is_good=False, error="x", ended_at=NOW - timedelta(days=4))
    causes = found(told(), [failed, refused, old])
    assert list(causes) == ["run_failed:fetch", "release_refused"]
    assert causes["run_failed:fetch"].detail == "it broke"
    assert "10 rows became 1" in causes["release_refused"].detail


def test_what_is_held_stale_lost_or_jumps_is_told() -> None:
    held = Review("vastai", "gpu_offers", "", NOW, 10, NOW, 20, "held", "10 rows where 20 were", NOW)
    holes = [Hole("akash", date(2026, 6, day), "not asked", NOW - timedelta(days=1)) for day in (1, 2)]
    old_hole = Hole("akash", date(2026, 5, 1), "not asked", NOW - timedelta(days=8))
    causes = found(
        told(
            source(held=[held]),
            marts=[MartStatus("prices", NOW, 5, 3, 1, True), MartStatus("scores", NOW, 0, 3, 0, False)],
            movements=[Movement("akash", "gpu_offers", date(2026, 6, 10), 0.24, 0.05, 0.1)],
            holes=[*holes, old_hole],
        )
    )
    assert causes["reading_held:vastai"].command == "aimarket review vastai"
    assert causes["mart_stale"].title == "1 of 2 marts stand on old data"
    assert causes["mart_stale"].detail == "prices (5 days)"
    jump = causes["prices_jump:akash:gpu_offers:2026-06-10"]
    assert "24%" in jump.detail
    assert "0.1 times" in jump.detail
    assert causes["days_lost:2026-06-09"].title == "2 days of 1 sources are lost for good"
    assert len(causes) == 4


def test_a_rule_may_name_whom_it_means(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, "rules: [{when: source_stalled, sources: [akash]}]")
    assert found(told(stalled("vastai"), source("runpod")), rules=rules) == {}
    assert list(found(told(stalled("akash"), stalled("vastai")), rules=rules)) == ["source_stalled:akash"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [{when: source_stalled, sources: [nonsense]}]", "rule 1: no source nonsense"),
        ("rules: [{when: sourc_stalled}]", "sourc_stalled"),
        ("rules: [{when: source_stalled, source: [vastai]}]", "unknown field `source`"),
        (
            "rules: [{when: index_moves, mart: m, value: v, over_pct: five, in_days: 7}]",
            "$.rules[0].over_pct",
        ),
        ("rules: [{when: index_moves, mart: m, value: v, over_pct: 5, in_days: 0}]", "in_days is 0"),
        ("rules: [{when: index_moves, mart: m, value: v, over_pct: 5}]", "missing required field `in_days`"),
        ("rules: [{when: price_step, models: []}]", "names no model"),
        ("rules: [{when: price_step, models: [a], over_pct: -1}]", "over_pct is -1"),
        ("rules: {", "alerts.yaml"),
        ("", "alerts.yaml"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_with_file_and_place(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(BadRules) as refused:
        rules_of(tmp_path, text)
    assert said in str(refused.value)
    assert str(tmp_path) in str(refused.value)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release with a level that falls from 3.00 by 0.10 a day, in two segments, and four price steps."""
    path = tmp_path / "market.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts; create schema core")
        connection.execute(
            "create table marts.levels as select date '2026-06-01' + n::int as price_date, segment, "
            "(3.00 - n * 0.10)::decimal(18,6) as level "
            "from range(10) as t(n), (values ('a'), ('b')) as s(segment)"
        )
        connection.execute(
            "create table core.dim_models as select unnest(['gpt-4o', 'o3', 'r1']) as model_id"
        )
        connection.execute(
            """
            create table marts.token_price_changes as
            select
                model_id, host_id, host_id as host_raw, component,
                date '2026-06-10' - days_ago as change_date,
                old::decimal(18,9) as old_usd_per_mtok, new::decimal(18,9) as new_usd_per_mtok, step_kind,
                'standard' as service_tier, source_id
            from (values
                ('gpt-4o', 'openai', 'input', 2, 2.5, 2.0, 'change', 'one'),
                ('gpt-4o', 'openai', 'input', 2, 2.5, 2.0, 'change', 'two'),
                ('gpt-4o', 'azure', 'input', 2, 2.5, 2.0, 'change', 'one'),
                ('gpt-4o', 'openai', 'output', 1, 10.0, 10.05, 'change', 'one'),
                ('gpt-4o', 'openai', 'input', 3, 0.0025, 2.5, 'unit_repair', 'one'),
                ('gpt-4o', 'openai', 'input', 20, 5.0, 2.5, 'change', 'one'),
                ('o3', 'openai', 'input', 2, 10.0, 2.0, 'change', 'one')
            ) as t(model_id, host_id, component, days_ago, old, new, step_kind, source_id)
            """
        )
    return path


def market(release: Path, text: str, now: datetime = NOW) -> dict[str, Cause]:
    causes = find_causes(rules_of(release.parent, f"rules: [{text}]"), told(), {}, release, now)
    return {cause.key: cause for cause in causes}


LEVELS = "when: index_moves, mart: levels, value: level, in_days: 7"


def test_an_index_that_moves_is_told_from_the_first_to_the_last_day_of_the_span(release: Path) -> None:
    # The last day is the 10th at 2.10; seven days before, on the 3rd, it was 2.80: -25 %.
    (cause,) = market(release, f"{{{LEVELS}, over_pct: 24.9, where: {{segment: a}}, name: A}}").values()
    assert cause.title == "A: -25.0% in 7 days"
    assert cause.detail == "level was 2.8 on 2026-06-03 and is 2.1 on 2026-06-10"
    assert market(release, f"{{{LEVELS}, over_pct: 25.1, where: {{segment: a}}}}") == {}


def test_an_old_move_is_no_news(release: Path) -> None:
    rule = f"{{{LEVELS}, over_pct: 5, where: {{segment: a}}}}"
    assert market(release, rule, NOW + timedelta(days=7))
    assert market(release, rule, NOW + timedelta(days=8)) == {}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (f"{LEVELS}, over_pct: 5", "2 rows of levels on 2026-06-10; say more in `where`"),
        (
            f"{LEVELS}, over_pct: 5, where: {{part: a}}",
            "levels has no column part; it has price_date, segment",
        ),
        ("when: index_moves, mart: nonsense, value: v, over_pct: 5, in_days: 7", "there is no mart nonsense"),
        (f"{LEVELS}, over_pct: 5, where: {{price_date: soon}}", "rule 1, index_moves"),
        ("when: price_step, models: [gpt-4o, gpt-9]", "no model gpt-9 in core.dim_models"),
    ],
)
def test_a_rule_that_does_not_fit_the_data_is_refused(release: Path, rule: str, said: str) -> None:
    with pytest.raises(BadRules) as refused:
        market(release, f"{{{rule}}}")
    assert said in str(refused.value)


def test_a_price_step_of_a_model_in_use_is_told_once_a_seller(release: Path) -> None:
    causes = market(release, "{when: price_step, models: [gpt-4o], over_pct: 1}")
    assert list(causes) == [f"price_step:gpt-4o:{host}:input:2026-06-08" for host in ("azure", "openai")]
    told_of = causes["price_step:gpt-4o:openai:input:2026-06-08"]
    assert (told_of.title, told_of.detail) == (
        "gpt-4o at openai: input tokens -20%",
        "2.5 became 2 USD per million tokens on 2026-06-08",
    )
    at_home = market(release, "{when: price_step, models: [gpt-4o], hosts: [openai]}")
    assert [key.split(":")[3] for key in at_home] == ["input", "output"]


class Ear:
    """A channel that can be deaf."""

    def __init__(self, name: str = "1:ear") -> None:
        self.name, self.heard, self.is_deaf = name, list[Message](), False

    def send(self, message: Message) -> bool:
        if not self.is_deaf:
            self.heard.append(message)
        return not self.is_deaf


def cause(key: str = "source_stalled:vastai", **changes: Any) -> Cause:
    return replace(Cause(key, "warning", "vastai has stalled", "it is silent", "aimarket status"), **changes)


class Days:
    """Runs, one a day, and who hears what of them."""

    def __init__(self, home: Path, *ears: Ear) -> None:
        self.home, self.ears, self.now = home, ears, NOW

    def run(self, *causes: Cause) -> list[str]:
        """What is remembered goes through the file, as from process to process."""
        state = read_state(self.home)
        failed = tell(state, note(state, causes, self.now), self.ears, self.now)
        write_state(self.home, state)
        self.now += timedelta(days=1)
        return failed


def test_a_cause_is_told_once_and_its_end_once(tmp_path: Path) -> None:
    ear = Ear()
    days = Days(tmp_path, ear)
    for _ in range(3):
        days.run(cause())
    days.run()
    days.run()
    first, last = ear.heard
    assert first.title == "aimarket: vastai has stalled"
    assert first.body.splitlines() == [
        "it is silent",
        "First seen 2026-06-10 07:30 UTC, in this run.",
        "What explains it: aimarket status",
    ]
    assert last.title == "aimarket: over: vastai has stalled"
    assert "in 3 runs" in last.body
    assert last.level is None


def test_a_cause_that_stays_is_told_again_after_a_week_with_its_count(tmp_path: Path) -> None:
    ear = Ear()
    days = Days(tmp_path, ear)
    for _ in range(8):
        days.run(cause())
    assert len(ear.heard) == 2
    assert "First seen 2026-06-10 07:30 UTC, in 8 runs in a row." in ear.heard[1].body


def test_what_merely_happened_is_told_once_and_has_no_end(tmp_path: Path) -> None:
    ear = Ear()
    days = Days(tmp_path, ear)
    for _ in range(9):
        days.run(cause("price_step:x", is_event=True))
    days.run()
    assert len(ear.heard) == 1


def test_a_deaf_channel_is_told_later_and_the_others_not_twice(tmp_path: Path) -> None:
    deaf, ear = Ear("1:deaf"), Ear("2:ear")
    deaf.is_deaf = True
    days = Days(tmp_path, deaf, ear)
    assert days.run(cause()) == ["1:deaf"]
    deaf.is_deaf = False
    assert days.run(cause()) == []
    assert (len(deaf.heard), len(ear.heard)) == (1, 1)
    assert "in 2 runs" in deaf.heard[0].body


def test_a_spoilt_memory_is_none(tmp_path: Path) -> None:
    (tmp_path / "alerts.json").write_text("{")
    assert read_state(tmp_path) == State()


@pytest.fixture
def receiver() -> Iterator[LoopbackServer]:
    with LoopbackServer(lambda _: Answer(b"ok")) as server:
        yield server


def address(server: LoopbackServer, kind: str = "json") -> str:
    return server.url.replace("http://", f"{kind}://user:{SECRET}@") + f"/{SECRET}"


def test_a_message_goes_out_through_apprise(tmp_path: Path, receiver: LoopbackServer) -> None:
    here = quick_settings(tmp_path, alerts=f"{address(receiver)} form://nowhere.invalid")
    first, second = open_channels(here)
    assert [first.name, second.name] == ["1:json", "2:form"]
    assert first.send(Message("warning", "title", "line one\nline two"))
    (request,) = receiver.requests
    sent = json.loads(request.body)
    assert (request.method, request.path) == ("POST", f"/{SECRET}")
    assert (sent["title"], sent["message"], sent["type"]) == ("title", "line one\nline two", "warning")


@pytest.mark.parametrize("stated", ["nonsense", "nonsense://x", "json://", "://"])
def test_an_address_nobody_knows_takes_no_message(tmp_path: Path, stated: str) -> None:
    (channel,) = open_channels(quick_settings(tmp_path, alerts=stated))
    assert channel.name == "1:unknown"
    assert not channel.send(Message(None, "title", "body"))


def test_the_dead_mans_switch_is_asked_for(tmp_path: Path, receiver: LoopbackServer) -> None:
    assert ping(quick_settings(tmp_path))
    assert ping(quick_settings(tmp_path, ping_url=f"{receiver.url}/{SECRET}"))
    assert [(request.method, request.path) for request in receiver.requests] == [("GET", f"/{SECRET}")]
    with LoopbackServer(lambda _: Answer(status=500)) as broken:
        assert not ping(quick_settings(tmp_path, ping_url=broken.url))
    assert not ping(quick_settings(tmp_path, ping_url=broken.url))
    assert not ping(quick_settings(tmp_path, ping_url="not an address"))


Conclude = Callable[..., list[Request]]


@pytest.fixture
def after_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: LoopbackServer) -> Conclude:
    """Ends a run of that status; returns what was received."""

    def run(status: Status, how: Outcome, is_sign_of_life: bool = True, **settings: str) -> list[Request]:
        known = {"alerts": address(receiver), "ping_url": f"{receiver.url}/ping/{SECRET}", **settings}
        here = quick_settings(tmp_path, **known)
        monkeypatch.setattr(pipeline.aftermath, "settings", lambda: here)
        monkeypatch.setattr(pipeline.aftermath, "status", lambda _: status)
        receiver.requests.clear()
        conclude(how, is_sign_of_life)
        return list(receiver.requests)

    return run


def now_outcome(**changes: Any) -> Outcome:
    return outcome(**{"ended_at": datetime.now(UTC), **changes})


def test_a_run_is_followed_by_message_metrics_and_ping(after_run: Conclude, tmp_path: Path) -> None:
    message, sign = after_run(ONE_STALLED, now_outcome())
    assert json.loads(message.body)["title"] == "aimarket: vastai has stalled"
    assert (sign.method, sign.path) == ("GET", f"/ping/{SECRET}")
    assert [request.method for request in after_run(ONE_STALLED, now_outcome())] == ["GET"]
    assert "aimarket_source_up" in (tmp_path / "metrics.prom").read_text()


def test_a_failed_run_is_told_and_gives_no_sign_of_life(after_run: Conclude) -> None:
    refused = now_outcome(is_good=False, failed_step="release", error="rows:marts.x: 10 rows became 1")
    (message,) = after_run(told(), refused)
    assert "10 rows became 1" in json.loads(message.body)["message"]
    (over, sign) = after_run(told(), now_outcome())
    assert json.loads(over.body)["title"].startswith("aimarket: over: the release was refused")
    assert sign.method == "GET"
    assert after_run(told(), now_outcome(job="fetch"), is_sign_of_life=False) == []


def test_rules_that_cannot_be_used_are_a_cause_and_the_default_ones_hold(
    after_run: Conclude, tmp_path: Path
) -> None:
    (tmp_path / "alerts.yaml").write_text("rules: [{when: nonsense}]")
    titles = [json.loads(request.body)["title"] for request in after_run(ONE_STALLED, now_outcome())[:2]]
    assert titles == [
        "aimarket: the alert rules cannot be used; the default ones hold",
        "aimarket: vastai has stalled",
    ]


def test_a_broken_channel_does_no_harm_and_no_secret_leaks(
    after_run: Conclude, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with LoopbackServer(lambda _: Answer(status=500)) as broken:
        dead = f"{address(broken)} json://u:{SECRET}@127.0.0.1:1/{SECRET} {SECRET}"
        after_run(ONE_STALLED, now_outcome(), alerts=dead, ping_url=f"{broken.url}/{SECRET}")
        assert [request.method for request in broken.requests] == ["POST", "GET"]
    logged = caplog.text + "".join(capfd.readouterr())
    assert "1:json, 2:json, 3:unknown" in logged
    assert "AIMARKET_PING_URL did not answer" in logged
    ours = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("urllib3"))
    assert SECRET not in ours
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or SECRET not in file.read_text()
    families = read_metrics(tmp_path / "metrics.prom")
    assert families["aimarket_alert_channels_failing"] == {"": 3.0}


def test_whatever_goes_wrong_afterwards_is_logged_and_not_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("no settings")

    monkeypatch.setattr(pipeline.aftermath, "settings", broken)
    conclude(outcome(), is_sign_of_life=True)
    assert "no settings" in caplog.text


def test_settings_do_not_show_addresses(tmp_path: Path) -> None:
    here = quick_settings(tmp_path, alerts=f"json://{SECRET}", ping_url=f"http://x/{SECRET}")
    assert SECRET not in f"{here!r} {here} {here.model_dump()} {here.model_dump_json()}"


def read_metrics(file: Path) -> dict[str, dict[str, float]]:
    """Samples by metric and label values, as Prometheus' own parser reads them."""
    families = list(text_string_to_metric_families(file.read_text()))
    assert all(family.type == "gauge" and family.documentation for family in families)
    return {
        family.name: {" ".join(sample.labels.values()): sample.value for sample in family.samples}
        for family in families
    }


def test_metrics_are_what_prometheus_reads(tmp_path: Path) -> None:
    status = told(
        source(last_reading_at=NOW - timedelta(hours=2)),
        stalled("akash"),
        source('od"d\\one\n', attempted_at=None, last_reading_at=None),
        marts=[
            MartStatus("prices", NOW - timedelta(days=3), 3, 3, 1, True),
            MartStatus("none", None, None, 0, 0, True),
        ],
        holes=[Hole("vastai", date(2026, 6, day), "not asked", NOW) for day in (1, 2)],
    )
    runs = {"run": outcome(), "fetch": outcome("fetch", is_good=False)}
    write_metrics(tmp_path / "metrics.prom", status, runs, 0, NOW)
    metrics = read_metrics(tmp_path / "metrics.prom")
    assert metrics["aimarket_source_age_seconds"] == {"vastai": 7200, "akash": 3600}
    assert metrics["aimarket_source_up"] == {"vastai": 1, "akash": 0}
    assert metrics["aimarket_source_stalled"] == {"vastai": 0, "akash": 1}
    assert metrics["aimarket_source_rows"] == {"vastai": 100, "akash": 100}
    assert metrics["aimarket_source_rejects"] == {"vastai": 2, "akash": 2}
    assert metrics["aimarket_source_lost_days"] == {"vastai": 2, "akash": 0}
    # Never read: of unknown age, not of none.
    assert metrics["aimarket_mart_age_seconds"] == {"prices": 3 * 86400}
    assert metrics["aimarket_mart_stale"] == {"prices": 1, "none": 1}
    assert metrics["aimarket_run_seconds"] == {"run": 42.5, "fetch": 42.5}
    assert metrics["aimarket_run_success"] == {"run": 1, "fetch": 0}
    assert metrics["aimarket_release_timestamp_seconds"] == {"": (NOW - timedelta(minutes=5)).timestamp()}
    assert metrics["aimarket_release_rows"] == {"": 1000}


def test_labels_survive_whatever_a_name_holds(tmp_path: Path) -> None:
    name = 'od"d\\one\n{x="y"}'
    write_metrics(tmp_path / "metrics.prom", told(source(name)), {}, 0, NOW)
    assert read_metrics(tmp_path / "metrics.prom")["aimarket_source_up"] == {name: 1}


def test_before_the_first_release_there_is_no_release_metric(tmp_path: Path) -> None:
    write_metrics(tmp_path / "metrics.prom", told(release_id=None, released_at=None), {}, 0, NOW)
    assert not {name for name in read_metrics(tmp_path / "metrics.prom") if "release" in name}
