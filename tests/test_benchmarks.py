"""The benchmarks run on tiny data without timing, so that they stay in working order."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import (
    cifar,
    decomposition,
    labels,
    libraries,
    networks,
    orchestration,
    reading,
    rerun,
    resizing,
    scaling,
    scattering,
    shortcuts,
    transform,
    whole,
    year,
)
from benchmarks.contenders import CONTENDERS
from benchmarks.data import prepare
from storage.datasets import stamps
from storage.runs.workspace import Workspace
from tasks.compare.history import history_of
from tests.datasets import smooth_images


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    prepare(smooth_images(folder / "data", count=30), folder, 6, exact=True, shard_size=2**15)
    return folder


@pytest.mark.parametrize("name", CONTENDERS)
def test_every_contender_runs_and_is_as_exact_as_it_can_be(prepared, name):
    result = decomposition.measure(name, prepared)
    assert result["cpu"] > 0
    assert result["peak"] > 2**20
    if not name.startswith("limit"):
        bound = {"eigenwave": 1e-5, "dask": 0.5}.get(name.split()[0].split("-")[0], 0.5)
        assert result["error"] < bound
        assert result["deficit"] < bound


def test_scattering_is_compared_with_its_own_products(monkeypatch, capsys):
    monkeypatch.setattr(scattering, "BLOCK_BYTES", 2**14)
    monkeypatch.setattr(scattering, "kymatio_of", lambda _: None)
    ratios = scattering.scattering(16, repeats=1)
    assert [name.split(",")[0] for name in ratios] == ["eigenwave", "limit: its matrix products alone"]
    assert "Kymatio is not installed" in capsys.readouterr().out


@pytest.mark.slow
def test_tables_are_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("EIGENWAVE_DATA", raising=False)
    monkeypatch.setattr(decomposition, "ROUNDS", 1)
    monkeypatch.setattr(decomposition, "REPEATS", 1)
    decomposition.scaling(tmp_path, [30], 4, side=16)
    decomposition.parallel(tmp_path, 40, 4)
    printed = capsys.readouterr().out
    assert "| 30 | 768 |" in printed
    assert "| 2 Dask workers |" in printed


@pytest.mark.slow
@pytest.mark.usefixtures("prefect")
def test_the_whole_run_is_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("EIGENWAVE_DATA", raising=False)
    whole.compare(tmp_path, 200, 4)
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert [row[2] for row in rows] == ["eigenwave run", *whole.SCRIPTS]
    assert float(rows[0][6]) < 1e-5
    assert all(float(row[5].replace(",", "")) > 0 for row in rows)


def test_every_number_is_printed_and_one_outside_its_range_fails(tmp_path, capsys):
    for split, seed in (("train", 0), ("test", 1)):
        smooth_images(tmp_path / "data" / split, count=60, seed=seed, classes=tuple("abcd"))
    assert cifar.main(str(tmp_path / "data"), rank=4, wide_rank=8) == 1
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 33
    outside = {row[0].removeprefix("| ") for row in rows if "OUTSIDE" in row[-1]}
    assert "learnability L" in outside
    # What any data must fulfil.
    exact = {"error of singular values, krylov", "error of singular values, gram", "F against scipy.stats.f_oneway"}
    assert exact <= {row[0].removeprefix("| ") for row in rows} - outside
    assert not cifar.Number("x", float("nan"), 0, 1).inside


def test_the_transform_is_measured_beside_its_peers(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("EIGENWAVE_DATA", raising=False)
    ratios = transform.decoding(tmp_path, 20, repeats=1)
    ratios |= transform.wavelets(16, repeats=1)
    ratios |= transform.storing(tmp_path, 10, 64, repeats=1)
    assert ratios.keys() >= {"Pillow", "limit: a copy", "pywt.wavedec2, the batch", "limit: copy of a memmap"}
    assert transform.whole(tmp_path, 30, repeats=1) > 0
    assert "**eigenwave, the stage**" in capsys.readouterr().out


def test_reading_is_compared_with_libraries(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("EIGENWAVE_DATA", raising=False)
    ratios = libraries.beside_libraries(tmp_path, 20, repeats=1)
    assert ratios.keys() == set(libraries.LIBRARIES)
    assert all(ratio > 0 for ratio in ratios.values())
    assert "zip, zipfile" in capsys.readouterr().out


def test_reading_is_measured_in_each_format(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("EIGENWAVE_DATA", raising=False)
    ratios = reading.reading(tmp_path, 20, 12, repeats=1)
    assert ratios.keys() == set(reading.FORMATS)
    assert all(here > 0 and far > 0 for here, far in ratios.values())
    assert "| parquet |" in capsys.readouterr().out


def test_decoding_at_a_small_size_is_measured_and_what_is_found_then(tmp_path, capsys):
    photographs, random = resizing.photographs(), np.random.default_rng(0)
    ratios = resizing.decoding([resizing.part(photographs[0], random) for _ in range(3)], repeats=1)
    assert all(ratio > 0 for ratio in ratios.values())
    found = resizing.learnability(tmp_path, photographs, 10, scales=False, judge_space="none")
    assert found[True] == pytest.approx(found[False], abs=2e-3)
    assert "| limit: simplejpeg at 1/2 + Pillow |" in capsys.readouterr().out


def test_the_table_of_what_runs_take_is_up_to_date():
    page = Path(__file__).parent.parent / "docs" / "operating.md"
    assert scaling.table() in page.read_text(), "put in what python -m benchmarks.scaling prints"


def test_runs_on_a_dataset_that_changed_are_measured_beside_the_first(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("EIGENWAVE_DATA", raising=False)
    monkeypatch.setattr(stamps, "MOMENT_SECONDS", -60)
    found = rerun.rerun(tmp_path, 60, repeats=1)
    assert all(seconds["bring"] > 0 for seconds in found.values())
    assert "| 1 % edited, here and there |" in capsys.readouterr().out


@pytest.mark.slow
def test_the_cost_of_prefect_and_dask_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("EIGENWAVE_DATA", raising=False)
    monkeypatch.setattr(orchestration, "IDLE_SECONDS", 1)
    with orchestration.served() as clock:
        once = orchestration.fixed(tmp_path, clock, repeats=1)
        each = orchestration.per_shard(clock, (20, 40))
        monkeypatch.setattr(orchestration, "SHARDS_EACH", 20)
        [ratio] = orchestration.by_workers(clock, (2,), 0.0013)
        assert 0 < ratio < 1
        assert orchestration.share(tmp_path, clock, 60, once, each) > 0
    printed = capsys.readouterr().out
    assert "| flow, 2 local workers |" in printed
    assert "| 40 | " in printed
    assert "| 2 | 40 |" in printed
    assert "### Share of a run: stand-in" in printed


def test_wrong_labels_of_people_are_ranked_beside_a_regression(tmp_path, monkeypatch, capsys):
    images = smooth_images(tmp_path / "data" / "train", count=40).parent
    keys = sorted(path.relative_to(images).as_posix() for path in images.rglob("*.png"))
    clean = [key.split("/")[1] for key in keys]
    people = ["a" if number % 12 == 0 else name for number, name in enumerate(clean)]
    columns = {"key": keys, "clean": clean, "aggregate": clean, "random_1": people}
    pq.write_table(pa.table(columns), tmp_path / "human_labels.parquet")
    settings = {"transform": "modulus", "rank": 8}
    cases = labels.Case("random_1", settings, (0.5, 0.1, 0)), labels.Case("flipped", settings, (1.1, 0, 0))
    monkeypatch.setattr(labels, "CASES", cases)
    assert labels.main(str(images), str(tmp_path)) == 1
    random_1, flipped = capsys.readouterr().out.splitlines()[2:]
    assert "BELOW" not in random_1
    assert "BELOW" in flipped


def test_planted_shortcuts_are_counted(tmp_path, capsys):
    smooth_images(tmp_path / "photographs", count=200, classes=("a", "b"))
    shortcuts.main(2, tmp_path / "photographs")
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[1] for row in rows] == list(shortcuts.SETTINGS)
    assert all(row[0] == "| photographs" for row in rows)
    with_site, without = float(rows[0][4]), float(rows[2][4])
    assert with_site > without + 0.1


@pytest.mark.slow
@pytest.mark.usefixtures("prefect")
def test_networks_are_explained(tmp_path, capsys):
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    for split, seed in (("train", 0), ("test", 1)):
        smooth_images(tmp_path / "data" / split, shape=(32, 32, 3), count=60, seed=seed)
    networks.main(tmp_path / "data", epochs=2)
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row[:2] for row in rows[1:]] == [
        [net, name] for net in ("trained", "memorised") for name in networks.LAYERS
    ]
    assert all(len(row) == len(networks.HEAD) for row in rows)
    assert float(rows[4][2]) > float(rows[4][3])


@pytest.mark.slow
def test_nights_of_a_year_are_audited_and_pruned(tmp_path, capsys):
    nights = list(year.year(tmp_path, nights=4, images=180, keep="last=1"))
    # The newest run, and the one that it started from.
    assert [night.runs for night in nights] == [1, 2, 2, 2]
    assert all(night.audit > 0 and night.memory > 2**20 and night.size > 2**10 for night in nights)
    found = history_of(Workspace(tmp_path / "workspace")).table.to_pylist()
    assert [f"{row['created']:%m-%d}" for row in found] == ["01-03", "01-04"]
    assert all(set(row["failed_gates"]) <= set(row["gates"]) == {"learnability_drop>0.05"} for row in found)
    year.table(nights)
    assert capsys.readouterr().out.count("\n| 4 | 2 | ") == 1
