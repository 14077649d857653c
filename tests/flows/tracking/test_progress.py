import itertools
import logging
from types import SimpleNamespace

import pytest

from flows.tracking import progress


@pytest.fixture
def shown(monkeypatch):
    """What Prefect is shown, in order; half a second passes between two looks at the clock."""
    calls = []
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=itertools.count(0, 0.5).__next__))
    monkeypatch.setattr(
        progress, "create_progress_artifact", lambda percent, **named: calls.append((percent, named)) or 7
    )
    monkeypatch.setattr(
        progress, "update_progress_artifact", lambda artifact, percent: calls.append((percent, artifact))
    )
    return calls


def test_a_long_stage_is_shown_now_and_then_and_at_its_end(shown):
    with progress.stage_progress("decompose pass 1", 20) as advance:
        for _ in range(20):
            advance()
    created, *updates = shown
    assert created[1] == {"key": "decompose-pass-1", "description": "decompose pass 1: 20 shards"}
    assert 0 < created[0] < updates[0][0] < 100
    assert updates[-1] == (100, 7)
    assert len(updates) < 6


def test_a_short_stage_is_shown_once(shown):
    with progress.stage_progress("judge", 1) as advance:
        advance()
    assert shown == [(100, {"key": "judge", "description": "judge: 1 shard"})]


def test_another_unit_than_shards_is_named(shown):
    with progress.stage_progress("report", 3, unit="step") as advance:
        for _ in range(3):
            advance()
    assert shown[-1] == (100, {"key": "report", "description": "report: 3 steps"})


@pytest.mark.usefixtures("shown")
def test_without_a_terminal_a_long_stage_says_each_minute_how_far_it_is(capfd):
    """Each line is there before the stage is done."""
    lines = []
    with progress.stage_progress("transform", 1000) as advance:
        for _ in range(1000):
            advance()
            lines += capfd.readouterr().err.splitlines()
    assert lines[:3] == [
        "transform: 121 of 1,000 shards",
        "transform: 242 of 1,000 shards",
        "transform: 363 of 1,000 shards",
    ]
    assert len(lines) == 8
    assert capfd.readouterr().err.startswith("transform ")


@pytest.mark.usefixtures("shown")
def test_a_quiet_command_says_nothing_of_its_stages(capfd, monkeypatch):
    monkeypatch.setattr(logging.getLogger("eigenwave"), "level", logging.WARNING)
    with progress.stage_progress("transform", 1000) as advance:
        for _ in range(1000):
            advance()
    assert capfd.readouterr().err == ""
