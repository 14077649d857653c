import os
from functools import partial

import numpy as np
import pytest
from distributed import Client, LocalCluster

from flows import stages
from flows.cli.summary import run_summary
from flows.workers.dask import DaskFanout
from flows.workers.fanout import InlineFanout
from flows.workers.open import open_fanout
from storage.arrays.zarr import chunk_path
from storage.errors import EigenwaveError, InputError
from storage.runs.workspace import Workspace
from storage.settings import Settings
from tasks.planning.memory import association_shards, stage_memory
from tasks.planning.outlook import estimate_run
from tasks.run.begin import begin_run
from tests import naive
from tests.datasets import fading_images, smooth_images, write_images
from tests.measure_memory import beside_outlays, measure, peak_since_reset
from tests.runs import analyse, finish, local

SOLVERS = ["krylov", "gram", "dual"]


def exact(run, rank):
    rows = run.coefficients[:].astype(np.float64)
    return naive.svd(rows[~np.isnan(rows[:, 0])], rank)


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_equals_the_exact_decomposition(tmp_path, solver):
    folder = smooth_images(tmp_path / "data")
    (folder / "b" / "bad.png").write_bytes(b"no image")
    run = analyse(
        folder, tmp_path / "workspace", rank=10, solver=solver, shard_size=2**15, max_bad_fraction=0.1, passes=6
    )
    assert run.manifest.solver == solver
    assert len(run.manifest.shards) > 4
    _, values, vectors, energy = exact(run, 10)
    patterns = run.tables["patterns"].to_pandas()
    np.testing.assert_allclose(patterns.singular_value, values, rtol=2e-6)
    np.testing.assert_allclose(patterns.energy_share, values**2 / energy, rtol=1e-5)
    np.testing.assert_allclose(np.abs((run.patterns[:] * vectors).sum(axis=1)), 1, atol=1e-5)
    np.testing.assert_allclose(run.patterns[:] @ run.patterns[:].T, np.eye(10), atol=1e-5)
    assert patterns.residual.max() < 1e-3
    largest = np.abs(run.patterns[:]).argmax(axis=1)
    assert (run.patterns[:][np.arange(10), largest] > 0).all()


@pytest.mark.parametrize("asked", [{"rank": 9}, {"energy": 0.999}], ids=["rank", "energy"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_images_of_one_pattern_have_one(tmp_path, solver, asked):
    """A picture that fades in: that is all there is, whatever is asked for."""
    folder = fading_images(tmp_path / "data")
    run = analyse(folder, tmp_path / "workspace", solver=solver, shard_size=2**13, **asked)
    _, values, _, _ = exact(run, 1)
    np.testing.assert_allclose(run.tables["patterns"]["singular_value"], values, rtol=1e-5)
    assert run.manifest.energy == pytest.approx(1, abs=1e-6)
    shown = " ".join(str(run_summary(run).renderables[1]).split())
    assert ("of 9 planned, no more stand out from rounding" in shown) == ("rank" in asked)


@pytest.mark.parametrize("solver", SOLVERS)
def test_as_many_patterns_as_hold_the_energy(tmp_path, solver):
    folder = smooth_images(tmp_path / "data")
    run = analyse(folder, tmp_path / "workspace", energy=0.9, solver=solver, oversample=10)
    _, values, _, energy = exact(run, 60)
    needed = int(np.argmax(np.cumsum(values**2) / energy >= 0.9)) + 1
    assert run.tables["learnability"]["rank"].to_pylist() == [needed]
    assert run.manifest.energy >= 0.9
    assert run.scores.shape == (180, needed)


@pytest.fixture(scope="module", params=[3, *(pytest.param(count, marks=pytest.mark.slow) for count in (1, 2))])
def workers(request):
    """A client of a cluster of so many processes."""
    with (
        LocalCluster(
            n_workers=request.param,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.mark.parametrize(
    "solver", ["krylov", *(pytest.param(name, marks=pytest.mark.slow) for name in ("gram", "dual"))]
)
def test_same_bits_for_any_number_of_workers(tmp_path, solver, workers):
    folder = smooth_images(tmp_path / "data")
    settings = {"rank": 6, "solver": solver, "shard_size": 2**14}
    expected = analyse(folder, tmp_path / "inline", **settings)
    assert len(expected.manifest.shards) > 10
    with workers.as_current():
        run = analyse(folder, tmp_path / "workers", DaskFanout(workers), **settings)
    for name in ("patterns", "scores", "mean", "coefficients"):
        assert getattr(run, name)[:].tobytes() == getattr(expected, name)[:].tobytes()
    for name in ("patterns", "pattern_class", "learnability", "scales"):
        found, wanted = (each.tables[name].drop_columns("run_id") for each in (run, expected))
        assert found.equals(wanted)


def test_uncentred_data(tmp_path):
    folder = smooth_images(tmp_path / "data", count=20)
    for solver in SOLVERS:
        run = analyse(folder, tmp_path / solver, rank=3, centre=False, solver=solver)
        _, values, _, _ = naive.svd(run.coefficients[:], 3, centre=False)
        np.testing.assert_allclose(run.tables["patterns"]["singular_value"], values, rtol=2e-6)
        assert not run.mean[:].any()


def test_too_few_passes_are_refused_with_advice(tmp_path):
    folder = write_images(tmp_path / "data", shape=(32, 32), count=100)
    with pytest.raises(EigenwaveError, match=r"residual is \S+, but --tolerance allows 0.01; raise --passes above 1,"):
        analyse(folder, tmp_path / "workspace", solver="krylov", rank=5, oversample=0, passes=1)
    run = analyse(folder, tmp_path / "workspace", solver="krylov", rank=5, oversample=20, tolerance=0.005)
    assert run.manifest.residual_max <= 0.005
    _, values, _, _ = exact(run, 5)
    np.testing.assert_allclose(run.tables["patterns"]["singular_value"], values, rtol=1e-4)


def test_energy_beyond_the_passes_is_refused(tmp_path):
    folder = write_images(tmp_path / "data", shape=(32, 32), count=100)
    with pytest.raises(EigenwaveError, match=r"2 passes did not reach 0\.99 of the energy; raise --passes"):
        analyse(folder, tmp_path / "workspace", solver="krylov", energy=0.99, oversample=0, passes=2)


def test_patterns_that_no_pass_can_improve_are_not_projected_again(tmp_path):
    folder = write_images(tmp_path / "data", shape=(8, 8), count=60)
    with pytest.raises(EigenwaveError, match=r"--tolerance allows 1e-12; raise --passes above 1,"):
        analyse(folder, tmp_path / "workspace", solver="krylov", rank=5, oversample=59, tolerance=1e-12)


def test_a_run_that_an_earlier_version_transformed_starts_over(tmp_path):
    """It has no products of scales, which the projection needs."""
    folder = smooth_images(tmp_path / "data", count=20)
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    settings = Settings(rank=3, solver="krylov")
    job = begin_run(str(folder), settings, workspace)
    stages.transform(job, InlineFanout(), stages.silent)
    local(job.paths.work.scale_images).unlink()
    manifest = finish(begin_run(str(folder), settings, workspace))
    assert manifest.run_id == job.run_id
    other = analyse(folder, tmp_path / "other", run_id=job.run_id, rank=3, solver="krylov")
    assert manifest.files == other.manifest.files


def test_a_grown_dataset_starts_warm_and_takes_fewer_passes(tmp_path):
    folder = smooth_images(tmp_path / "data", shape=(32, 32), count=100)
    settings = {"rank": 8, "oversample": 0, "solver": "krylov"}
    first = analyse(folder, tmp_path / "workspace", **settings)
    again = analyse(folder, tmp_path / "workspace", **settings)
    assert first.manifest.warm_start is again.manifest.warm_start is None
    assert again.patterns[:].tobytes() == first.patterns[:].tobytes()
    smooth_images(folder, shape=(32, 32), count=2, start=100, seed=5)
    grown = analyse(folder, tmp_path / "workspace", **settings)
    assert grown.manifest.warm_start == again.manifest.run_id
    assert grown.manifest.passes < first.manifest.passes
    cold = analyse(folder, tmp_path / "workspace", **settings | {"warm_start": "none"})
    assert cold.manifest.warm_start is None
    assert cold.manifest.passes == first.manifest.passes
    from_first = {"warm_start": first.manifest.run_id, "tolerance": 0.001}
    named = analyse(folder, tmp_path / "workspace", **settings | from_first)
    assert named.manifest.warm_start == first.manifest.run_id
    _, values, _, _ = exact(grown, 8)
    for run in (named, cold):
        np.testing.assert_allclose(run.tables["patterns"]["singular_value"], values, rtol=2e-6)


def test_warm_start_from_another_kind_of_run_is_refused(tmp_path):
    folder = smooth_images(tmp_path / "data", count=20)
    analyse(folder, tmp_path / "workspace", rank=3)
    with pytest.raises(InputError, match="has other coefficients"):
        analyse(folder, tmp_path / "workspace", rank=3, solver="krylov", warm_start="latest", wavelet="db2")
    with pytest.raises(InputError, match="has no run nowhere"):
        analyse(folder, tmp_path / "workspace", rank=3, solver="krylov", warm_start="nowhere")


def test_a_damaged_shard_is_found_before_it_spoils_a_pass(tmp_path):
    folder = smooth_images(tmp_path / "data")
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    job = begin_run(str(folder), Settings(rank=3, solver="krylov", shard_size=2**15), workspace)
    stages.transform(job, InlineFanout(), stages.silent)
    chunk = local(chunk_path(job.paths.coefficients, 2))
    content = bytearray(chunk.read_bytes())
    content[1000] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(EigenwaveError, match=r"coefficients/c/2/0 is damaged"):
        stages.project(job, InlineFanout(), stages.silent)


def test_half_written_files_of_a_killed_run_do_not_enter_the_finished_one(tmp_path):
    folder = smooth_images(tmp_path / "data", count=20)
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    settings = Settings(rank=3, solver="krylov")
    job = begin_run(str(folder), settings, workspace)
    stages.transform(job, InlineFanout(), stages.silent)
    for place in (job.paths.manifest, chunk_path(job.paths.coefficients, 0), job.paths.patterns / "zarr.json"):
        path = local(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f"{path.name}.1234.partial").write_bytes(b"half")
    again = begin_run(str(folder), settings, workspace)
    assert again.run_id == job.run_id
    manifest = stages.run_stages(again, InlineFanout())
    assert not list(local(job.paths.folder).rglob("*.partial"))
    assert not [name for name in manifest.files if "partial" in name]


class PassingFanout(InlineFanout):
    """A fan-out whose only worker with a limit leaves once its memory was asked for."""

    def __init__(self):
        self.answers = iter([2**40])

    @property
    def worker_memory(self):
        return next(self.answers, None)


def test_a_worker_that_leaves_while_memory_is_checked_does_not_end_the_run(tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    job = begin_run(str(smooth_images(tmp_path / "data", count=20)), Settings(rank=3), workspace)
    stages.check_workers(job, PassingFanout())


@pytest.mark.slow
@pytest.mark.parametrize(("solver", "side", "count"), [("krylov", 224, 100), ("gram", 48, 900), ("dual", 224, 100)])
def test_measured_memory_is_below_the_projection(tmp_path, solver, side, count):
    folder = smooth_images(tmp_path / "data", shape=(side, side), count=count)
    result = measure(folder, tmp_path / "workspace", solver=solver, rank=12, shard_size=2**24)
    assert result["measured"].keys() == result["projected"].keys()
    for stage, measured in result["measured"].items():
        # Below, and not absurdly so: a limit must not refuse what would fit easily.
        assert 0.3 * result["projected"][stage] < measured <= result["projected"][stage], stage


@pytest.mark.slow
def test_measured_reads_and_writes_are_as_planned(tmp_path):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 3000)
    pixels = random.integers(0, 200, (3000, 32, 32), dtype=np.uint8) + labels.astype(np.uint8)[:, None, None] * 20
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "many.npz", images=pixels, labels=labels)
    settings = {"solver": "krylov", "passes": 3, "rank": 16, "shard_size": 2**21, "tolerance": 0.9}
    result = measure(tmp_path / "data", tmp_path / "workspace", **settings)
    estimate = estimate_run(Settings(**settings), 3000, (32, 32, 1), 3)
    for (stage, what), (measured, planned) in beside_outlays(result["costs"], estimate).items():
        # What is small does not count in a plan: names, labels, sums, the code of what is imported.
        if what != "seconds" and planned > 2**22:
            assert planned <= measured <= 1.5 * planned, (stage, what)


@pytest.mark.slow
def test_a_run_reads_its_coefficients_once(tmp_path):
    """Of images of few patterns, with all scales, tables and the report."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 8000)
    waves = random.standard_normal((12, 32 * 32 * 3))
    strength = random.standard_normal((8000, 12)) * 0.8 ** np.arange(12) + labels[:, None] * (np.arange(12) == 0)
    pixels = (128 + 12 * strength @ waves + random.standard_normal((8000, 32 * 32 * 3))).clip(0, 255)
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "many.npz", images=pixels.astype(np.uint8).reshape(-1, 32, 32, 3), labels=labels)
    result = measure(tmp_path / "data", tmp_path / "workspace", solver="krylov", rank=12)
    read = {stage: cost["read"] for stage, cost in result["costs"].items() if stage != "drift"}
    of_images = read.pop("sample") + read.pop("transform")
    assert of_images < 2.5 * pixels.size
    of_coefficients = sum(read[stage] for stage in ("solve scales", "solve", "project"))
    assert 4 * pixels.size < of_coefficients < 1.25 * 4 * pixels.size
    # All else reads scores: of 12 patterns, and of 256 that labels are judged and copies sought by.
    of_scores = sum(read.values()) - of_coefficients
    assert of_scores < 16 * 4 * (12 + 256) * 8000


@pytest.mark.slow
def test_memory_of_a_worker_is_below_the_projection(tmp_path):
    folder = smooth_images(tmp_path / "data", shape=(224, 224), count=40)
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    job = begin_run(str(folder), Settings(solver="krylov", rank=12, shard_size=2**23), workspace)
    with open_fanout(Settings(workers=1)) as fanout:

        def peak():
            return fanout.map_sum(peak_of_worker, range(1), int, 0)

        peak()
        measured = {}
        stages.transform(job, fanout, stages.silent)
        measured["transform"] = peak()
        while not stages.project(job, fanout, stages.silent):
            pass
        measured["project"] = peak()
    assert job.plan.shards > 1
    projected = stage_memory(job.plan, job.settings.association.permutations)
    for stage, bytes_used in measured.items():
        assert 0.3 * projected[stage] < bytes_used <= projected[stage], stage


def peak_of_worker(shard):
    assert shard == 0
    return peak_since_reset()


def test_a_task_of_association_takes_several_shards_where_classes_are_many():
    """So that adding up sums of classes takes no longer than making them."""
    for classes, most in ((10, 1), (1000, 6), (21_000, 20)):
        plan = estimate_run(Settings(), 2_000_000, (64, 64, 3), classes).plan
        tasks = association_shards(plan, 20)
        assert most / 2 < tasks.step <= most
        assert len(tasks) == -(-plan.shards // tasks.step)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("classes", "images"), [(1000, 4), pytest.param(21_000, 1, marks=pytest.mark.soak)])
def test_measured_memory_is_below_the_projection_with_many_classes(tmp_path, classes, images):
    folder = images_of_many_classes(tmp_path / "data", classes, images)
    result = measure(folder, tmp_path / "workspace", rank=32, shard_size=2**20)
    for stage, measured in result["measured"].items():
        assert 0.3 * result["projected"][stage] < measured <= result["projected"][stage], stage


def images_of_many_classes(folder, classes, images):
    random = np.random.default_rng(0)
    labels = np.append(np.repeat(np.arange(classes), images), 0)  # one image of each class would be refused
    pixels = random.integers(0, 128, (len(labels), 8, 8), dtype=np.uint8)
    pixels += random.integers(0, 128, (classes, 8, 8), dtype=np.uint8)[labels]
    folder.mkdir()
    np.savez(folder / "many.npz", images=pixels, labels=labels)
    return folder


def note_process(folder):
    folder.mkdir(exist_ok=True)
    (folder / str(os.getpid())).touch()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("classes", "images"), [(1000, 60), pytest.param(21_000, 5, marks=pytest.mark.soak)])
def test_memory_of_two_workers_is_below_the_projection_with_many_classes(tmp_path, classes, images):
    folder = images_of_many_classes(tmp_path / "data", classes, images)
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    job = begin_run(str(folder), Settings(rank=32, shard_size=2**20), workspace)
    assert len(association_shards(job.plan, job.settings.association.permutations)) > 1
    with open_fanout(Settings(workers=2)) as fanout:
        stages.transform(job, fanout, stages.silent)
        while not stages.project(job, fanout, stages.silent):
            pass
        fanout.check(partial(note_process, tmp_path / "workers"))
        workers = [path.name for path in (tmp_path / "workers").iterdir()]
        assert len(workers) == 2
        for worker in workers:
            peak_since_reset(worker)
        stages.find_neighbours(job, fanout, stages.silent)
        stages.associate(job, fanout, stages.silent)
        measured = max(map(peak_since_reset, workers))
    memory = stage_memory(job.plan, job.settings.association.permutations)
    projected = max(memory[stage] for stage in ("summarise", "judge"))
    assert 0.3 * projected < measured <= projected


@pytest.mark.slow
def test_memory_does_not_grow_with_the_images(tmp_path):
    peaks = []
    for count in (100, 1000):
        folder = smooth_images(tmp_path / f"data{count}", shape=(64, 64), count=count)
        result = measure(folder, tmp_path / f"workspace{count}", solver="krylov", rank=12, shard_size=2**22)
        peaks.append(max(result["measured"].values()))
    assert peaks[1] <= 1.1 * peaks[0]
