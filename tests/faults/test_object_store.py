"""An object store that answers 503, hangs up, sends half an answer, or stalls: the run writes the same files."""

import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import zarr

from flows.analysis import fenced
from storage.arrays.zarr import open_array, write_array
from storage.errors import EigenwaveError
from storage.formats.open import open_source
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.stores import objects as store_object
from storage.stores.files import write_file
from storage.stores.objects import WHOLE
from storage.stores.open import open_path
from tests.datasets import smooth_images
from tests.faults import driver
from tests.faults.proxy import proxy, through
from tests.faults.table import record


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return smooth_images(tmp_path_factory.mktemp("data"), shape=(8, 8), count=30)


@pytest.fixture(scope="module")
def expected(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    driver.analyse(source, folder)
    return open_run(folder / "runs" / "run").manifest.files


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "every"), [("503", 25), ("dropped", 25), ("truncated", 9), ("stalled", 60)])
def test_the_same_files_from_a_store_that_fails(source, expected, s3_server, monkeypatch, fault, every):
    target = urlsplit(s3_server[1]["AWS_ENDPOINT_URL"]).netloc
    address = f"{s3_server[0]}/faults-{fault}"
    with proxy(target, fault, every) as server:
        through(server, s3_server, monkeypatch, timeout=1 if fault == "stalled" else 30)
        driver.analyse(source, address)
        assert open_run(f"{address}/runs/run").manifest.files == expected
        assert server.spoilt > 3
        record(f"object store: {fault}", tried=server.spoilt, survived=server.spoilt)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [6, pytest.param(30, marks=pytest.mark.soak)])
def test_the_same_files_from_a_store_that_is_away_for_a_while(source, expected, s3_server, monkeypatch, seconds):
    """Every request in the middle of the run is answered with 503."""
    target = urlsplit(s3_server[1]["AWS_ENDPOINT_URL"]).netloc
    address = f"{s3_server[0]}/away-{seconds}"
    with proxy(target, "503", 0) as server:
        through(server, s3_server, monkeypatch)
        outage = threading.Thread(target=be_away, args=(server, seconds))
        outage.start()
        driver.analyse(source, address)
        outage.join()
        assert open_run(f"{address}/runs/run").manifest.files == expected
        assert server.spoilt > 2
        record(f"object store: 503 for {seconds} s", tried=1, survived=1)


def be_away(server, seconds):
    while server.seen < 100:
        time.sleep(0.01)
    server.every = 1
    time.sleep(seconds)
    server.every = 0


def test_a_store_that_answered_once_is_waited_for(s3_server, monkeypatch):
    target = urlsplit(s3_server[1]["AWS_ENDPOINT_URL"]).netloc
    with proxy(target, "503", 0) as server:
        through(server, s3_server, monkeypatch)
        monkeypatch.setitem(store_object.BRIEF, "max_retries", 1)
        folder = open_path(f"{s3_server[0]}/waited-for")
        write_file(folder / "file", b"content")
        server.every = 1
        back = threading.Timer(1, lambda: setattr(server, "every", 0))
        back.start()
        assert (folder / "file").read_bytes() == b"content"
        back.join()
        assert server.spoilt > 2


def test_whatever_is_cut_short_once_is_asked_again(s3_server, monkeypatch, tmp_path):
    images = np.arange(8 * 6 * 6, dtype=np.uint8).reshape(8, 6, 6)
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    group = zarr.open_group(tmp_path, mode="w")
    group.create_array("images", data=images, chunks=(3, 6, 6))
    group.create_array("labels", data=np.arange(8) % 2)
    target = urlsplit(s3_server[1]["AWS_ENDPOINT_URL"]).netloc
    with proxy(target, "first truncated", 0) as server:
        through(server, s3_server, monkeypatch)
        folder = open_path(f"{s3_server[0]}/cut-short")
        for path in filter(Path.is_file, tmp_path.rglob("*")):
            write_file(folder / f"dataset/{path.relative_to(tmp_path)}", path.read_bytes())
        write_array(folder / "array", values, ("image", "pattern"))
        write_file(folder / "large", bytes(WHOLE + 1))
        assert np.array_equal(open_array(folder / "array")[:], values)
        assert folder.store.names("") == ["large"]
        source = open_source(f"{folder}/dataset")
        samples = source.samples()
        assert list(source.read(samples)) == [image.tobytes() for image in images]
        # The first answers to: the array's metadata and chunk, two requests of a large object, two listings, two
        # arrays' metadata and four chunks.
        assert server.spoilt >= 12


def test_a_store_that_never_answers_is_told_in_one_sentence(s3_server, monkeypatch):
    target = urlsplit(s3_server[1]["AWS_ENDPOINT_URL"]).netloc
    with proxy(target, "503", 1) as server:
        through(server, s3_server, monkeypatch)
        monkeypatch.setitem(store_object.BRIEF, "max_retries", 2)
        with pytest.raises(EigenwaveError, match=r"s3://eigenwave/x/file cannot be read: .*503") as told:
            open_path("s3://eigenwave/x").__truediv__("file").read_bytes()
        assert server.seen == 3
        assert "canary" not in str(told.value)
        assert "\n" not in str(told.value)


def test_a_store_that_is_away_does_not_hide_what_went_wrong_first(s3_server, monkeypatch):
    target = urlsplit(s3_server[1]["AWS_ENDPOINT_URL"]).netloc
    with proxy(target, "503", 0) as server:
        through(server, s3_server, monkeypatch)
        monkeypatch.setitem(store_object.PATIENT, "max_retries", 1)
        with pytest.raises(ValueError, match="what went wrong"):
            fail_while_away(server, Workspace(f"{s3_server[0]}/hidden"))
        assert server.spoilt == 4  # neither could the lock be renewed nor released


def fail_while_away(server, workspace):
    with workspace.lock() as lease, fenced(lease):
        server.every = 1
        raise ValueError("what went wrong")
