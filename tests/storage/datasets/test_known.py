import functools
import hashlib
import http.server
import io
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.datasets import known as module
from storage.datasets.known import DATASETS, KnownDataset
from storage.errors import InputError
from storage.formats.open import open_source
from tests.formats import FORMATS, add, make_images


class Handler(http.server.SimpleHTTPRequestHandler):
    """Breaks off after some bytes, as often as it is told; continues where it is asked to."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        server.asked.append(self.headers.get("Range"))
        assert self.headers["User-Agent"] == "eigenwave"
        if server.busy:
            server.busy -= 1
            self.send_error(503)
            return
        try:
            content = Path(self.translate_path(self.path)).read_bytes()
        except OSError:
            self.send_error(404)
            return
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if self.headers.get("Range") else 200)
        if server.tells_length:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if server.breaks:
            server.breaks -= 1
            self.wfile.write(content[start : start + 1000])
            self.close_connection = True
        else:
            self.wfile.write(content[start:])


@pytest.fixture
def server(tmp_path):
    handler = functools.partial(Handler, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.asked, running.breaks, running.busy, running.tells_length = [], 0, 0, True
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()


@pytest.fixture
def known(server, tmp_path, monkeypatch):
    """The known names, with small datasets on a server of this machine."""
    monkeypatch.setenv("EIGENWAVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    address = f"http://127.0.0.1:{server.server_port}/"
    web = tmp_path / "web"
    FORMATS["idx"](web, make_images(6))
    idx = {path.name: path for path in web.iterdir() if path.name != "classes.txt"}
    names = KnownDataset((address,), {name: sha256(path) for name, path in idx.items()}, classes=("a", "b", "c"))
    FORMATS["cifar10"](tmp_path / "cifar", make_images(6))
    with tarfile.open(web / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for path in sorted((tmp_path / "cifar").iterdir()):
            add(archive, f"cifar-10-batches-bin/{path.name}", path.read_bytes())
        add(archive, "../../escape.bin", b"no")
    digests = {"cifar-10-binary.tar.gz": sha256(web / "cifar-10-binary.tar.gz")}
    members = ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin", "batches.meta.txt")
    cifar = KnownDataset((f"{address}nowhere/", address), digests, members)
    monkeypatch.setattr(module, "DATASETS", {"mnist": names, "cifar10": cifar})
    return server


def sha256(path):
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_a_known_dataset_is_downloaded_once_and_then_read_offline(known):
    source = open_source("mnist")
    assert source.classes == ("a", "b", "c")
    assert len(source.samples()) == 24
    known.shutdown()
    known.server_close()
    assert len(open_source("mnist").samples()) == 24


@pytest.mark.usefixtures("known")
def test_an_archive_is_taken_apart_by_name_from_the_second_address(tmp_path):
    assert open_source("cifar10").classes == ("ant", "bee", "cow")
    assert not list(tmp_path.rglob("escape.bin"))
    assert {path.name for path in (tmp_path / "cache" / "cifar10").iterdir()} == {
        "data_batch_1.bin",
        "data_batch_2.bin",
        "test_batch.bin",
        "batches.meta.txt",
        ".ready",
        ".lock",
    }


def test_a_broken_download_continues_where_it_was(known):
    known.breaks = 3
    open_source("cifar10")
    asked = known.asked[1:]  # the first address has nothing
    assert asked == [None, "bytes=1000-", "bytes=2000-", "bytes=3000-"]


def test_a_busy_server_is_asked_again(known):
    known.busy = 3
    assert len(open_source("mnist").samples()) == 24
    assert known.asked == [None] * 7  # four files


def test_a_server_need_not_tell_the_length(known):
    known.tells_length = False
    assert len(open_source("mnist").samples()) == 24
    assert known.asked == [None] * 4


def test_processes_that_need_a_dataset_at_the_same_time_download_it_once(known):
    with ThreadPoolExecutor(4) as pool:  # a lock on a file holds threads that opened it for themselves as well
        folders = set(pool.map(module.known_folder, ["mnist"] * 4))
    assert len(folders) == 1
    assert known.asked == [None] * 4


def test_what_is_downloaded_is_told(known, caplog):
    known.breaks = 1
    with caplog.at_level("INFO", "eigenwave"):
        open_source("cifar10")
    told = [record.getMessage() for record in caplog.records]
    size = (Path(module.cache_folder()).parent / "web" / "cifar-10-binary.tar.gz").stat().st_size / 2**20
    assert [line.split("/")[-1] for line in told] == [f"cifar-10-binary.tar.gz: 0.0 of {size:.1f} MiB"] * 2


@pytest.mark.usefixtures("known")
def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("EIGENWAVE_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"mnist cannot be written: .*; let EIGENWAVE_CACHE name another folder"):
        open_source("mnist")


def test_what_another_process_left_is_continued(known, tmp_path):
    folder = tmp_path / "cache" / "cifar10"
    folder.mkdir(parents=True)
    content = (tmp_path / "web" / "cifar-10-binary.tar.gz").read_bytes()
    (folder / "cifar-10-binary.tar.gz.partial").write_bytes(content[:700])
    open_source("cifar10")
    assert known.asked[-1] == "bytes=700-"


@pytest.mark.usefixtures("known")
def test_a_download_with_another_digest_is_refused_and_thrown_away(tmp_path):
    path = tmp_path / "web" / "cifar-10-binary.tar.gz"
    content = path.read_bytes()
    path.write_bytes(content + b"more")
    with pytest.raises(InputError, match=r"cifar10 is not in the cache .* and cannot be downloaded: .*hash"):
        open_source("cifar10")
    path.write_bytes(content)
    assert len(open_source("cifar10").samples()) == 24


def test_without_a_network_the_sentence_says_what_to_do(known):
    known.shutdown()
    known.server_close()
    with pytest.raises(InputError, match=r"The dataset mnist is not in the cache .*: .*; go online, or put its files"):
        open_source("mnist")


def test_digests_have_the_length_of_their_kind():
    lengths = {"sha256": 64}
    for dataset in DATASETS.values():
        for digest in dataset.files.values():
            kind, digits = digest.split(":")
            assert len(bytes.fromhex(digits)) * 2 == lengths[kind]
        assert all(address.endswith("/") for address in dataset.addresses)


def test_a_damaged_archive_is_refused(tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(b"no")
    with pytest.raises(InputError, match="is damaged"):
        module.take_out(tmp_path / "a.tar.gz", ("a",), tmp_path)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        add(archive, "b", b"")
    (tmp_path / "a.tar.gz").write_bytes(file.getvalue())
    with pytest.raises(InputError, match="lacks a"):
        module.take_out(tmp_path / "a.tar.gz", ("a",), tmp_path)
