"""Decoders that crash, hang or take memory: each costs the image, and not the run, in this process and in workers."""

import pytest

from flows.workers.open import open_fanout
from storage.pixels import isolated
from storage.settings import Settings
from tests.datasets import smooth_images
from tests.faults.table import record
from tests.runs import SMALL, analyse
from tests.storage.pixels.damage import SIDE
from tests.storage.pixels.planted import FAULTS, REASONS, Fresh, faulty, plant

PLACES = {"inline": "in the process of the run", "local": "in a worker"}


@pytest.mark.parametrize("cluster", ["inline", pytest.param("local", marks=pytest.mark.slow)])
def test_a_run_names_each_image_with_a_faulty_decoder(tmp_path, monkeypatch, cluster):
    note = tmp_path / "note"
    monkeypatch.setenv("PYTHONPATH", plant(tmp_path / "planted", speed=1 / 100, note=note))
    monkeypatch.setattr(isolated, "_local", Fresh())  # an earlier test may have started a process without faults
    source = smooth_images(tmp_path / "data", shape=(SIDE, SIDE), count=20)
    for number, fault in enumerate(FAULTS):
        (source / "b" / f"{fault}.bmp").write_bytes(faulty(fault, number))
    settings = Settings(max_bad_fraction=0.1, cluster=cluster, workers=None if cluster == "inline" else 2)
    with open_fanout(settings) as fanout:
        run = analyse(source, tmp_path / "workspace", fanout, **SMALL, max_bad_fraction=0.1)
    rejects = {row["key"]: row["reason"] for row in run.tables["rejects"].to_pylist()}
    for fault in FAULTS:
        right = rejects.pop(f"b/{fault}.bmp") == REASONS[fault]
        record(f"decoder with a fault, {PLACES[cluster]}", tried=1, survived=right)
    assert not rejects
