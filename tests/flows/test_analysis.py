import base64
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from distributed import LocalCluster
from PIL import Image
from scipy import stats
from sklearn.datasets import load_digits

from storage.errors import InputError
from storage.formats.open import open_source
from storage.runs.run import open_run
from storage.settings import Settings
from tests import naive
from tests.datasets import fading_images, write_images
from tests.processes import EIGENWAVE, ask
from tests.runs import local, results

pytestmark = pytest.mark.usefixtures("prefect")

# Four shards, and more than one pass.
DIGITS = {"cluster": "inline", "shard_size": 2**17, "solver": "krylov"}


def analyse(source, workspace, run_id="run", **settings):
    from flows.analysis import analysis  # noqa: PLC0415 - after the server's address is set

    finished = analysis(str(source), str(workspace), Settings(**{"cluster": "inline"} | settings), run_id)
    return open_run(Path(workspace) / "runs" / finished)


@pytest.fixture(scope="module")
def digits(prefect_server, tmp_path_factory):
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415

    with temporary_settings({PREFECT_API_URL: prefect_server}):
        return analyse("digits", tmp_path_factory.mktemp("digits"), **DIGITS)


def test_digits_against_an_exact_oracle(digits):
    source, bundled = open_source("digits"), load_digits()
    samples = source.samples().to_pandas()
    rows = samples.key.astype(int)
    fitted = np.array(samples.split == "train")
    labels = bundled.target[rows]
    images = bundled.images[rows] / 16
    matrix = np.array([naive.dwt_row(image[:, :, None], "haar", "periodization", 2) for image in images])
    mean, values, vectors, energy = naive.svd(matrix[fitted], 16)
    np.testing.assert_allclose(digits.coefficients[:], matrix, atol=1e-6)
    np.testing.assert_allclose(digits.mean[:], mean, atol=1e-7)
    np.testing.assert_allclose(np.abs((digits.patterns[:] * vectors).sum(axis=1)), 1, atol=1e-5)

    patterns = digits.tables["patterns"].to_pydict()
    np.testing.assert_allclose(patterns["singular_value"], values, rtol=2e-6)
    np.testing.assert_allclose(patterns["energy_share"], values**2 / energy, rtol=1e-5)
    assert max(patterns["residual"]) < 1e-4

    scores = digits.scores[:].astype(np.float64)
    np.testing.assert_allclose(scores, (matrix - mean) @ digits.patterns[:].T.astype(np.float64), atol=1e-5)
    np.testing.assert_allclose(patterns["eta_squared"], naive.eta_squared(scores[fitted], labels[fitted]), rtol=1e-9)
    groups = [scores[fitted & (labels == label)] for label in range(10)]
    f_statistic, p_value = stats.f_oneway(*groups)
    np.testing.assert_allclose(patterns["f_statistic"], f_statistic, rtol=1e-9)
    np.testing.assert_allclose(patterns["p_value"], p_value, rtol=1e-6, atol=1e-300)

    row = digits.tables["learnability"].to_pylist()[0]
    assert row["learnability"] == pytest.approx(naive.learnability(scores[fitted], labels[fitted]), rel=1e-9)
    assert 0.55 <= row["learnability"] <= 0.59
    assert row["shuffled_max"] <= 0.02
    assert row["shuffled_significant_max"] <= 2
    assert row["significant_patterns"] == 16


def test_pair_table_is_right(digits):
    pairs = digits.tables["pattern_class"].to_pandas()
    assert len(pairs) == 160
    samples = open_source("digits").samples().to_pandas()
    fitted = np.array(samples.split == "train")
    labels = np.array(samples.class_id)[fitted]
    scores = digits.scores[:].astype(np.float64)[fitted]
    for label in range(10):
        own = pairs[pairs.class_id == label]
        assert set(own.class_name) == {str(label)}
        assert set(own.n) == {(labels == label).sum()}
        np.testing.assert_allclose(own.cohens_d, naive.cohens_d(scores, labels, label), rtol=1e-8)
    np.testing.assert_allclose(pairs.groupby("pattern").energy_share.sum(), 1, rtol=1e-12)
    top = digits.tables["patterns"]["top_class"].to_pylist()
    assert top == [pairs[pairs.pattern == j].set_index("class_name").cohens_d.abs().idxmax() for j in range(16)]


def test_samples_keep_every_image_in_row_order(digits):
    samples = digits.tables["samples"].to_pandas()
    source = open_source("digits")
    expected = source.samples().to_pandas()
    assert samples.row.tolist() == list(range(1797))
    assert samples.key.tolist() == expected.key.tolist()
    assert samples.split.tolist() == expected.split.tolist()
    assert samples.valid.all()
    first = hashlib.sha256(next(source.read(source.samples()))).hexdigest()[:32]
    assert samples.digest[0] == first
    assert digits.tables["rejects"].num_rows == 0


def test_nothing_intermediate_is_left(digits):
    folder = local(digits.paths.folder)
    assert not (folder / "work").exists()
    assert not list(folder.rglob("*.partial"))
    assert open_run(folder.parent / "latest").manifest == digits.manifest


@pytest.mark.slow  # tests/flows/test_stages.py has a quick test of the same without Prefect
def test_same_bits_from_workers_and_from_a_scheduler(digits, tmp_path):
    expected = results(digits)
    local = analyse("digits", tmp_path / "local", **DIGITS | {"cluster": "local", "workers": 2})
    assert results(local) == expected
    with LocalCluster(
        n_workers=3, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        spread = analyse("digits", tmp_path / "spread", **DIGITS | {"cluster": cluster.scheduler_address})
    assert results(spread) == expected


def test_shard_size_changes_only_rounding(digits, tmp_path):
    one = analyse("digits", tmp_path, **DIGITS | {"shard_size": 2**26})
    assert one.manifest.plan["shards"] == 1
    for name in ("patterns", "pattern_class", "learnability", "scales"):
        for column in digits.tables[name].column_names:
            ours, theirs = (run.tables[name][column].to_pylist() for run in (one, digits))
            if isinstance(ours[0], float) and column != "residual":
                np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6, err_msg=column)
    np.testing.assert_allclose(
        one.tables["patterns"]["singular_value"], digits.tables["patterns"]["singular_value"], rtol=1e-6
    )


def test_rejected_images_are_masked_everywhere(tmp_path):
    folder = write_images(tmp_path / "data", count=20)
    clean = analyse(folder, tmp_path / "clean", rank=3, max_bad_fraction=0.1)
    (folder / "cat" / "spoilt.png").write_bytes(b"<html>")
    run = analyse(folder, tmp_path / "spoilt", rank=3, max_bad_fraction=0.1)
    assert run.tables["rejects"].to_pylist() == [
        {
            "run_id": run.manifest.run_id,
            "row": 20,
            "key": "cat/spoilt.png",
            "shard": 0,
            "class_id": 0,
            "class_name": "cat",
            "split": "train",
            "reason": "unknown format",
            "detail": "not one of JPEG, PNG, BMP, GIF, TIFF, WEBP, AVIF, PPM",
        }
    ]
    assert run.manifest.rejected == 1
    assert np.isnan(run.scores[20]).all()
    assert np.isfinite(np.delete(run.scores[:], 20, axis=0)).all()
    np.testing.assert_allclose(
        run.tables["patterns"]["eta_squared"], clean.tables["patterns"]["eta_squared"], rtol=1e-4
    )
    assert run.tables["learnability"]["n"].to_pylist() == [40]


def test_a_run_with_fewer_patterns_than_planned_says_so(tmp_path, monkeypatch):
    # Prefect's own logger writes to the stream that was there when it was made, perhaps in another test.
    said = []
    monkeypatch.setattr("flows.analysis.get_run_logger", lambda: Mock(warning=said.append))
    run = analyse(fading_images(tmp_path / "data"), tmp_path / "workspace", rank=9)
    assert run.manifest.learnability["rank"] == 1
    assert [text.split(":")[0] for text in said] == ["Only 1 pattern stands out from rounding, of 9 planned"]


def test_a_second_run_reuses_shards_and_an_id_is_not_used_twice(tmp_path):
    first = analyse("digits", tmp_path, "one", **DIGITS)
    shards = {path: path.stat().st_mtime_ns for path in (tmp_path / "shards").rglob("*") if path.is_file()}
    second = analyse("digits", tmp_path, "two", **DIGITS | {"rank": 5})
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "shards").rglob("*") if path.is_file()} == shards
    assert second.manifest.shards == first.manifest.shards
    with pytest.raises(InputError, match="run one is already finished"):
        analyse("digits", tmp_path, "one", **DIGITS)


def test_prefect_shows_every_stage_and_its_progress(prefect, tmp_path):
    def found(what, **body):
        return ask(prefect, f"{what}/filter", body)

    folder = write_images(tmp_path / "data", count=20)
    (folder / "cat" / "spoilt.png").write_bytes(b"<html>")
    settings = {"rank": 3, "passes": 2, "tolerance": 0.9, "shard_size": 4096, "solver": "krylov"}
    analyse(folder, tmp_path / "workspace", max_bad_fraction=0.1, **settings)
    (run,) = found("flow_runs", flow_runs={"name": {"any_": [str(folder)]}})
    assert run["state_type"] == "COMPLETED"
    stages = found("task_runs", flow_runs={"id": {"any_": [run["id"]]}}, sort="EXPECTED_START_TIME_ASC")
    expected = ["plan", "transform", "project", "project after pass 2", "neighbours", "associate", "report", "seal"]
    assert [stage["name"] for stage in stages] == expected
    artifacts = {
        artifact["key"]: artifact["data"] for artifact in found("artifacts", flow_runs={"id": {"any_": [run["id"]]}})
    }
    bars = ["transform", "project", "neighbours", "summarise", "judge"]
    progress = {key: float(artifacts.pop(key)) for key in bars}
    assert set(progress.values()) == {100}
    assert "Labels account for" in artifacts["verdict"]
    assert dict(json.loads(artifacts["transform-facts"])[2].items()) == {
        "fact": "rejected images",
        "transform": "1 of 41",
    }
    rejected = [{"key": "1 images", "reason": "unknown format", "detail": ""}, REJECT]
    assert json.loads(artifacts["rejects"]) == rejected
    assert "largest residual" in artifacts["project-after-pass-2-facts"]
    learnability = json.loads(artifacts["learnability"])[0]
    assert float(learnability["labels"]) > float(learnability["shuffled, mean"]) >= 0
    for key in ("patterns", "classes"):
        content = base64.b64decode(artifacts[key].split("base64,")[1].removesuffix(")"))
        assert Image.open(io.BytesIO(content)).size[0] > 200


REJECT = {
    "key": "cat/spoilt.png",
    "reason": "unknown format",
    "detail": "not one of JPEG, PNG, BMP, GIF, TIFF, WEBP, AVIF, PPM",
}


PHASES = {
    "transform": "work/parts/000001.batches",
    "between transform and projection": "work/transformed",
    "project": "run.zarr/scores/c/1/0",
    "between projection and associate": "work/projection.npz",
    "between the passes over the scores": "work/summary.npz",
    "seal": "tables/samples.parquet",
}


OFTEN = ("transform",)  # tests/faults/test_kill.py has a quick test of each phase without the command


@pytest.mark.parametrize(
    "phase", [pytest.param(phase, marks=() if phase in OFTEN else pytest.mark.slow) for phase in PHASES]
)
def test_a_killed_run_continues_with_the_same_bits(digits, tmp_path, phase):
    """SIGKILL the whole command as soon as a phase has left its first trace, then start it again."""
    command = [
        EIGENWAVE,
        "run",
        "digits",
        "--workspace",
        tmp_path,
        "--run-id",
        "run",
        "--shard-size",
        str(2**17),
        "--solver",
        "krylov",
    ]
    trace = tmp_path / "runs" / "run" / PHASES[phase]
    # A new session, so that its Dask workers can be killed with it.
    victim = subprocess.Popen([*command, "--workers", "2"], start_new_session=True, stderr=subprocess.DEVNULL)
    while not trace.exists():
        assert victim.poll() is None, "the run ended before the phase was seen"
        time.sleep(0.0005)
    os.killpg(victim.pid, signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert not (tmp_path / "runs" / "run" / "manifest.json").exists()
    assert results(analyse("digits", tmp_path, **DIGITS)) == results(digits)


def test_an_interrupted_run_is_found_again_without_its_name(tmp_path):
    folder = write_images(tmp_path / "data", count=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.analysis.seal_run", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            analyse(folder, tmp_path / "workspace", None, rank=3)
    (unfinished,) = (tmp_path / "workspace" / "runs").iterdir()
    run = analyse(folder, tmp_path / "workspace", None, rank=3)
    assert local(run.paths.folder) == unfinished
    assert analyse(folder, tmp_path / "workspace", None, rank=3).paths.run_id != unfinished.name


READ_WITHOUT_EIGENWAVE = """
import sys, zarr, pyarrow.parquet
print(zarr.open_array(sys.argv[1] + "/run.zarr/scores", mode="r").shape)
print(pyarrow.parquet.read_table(sys.argv[1] + "/tables/patterns.parquet").num_rows)
"""


def test_plain_zarr_and_parquet_read_a_run(digits, tmp_path):
    command = [sys.executable, "-c", READ_WITHOUT_EIGENWAVE, str(digits.paths.folder)]
    output = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert output.split("\n")[:2] == ["(1797, 16)", "16"]
