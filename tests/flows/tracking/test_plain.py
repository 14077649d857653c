"""Names with control characters, through every command: no output, log or record in Prefect contains them."""

import json
import logging
import re

import pytest

from flows.tracking.plain import LOGGERS, plain_logs
from storage.errors import EigenwaveError, UnexpectedError
from tests.datasets import write_images
from tests.processes import ask

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
CLASSES = ("a\x1b[31mRED\x1b[2J\x07", "b\x9b31m", "c\u202edcba", "[red]d:cat:")
SMALL = ("--rank", "2", "--permutations", "2", "--no-scales", "--cluster", "inline", "--max-bad-fraction", "0.5")


@pytest.fixture
def records():
    """What loggers of Prefect's runs hand on, without the handlers that send it to a server."""
    kept, handler = [], logging.Handler()
    handler.emit = kept.append
    before = {name: (logging.getLogger(name).handlers, logging.getLogger(name).propagate) for name in LOGGERS}
    for name in LOGGERS:
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = [handler], False
    yield kept
    for name, (handlers, propagate) in before.items():
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = handlers, propagate


def logged(error):
    logging.getLogger(LOGGERS[0]).error("failed: %s", error, exc_info=error)


def test_logs_of_runs_hold_a_traceback_only_of_what_nobody_expected(records):
    plain_logs()
    plain_logs()
    logged(EigenwaveError("class a\x1b[2J is empty"))
    logged(UnexpectedError("a sentence", "Traceback"))
    logged(ZeroDivisionError("\u202e"))
    texts = [record.getMessage() for record in records]
    assert texts == [r"failed: class a\x1b[2J is empty", "failed: a sentence", r"failed: \u202e"]
    assert [record.exc_info is None for record in records] == [True, False, False]


def texts_of(content):
    """Every text in what Prefect answers; an artifact's table is JSON in a text."""
    if isinstance(content, str):
        yield content
        if content.startswith(("[{", "{")):
            yield from texts_of(json.loads(content))
    elif isinstance(content, dict):
        yield from (text for each in content.items() for part in each for text in texts_of(part))
    elif isinstance(content, list):
        yield from (text for part in content for text in texts_of(part))


@pytest.mark.slow
def test_planted_names_through_every_command(eigenwave, prefect_server, tmp_path):
    data = write_images(tmp_path / "data\x1b[2J\u202e", classes=CLASSES, count=12)
    (data / CLASSES[0] / "bad\x1b[2J\u202e.png").write_bytes(b"no image")
    place = ("--workspace", tmp_path / "w")
    done = [
        eigenwave("plan", data, "--max-bad-fraction", "0.5"),
        eigenwave("run", data, "--run-id", "a", *place, *SMALL),
        eigenwave("run", data, "--run-id", "b", *place, *SMALL),
        *(eigenwave(verb, *place) for verb in ("list", "show", "report", "verify")),
        eigenwave("compare", "a", "b", *place),
        eigenwave("reconstruct", *place, "--sample", f"{CLASSES[0]}/000.png"),
    ]
    assert [each.returncode for each in done] == [0] * len(done), [each.stderr for each in done]
    (tmp_path / "w" / "runs" / "b" / "tables" / "samples.parquet").write_bytes(b"damaged")
    planted = tmp_path / "w" / "shards" / "00"
    planted.mkdir(parents=True, exist_ok=True)
    (planted / "00planted\x1b[2J\u202e").touch()
    done += [
        eigenwave("verify", *place),
        eigenwave("repair", *place),
        eigenwave("gc", *place, "--grace", "0"),
        eigenwave("reconstruct", *place, "--sample", "none\x1b[2J"),
        eigenwave("run", data, *place, "--max-bad-fraction", "0", "--cluster", "inline"),
    ]
    assert [each.returncode for each in done[-5:]] == [1, 0, 0, 2, 1], [each.stderr for each in done[-5:]]
    for each in done:
        assert not UNSAFE.search(each.stdout.replace("\n", "")), each.args
        assert not UNSAFE.search(re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", each.stderr)), (each.args, each.stderr)
        assert "Traceback" not in each.stderr + each.stdout
    kept = {what: ask(prefect_server, f"{what}/filter", {}) for what in ("artifacts", "logs", "task_runs")}
    kept["names"] = [run["name"] for run in ask(prefect_server, "flow_runs/filter", {})]
    assert any(r"data\x1b[2J" in name for name in kept["names"])
    for what, content in kept.items():
        for text in texts_of(content):
            assert not UNSAFE.search(text), (what, text)
