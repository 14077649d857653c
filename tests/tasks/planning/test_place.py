import pytest

from storage.setting_groups import Execution
from storage.settings import Settings
from tasks.planning import place
from tasks.planning.outlay import Outlay
from tasks.planning.outlook import estimate_run


@pytest.mark.parametrize(
    ("wanted", "seconds", "expected"),
    [
        ({}, 0.1, True),
        ({}, 3.9, True),  # four cores save 2.9 s
        ({}, 4.1, False),
        ({"cluster": "local"}, 0.1, False),
        ({"cluster": "inline"}, 1e9, True),
        ({"cluster": "tcp://127.0.0.1:8786"}, 0.1, False),
        ({"workers": 1}, 0.1, False),
        ({"fewest_workers": 1}, 0.1, False),
        ({"memory_limit": 2**30}, 0.1, False),
    ],
)
def test_small_work_stays_in_this_process_unless_workers_are_asked_for(monkeypatch, wanted, seconds, expected):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert place.in_this_process(Execution(**wanted), seconds) is expected


@pytest.mark.parametrize(
    ("wanted", "seconds", "expected"),
    [
        ({}, 0.1, "in this process: workers would take longer to start than they save"),
        ({}, 60, "by 4 workers on this machine, which save more time than they take to start"),
        ({"workers": 2}, 0.1, "by 2 workers on this machine, as the settings ask"),
        ({"cluster": "inline"}, 60, "in this process"),
        ({"cluster": "tcp://127.0.0.1:8786"}, 60, "tcp://127.0.0.1:8786"),
    ],
)
def test_a_plan_says_where_and_why(monkeypatch, wanted, seconds, expected):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert place.described(Execution(**wanted), seconds) == expected


def test_one_core_needs_no_workers(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert place.in_this_process(Execution(), 1e9)


def test_the_work_is_that_of_all_stages():
    assert place.work_seconds({"transform": Outlay(1, 0, 0, 1.5), "project": Outlay(1, 0, 0, 2.0)}) == 3.5


@pytest.mark.parametrize(
    ("wanted", "work", "workers"),
    [({}, 1.0, 0), ({"cluster": "inline"}, 60.0, 0), ({}, 60.0, 4), ({"cluster": "local", "workers": 2}, 60.0, 2)],
)
def test_the_time_has_start_work_and_report(monkeypatch, wanted, work, workers):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    plan = estimate_run(Settings(rank=8), 1000, (8, 8, 1), 2).plan
    found = place.run_seconds(Execution(**wanted), plan, work)
    assert found["start"] == place.START + (place.WORKERS_START if workers else 0)
    assert found["work"] == pytest.approx(work / max(1, workers) + 0.01)
    assert found["report"] == place.REPORT + 8 * place.PATTERN + 2 * place.CLASS


def test_the_work_on_a_cluster_elsewhere_is_that_of_the_fewest_workers():
    plan = estimate_run(Settings(rank=8), 1000, (8, 8, 1), 2).plan
    wanted = {"cluster": "tls://host:8786", "fewest_workers": 5}
    assert place.run_seconds(Execution(**wanted), plan, 60.0)["work"] == pytest.approx(12.01)
