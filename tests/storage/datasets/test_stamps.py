"""Files with the same stamp have the same bytes, whatever happened between the two looks."""

import os
import shutil
import time
import uuid

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.datasets import stamps
from storage.datasets.files import LocalFiles
from storage.datasets.remote_files import remote_files
from storage.tables.schemas import STAMP_BYTES

LETTERS = st.sampled_from("abc")
CONTENTS = st.sampled_from([b"one", b"two", b"three"])


@pytest.fixture
def at_once(monkeypatch):
    """Files have a stamp as soon as they are written, as if the clock that dates them never stood still."""
    monkeypatch.setattr(stamps, "MOMENT_SECONDS", -60)


def rewrite(folder, name, _, content):
    """In place, with the time of modification that the file had."""
    path = folder / name
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(content)
    os.utime(path, ns=times)


def replace(folder, name, _, content):
    (folder / "new").write_bytes(content)
    shutil.copystat(folder / name, folder / "new")
    (folder / "new").replace(folder / name)


def swap(folder, name, other, _):
    (folder / name).rename(folder / "aside")
    if other != name:
        (folder / other).rename(folder / name)
    (folder / "aside").rename(folder / other)


def relink(folder, name, other, _):
    if name != other:
        (folder / name).unlink()
        os.link(folder / other, folder / name)


def copy_with_times(folder, name, other, _):
    if not (folder / name).samefile(folder / other):
        shutil.copyfile(folder / other, folder / name)
        shutil.copystat(folder / other, folder / name)


def point(folder, _name, other, _content):
    (folder / "link").unlink(missing_ok=True)
    (folder / "link").symlink_to(other)
    (folder / "link").replace(folder / "pointed")


@pytest.mark.usefixtures("at_once")
@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([rewrite, replace, swap, relink, copy_with_times, point]), LETTERS, LETTERS, CONTENTS
        ),
        max_size=12,
    )
)
def test_equal_stamps_mean_equal_bytes(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("files")
    for name in "abc":
        (folder / name).write_bytes(b"one")
    files, known = LocalFiles(folder), {}
    for change, *how in [(point, "a", "a", b""), *changes]:
        change(folder, *how)
        for name, stamp in files.walk():
            assert known.setdefault((name, stamp), files.read(name)) == files.read(name)
            assert stamp == files.stamp(name)
        time.sleep(0.005)  # more than a tick of the kernel's clock


def test_what_changed_a_moment_ago_has_no_stamp(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"x")
    os.utime(tmp_path / "a", (0, 0))  # deceives about its modification, not about its change
    files = LocalFiles(tmp_path)
    assert list(files.walk()) == [("a", None)]
    assert files.stamp("missing") is None
    monkeypatch.setattr(stamps, "MOMENT_SECONDS", 0.05)
    time.sleep(0.1)
    ((name, stamp),) = files.walk()
    assert (name, len(stamp)) == ("a", STAMP_BYTES)


def test_objects_have_the_stamp_of_their_listing(s3_server, monkeypatch):
    server, environment = s3_server
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    prefix = uuid.uuid4().hex
    client = boto3.client("s3", endpoint_url=environment["AWS_ENDPOINT_URL"])
    client.put_object(Bucket="eigenwave", Key=f"{prefix}/a/b", Body=b"one")
    files = remote_files(f"{server}/{prefix}")
    assert list(files.walk()) == [("a/b", None)]
    monkeypatch.setattr(stamps, "MOMENT_SECONDS", -60)
    ((_, first),) = files.walk()
    assert first == files.stamp("a/b")
    client.put_object(Bucket="eigenwave", Key=f"{prefix}/a/b", Body=b"two")
    ((_, second),) = files.walk()
    client.close()
    assert second not in {first, None}
