"""A later run skips reading files that look unchanged, and never mistakes a changed file for an unchanged one."""

import os
import uuid

import pytest

from storage.datasets import stamps
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.files import remove_folder, write_file
from storage.tables.digests import has_digest
from tasks.run.begin import begin_run
from tasks.transform import reuse as reuse_rows
from tasks.transform import shard as transform_shard
from tests.datasets import smooth_images
from tests.formats import FORMATS, make_images
from tests.runs import finish
from tests.stores import upload

SETTINGS = {"rank": 2, "permutations": 1, "shard_size": 2**12, "scales": False}


@pytest.fixture(autouse=True)
def read(monkeypatch):
    """Keys of the images that are read to be digested; files have stamps as soon as they are written."""
    monkeypatch.setattr(stamps, "MOMENT_SECONDS", -60)
    keys = []
    original = transform_shard.digest_images

    def listed(source, samples, given):
        keys.extend(samples.filter(~has_digest(given))["key"].to_pylist())
        return original(source, samples, given)

    monkeypatch.setattr(transform_shard, "digest_images", listed)
    return keys


@pytest.fixture
def source(tmp_path):
    return smooth_images(tmp_path / "data", shape=(8, 8), count=24)


def begun(source, workspace, **settings):
    space = Workspace(str(workspace))
    space.prepare()
    return begin_run(str(source), Settings(**SETTINGS | settings), space)


def analyse(source, workspace, **settings):
    job = begun(source, workspace, **settings)
    return finish(job), job


def digests(job):
    """Of all images in the order of their rows, when all shards are brought; the run is given up then."""
    found = []
    for shard in range(job.plan.shards):
        transform_shard.bring_shard(job, shard)
        found += job.part(shard, ["digest"])["digest"].to_pylist()
    remove_folder(job.paths.folder)
    return found


def truth(source, workspace, **settings):
    """The same, all images read."""
    return digests(begun(source, workspace, rehash=True, **settings))


def test_only_files_that_look_otherwise_are_read(source, tmp_path, read):
    first, _ = analyse(source, tmp_path / "workspace")
    assert len(read) == 72
    assert len(first.shards) == 5
    read.clear()
    again, _ = analyse(source, tmp_path / "workspace")
    assert read == []
    assert (again.shards, again.learnability) == (first.shards, first.learnability)

    # As long, and of the same time: but for its content nothing about it is new.
    victim, times = source / "b" / "0003.png", (source / "b" / "0003.png").stat()
    content = bytearray(victim.read_bytes())
    content[-20] ^= 1
    victim.write_bytes(content)
    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))
    (source / "c" / "0000.png").rename(source / "a" / "zzz.png")
    job = begun(source, tmp_path / "workspace", max_bad_fraction=0.1)
    assert digests(job) == truth(source, tmp_path / "workspace", max_bad_fraction=0.1)
    assert read[:2] == ["b/0003.png", "a/zzz.png"]
    assert len(read) == 2 + 72
    read.clear()
    digests(begun(source, tmp_path / "workspace", rehash=True, max_bad_fraction=0.1))
    assert len(read) == 72


def test_what_is_remembered_may_be_lost_or_spoilt(source, tmp_path, read, monkeypatch):
    _, job = analyse(source, tmp_path / "workspace")
    expected = truth(source, tmp_path / "workspace")
    read.clear()
    seen = job.workspace.seen(job.run_id)
    content = seen.read_bytes()
    flipped = [bytearray(content) for _ in range(12)]
    for number, spoilt in enumerate(flipped):
        spoilt[number * len(content) // 12 + 5] ^= 4
    flipped.append(content.replace(b"eigenwave", b"eigenware"))
    for spoilt in (*flipped, content[: len(content) // 2], b""):
        write_file(seen, spoilt)
        assert digests(begun(source, tmp_path / "workspace")) == expected
    assert len(read) >= 72 * 2  # at least when half of it, or all, is lost
    seen.unlink()
    assert digests(begun(source, tmp_path / "workspace")) == expected
    write_file(seen, content)
    monkeypatch.setattr(reuse_rows, "installed_code", lambda: "other")
    read.clear()
    assert digests(begun(source, tmp_path / "workspace")) == expected
    assert len(read) == 72


def test_images_are_read_after_all_where_their_coefficients_are_gone(source, tmp_path, read):
    first, job = analyse(source, tmp_path / "workspace")
    chunk = job.workspace.chunk(first.shards[1])
    good = chunk.read_bytes()
    for damage in (chunk.unlink, lambda: write_file(chunk, good[:-1]), lambda: write_file(chunk, bytes(len(good)))):
        damage()
        read.clear()
        digests(begun(source, tmp_path / "workspace"))
        # Looked at twice: once for what is not known, which is nothing, and once for all.
        assert read == first_keys(source, job.plan.rows(1))
        assert chunk.read_bytes() == good


def first_keys(source, rows):
    keys = sorted(path.relative_to(source).as_posix() for path in source.rglob("*.png"))
    return keys[rows.start : rows.stop]


def test_an_interrupted_run_does_not_read_twice_and_sees_what_changed_meanwhile(source, tmp_path, read):
    job = begun(source, tmp_path / "workspace")
    for shard in range(3):
        transform_shard.bring_shard(job, shard)
    done, rows = read[job.plan.rows_per_shard :], job.plan.rows(0)
    read.clear()
    (source / "a" / "0001.png").write_bytes((source / "a" / "0002.png").read_bytes())
    again = begun(source, tmp_path / "workspace")
    assert again.run_id == job.run_id
    found = digests(again)
    assert found[1] == found[2]
    assert not set(done) & set(read)
    # Of its shard nothing is in a finished run, so that all of it is transformed.
    assert read[: 1 + len(rows)] == ["a/0001.png", *first_keys(source, rows)]


def test_a_file_of_many_images_is_read_if_it_changed(tmp_path, read):
    images = make_images(12)
    for name in ("webdataset", "hugging-face"):
        dataset = FORMATS[name](tmp_path / name, images)
        workspace = tmp_path / f"{name}-workspace"
        analyse(dataset, workspace, shard_size=2**17)
        read.clear()
        assert digests(begun(dataset, workspace, shard_size=2**17)) == truth(dataset, workspace, shard_size=2**17)
        assert len(read) == len(images)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file() and "train" in path.name)
        os.utime(files[0])
        read.clear()
        digests(begun(dataset, workspace, shard_size=2**17))
        assert 0 < len(read) < len(images)


def test_an_unchanged_dataset_in_a_bucket_is_not_read(s3_server, tmp_path, monkeypatch, read):
    server, environment = s3_server
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    source, bucket = smooth_images(tmp_path / "data", shape=(8, 8), count=12), f"{server}/{uuid.uuid4().hex}"
    upload(source, bucket)
    analyse(bucket, tmp_path / "workspace")
    read.clear()
    (source / "b" / "0003.png").write_bytes((source / "b" / "0004.png").read_bytes())
    upload(source / "b", f"{bucket}/b")
    job = begun(bucket, tmp_path / "workspace")
    found = digests(job)
    assert {key.split("/")[0] for key in read} == {"b"}
    assert found == truth(bucket, tmp_path / "workspace")
