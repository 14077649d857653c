import threadpoolctl

from tasks.run.worker import single_threaded


def threads():
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}


def test_blas_runs_on_one_thread_inside_and_as_before_outside():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        assert single_threaded(threads)() == {1}
        assert threads() == {2}
