import sys

import threadpoolctl

from tasks.run import worker
from tasks.run.worker import installed_code, single_threaded
from tests.structure import PACKAGES, ROOT


def threads():
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}


def test_blas_runs_on_one_thread_inside_and_as_before_outside():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        assert single_threaded(threads)() == {1}
        assert threads() == {2}


def test_the_digest_of_the_code_covers_every_room(tmp_path, monkeypatch):
    deep = tmp_path / "made_up" / "room" / "deeper" / "deep.py"
    deep.parent.mkdir(parents=True)
    for folder in (deep.parent, *deep.parent.parents[:2]):
        (folder / "__init__.py").write_text("")
    deep.write_text("A = 1")
    monkeypatch.setattr(worker, "PACKAGES", ("made_up",))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    first = installed_code.__wrapped__()
    assert installed_code.__wrapped__() == first
    deep.write_text("A = 2")
    second = installed_code.__wrapped__()
    deep.rename(deep.with_name("moved.py"))
    assert len({first, second, installed_code.__wrapped__()}) == 3


def test_the_digest_of_the_code_covers_every_package():
    # The public face hands on what is in the others; workers never import it.
    assert {*worker.PACKAGES, "eigenwave"} == {*PACKAGES}
    assert all((ROOT / package).is_dir() for package in worker.PACKAGES)
