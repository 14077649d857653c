import pytest

from storage.errors import InputError
from storage.settings import Settings
from tasks.planning.memory import result_bytes
from tasks.planning.outlay import driver_memory, driver_seconds, worker_memory
from tasks.planning.outlook import estimate_run

COEFFICIENTS = 50_000 * 3072 * 4
SCORES = 50_000 * 64 * 4
JUDGING_SCORES = 50_000 * 256 * 4
# Roots of covariances of ten classes; weights of ridge regression, and two matrices of patterns.
JUDGE = 10 * 256 * 256 * 4 + (10 + 2 * 256) * 256 * 8
COLUMN = 10 * 3072 * 4  # of a block, read by each of ten shards


def estimate(images=50_000, side=32, fitted=None, **settings):
    return estimate_run(Settings(**settings), images, (side, side, 3), 10, fitted=fitted)


def of_all(found, what):
    return {stage: getattr(outlay, what) for stage, outlay in found.outlays.items() if getattr(outlay, what)}


def test_what_cifar10_takes():
    found = estimate(solver="krylov")
    assert found.plan.shards == 10
    assert of_all(found, "tasks") == {"transform": 10, "project": 10, "neighbours": 10, "associate": 20}
    assert of_all(found, "written") == {
        "transform": COEFFICIENTS + JUDGING_SCORES + 50_000 * 1344 * 2,
        "project": SCORES,
        "neighbours": 50_000 * (20 + 4) * (8 + 8) + 2 * SCORES,
    }
    assert of_all(found, "read") == {
        "transform": 256 * COLUMN,
        # Patterns, a block of as many columns, and 16 patterns for each of three families of scales.
        "project": COEFFICIENTS + (2 * 64 + 3 * 16) * COLUMN,
        # The driver reads all scores for their deviations, for the map to mirror images, and to write those of the 64
        # patterns that are compared. Each of ten tasks reads these twice, and its own, also of mirror images; for these
        # it reads its own and later ones twice.
        "neighbours": 3 * JUDGING_SCORES + (20 + 2 + 2 * 5.5) * SCORES,
        # Each task that judges reads two judges of labels; the driver reads what the others added up.
        "associate": 2 * SCORES + 2 * JUDGING_SCORES + 20 * JUDGE + result_bytes(found.plan, 20)["summarise"],
    }


def test_settings_change_what_is_read():
    blocks = (2 * 64 + 3 * 16) * COLUMN
    assert estimate(solver="krylov", dtype="float16").outlays["project"].read == COEFFICIENTS // 2 + blocks
    assert estimate(solver="krylov", passes=7).outlays["project"].read == 7 * (COEFFICIENTS + blocks)
    gram = estimate(solver="gram").outlays
    assert (gram["transform"].read, gram["decompose"].read) == (0, 0)
    assert gram["project"].read == COEFFICIENTS + (64 + 3 * 16) * COLUMN
    dual = estimate(5000, solver="dual").outlays
    assert dual["decompose"].read == 2 * COEFFICIENTS // 10 + COEFFICIENTS // 10
    assert estimate(solver="krylov", scales=False).outlays["project"].read == COEFFICIENTS + 2 * 64 * COLUMN


def test_everything_but_memory_grows_with_the_images():
    """Shards are as large, so a worker needs what it needed; all else is ten times as much."""
    small, large = estimate(50_000, solver="krylov"), estimate(500_000, solver="krylov")

    def costs(found, stage):
        """Without what the driver reads, which does not grow."""
        fixed = result_bytes(found.plan, 20)["summarise"] if stage == "associate" else 0
        return vars(found.outlays[stage]) | {"read": found.outlays[stage].read - fixed}

    # Shards are up to a tenth larger. Each reads the first block and judges, and adds its sums; tables are made once.
    rough = {("transform", "read"): 0.1, ("associate", "read"): 0.1, ("associate", "seconds"): 0.15}
    # The search for near-duplicates grows with the square, so it is not made among so many.
    assert large.outlays["neighbours"].tasks == 0
    for stage in small.outlays.keys() - {"neighbours"}:
        grown = costs(large, stage)
        for name, value in costs(small, stage).items():
            ratio = 0.1 if name == "tasks" else rough.get((stage, name), 0.01)
            assert grown[name] == pytest.approx(10 * value, rel=ratio), (stage, name)
    assert worker_memory(large.memory) == pytest.approx(worker_memory(small.memory), rel=0.05)
    listed = driver_memory(large.plan, large.memory) - driver_memory(small.plan, small.memory)
    assert listed == pytest.approx(450_000 * 300, rel=0.05)
    assert driver_seconds(large.plan) == 10 * driver_seconds(small.plan)


def test_the_search_for_near_duplicates_grows_with_the_square():
    small, large = (estimate(images).outlays["neighbours"] for images in (50_000, 200_000))
    assert large.seconds == pytest.approx(16 * small.seconds, rel=0.05)
    once = 4 * (3 * 256 + 3 * 64)  # bytes an image of what does not depend on the number of tasks
    assert large.read - 200_000 * once == pytest.approx(16 * (small.read - 50_000 * once), rel=0.15)
    assert estimate(neighbours=49_999).outlays["neighbours"].tasks == 0


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="Level 9 is too deep"):
        estimate(level=9)
