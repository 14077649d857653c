"""Datasets by URL: in a bucket of each kind of object store, and on a web server."""

import functools
import http.server
import threading
import time
from collections import Counter
from pathlib import Path

import obstore
import pytest

from storage.datasets import remote_files as source_remote
from storage.datasets.remote_files import remote_files
from storage.errors import InputError
from storage.formats import tar_cache
from storage.formats.open import address_of, open_source
from storage.pixels.images import ImageForm
from storage.pixels.payloads import decode
from tests.formats import FORMATS, SIDE, make_images
from tests.stores import upload

FORM = ImageForm(SIDE, SIDE, 3)


@pytest.fixture(scope="module")
def images():
    return make_images(6)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_from_a_bucket(name, bucket, images, tmp_path):
    local = FORMATS[name](tmp_path / "data", images)
    upload(tmp_path / "data", bucket)
    source = open_source(f"{bucket}/{local.relative_to(tmp_path / 'data')}".rstrip("/."))
    samples = source.samples()
    assert samples["key"].to_pylist() == open_source(str(local)).samples()["key"].to_pylist()
    for payload, image in zip(source.read(samples), images, strict=True):
        assert (decode(payload, source.layout, FORM) == image.pixels).all()


class Requests:
    """Counts what is asked of an object store, by kind."""

    def __init__(self, monkeypatch):
        self.made = Counter()
        for kind in ("head", "get", "get_range"):
            monkeypatch.setattr(obstore, kind, functools.partial(self._count, kind, getattr(obstore, kind)))

    def _count(self, kind, request, *words, **named):
        self.made[kind] += 1
        return request(*words, **named)


def test_ranges_are_read_with_one_request_each(bucket, images, tmp_path, monkeypatch):
    upload(FORMATS["webdataset"](tmp_path / "data", images), bucket)
    source = open_source(bucket)
    samples = source.samples()
    requests = Requests(monkeypatch)
    assert list(source.read(samples)) == [image.file for image in images]
    assert requests.made == {"get_range": 4}  # one a shard


def test_a_range_ends_where_its_object_does(bucket):
    obstore.put(obstore.store.from_url(bucket), "a", b"0123456789")
    files = remote_files(bucket)
    assert files.read("a", 7, 100) == b"789"
    assert files.read("a", 10, 5) == files.read("a", 2**40, 5) == files.read("a", 3, 0) == b""
    assert files.read("a", 4) == b"456789"
    with pytest.raises(FileNotFoundError):
        files.read("b", 0, 5)


def test_what_a_tar_file_holds_is_kept_until_it_changes(bucket, images, tmp_path, monkeypatch):
    monkeypatch.setenv("EIGENWAVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(source_remote, "settled_before", lambda: time.time() + 60)
    upload(FORMATS["tar-of-folders"](tmp_path / "data", images), bucket)
    source = open_source(bucket)
    samples, ignored = source.samples(), source.findings
    (kept, *others) = (tmp_path / "cache" / tar_cache.FOLDER).iterdir()
    assert len(others) == 1  # a file for each of two shards

    requests = Requests(monkeypatch)
    again = open_source(bucket)
    assert (again.samples(), again.classes, again.findings) == (samples, source.classes, ignored)
    assert not requests.made["get_range"]

    kept.write_bytes(kept.read_bytes()[:-30])
    assert open_source(bucket).samples() == samples
    assert requests.made["get_range"] == 1
    upload(FORMATS["tar-of-folders"](tmp_path / "other", images[:3]), bucket)
    assert len(open_source(bucket).samples()) < len(samples)


def test_without_a_cache_tar_files_are_read_each_time(bucket, images, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("EIGENWAVE_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(source_remote, "settled_before", lambda: time.time() + 60)
    upload(FORMATS["webdataset"](tmp_path / "data", images), bucket)
    assert len(open_source(bucket).samples()) == len(images)


def test_a_list_names_images_in_a_bucket_and_here(bucket, images, tmp_path):
    upload(FORMATS["folder"](tmp_path / "data", images), bucket)
    rows = [f"{bucket}/{images[0].name},ant", f"data/{images[1].name},ant", f"{bucket}/nothing.jpg,bee"]
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *rows]))
    source = open_source(str(tmp_path / "list.csv"))
    first, second, missing = source.read(source.samples())
    assert (first, second) == (images[0].file, images[1].file)
    assert missing.reason == "unreadable"


@pytest.fixture
def web(tmp_path):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def send_head(self):
            wanted = self.headers.get("Range")
            if not wanted:
                return super().send_head()
            content = Path(self.translate_path(self.path)).read_bytes()
            first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
            last = min(last, len(content) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            self.send_header("Content-Length", str(len(content[first : last + 1])))
            self.end_headers()
            self.wfile.write(content[first : last + 1])
            return None

    handler = functools.partial(Handler, directory=str(tmp_path / "data"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("name", "file"), [("csv", "list.csv"), ("npz-stored", "things.npz"), ("hdf5", "things.h5")])
def test_files_are_read_from_a_web_server(web, images, tmp_path, name, file):
    FORMATS[name](tmp_path / "data", images)
    source = open_source(f"{web}/{file}")
    payloads = list(source.read(source.samples()))
    assert (decode(payloads[3], source.layout, FORM) == images[3].pixels).all()
    with pytest.raises(InputError, match="There is no dataset"):
        open_source(f"{web}/nowhere.csv")


def test_addresses_stay_as_they_are():
    assert address_of("s3://bucket/a/") == "s3://bucket/a"
    assert address_of("mnist") == "mnist"
    assert address_of("/a/b/../c/") == "/a/c"
    with pytest.raises(InputError, match="does not begin with s3://"):
        open_source("ftp://host/a")
