import logging

import httpx
from prefect.settings import (
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_CLIENT_RETRY_JITTER_FACTOR,
    Settings,
    temporary_settings,
)

from flows.tracking.server import TRIES_TO_SHOW, _Audience


def tries():
    return PREFECT_CLIENT_MAX_RETRIES.value(), PREFECT_CLIENT_RETRY_JITTER_FACTOR.value()


def test_what_is_only_shown_is_tried_less_and_other_settings_hold():
    audience, usual = _Audience(), tries()
    assert usual[0] != TRIES_TO_SHOW
    assert [audience.show(tries) for _ in range(2)] == [(TRIES_TO_SHOW, usual[1])] * 2
    assert tries() == usual
    with temporary_settings({PREFECT_CLIENT_RETRY_JITTER_FACTOR: 7.5}):
        assert audience.show(tries) == (TRIES_TO_SHOW, 7.5)
    assert audience.show(tries) == (TRIES_TO_SHOW, usual[1])


def test_settings_are_not_made_anew_each_time(monkeypatch):
    made, original = [], Settings.copy_with_update
    monkeypatch.setattr(
        Settings, "copy_with_update", lambda *words, **named: made.append(1) or original(*words, **named)
    )
    audience = _Audience()
    for _ in range(3):
        audience.show(tries)
    assert len(made) == 1  # it takes a tenth of a second


def test_a_server_that_does_not_answer_is_not_asked_again_at_once(monkeypatch, caplog):
    asked = []

    def send():
        asked.append(tries())
        raise httpx.ConnectError("nobody there")

    monkeypatch.setattr("flows.tracking.server.get_run_logger", lambda: logging.getLogger("test"))
    audience = _Audience()
    assert [audience.show(send) for _ in range(3)] == [None] * 3
    assert len(asked) == 1
    assert "does not answer (nobody there)" in caplog.text
