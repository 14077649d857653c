import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from storage.errors import BadImageError, EigenwaveError
from storage.pixels import isolated
from storage.pixels.images import ImageForm, decode_file, open_image
from storage.pixels.payloads import decode, look
from tests.storage.pixels.damage import OPTIONS, SIDE, encode, picture
from tests.storage.pixels.planted import FAULTS, REASONS, Fresh, faulty, plant
from tests.structure import ROOT

FORM = ImageForm(SIDE, SIDE, 3)


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Faulty decoders in the processes that are started; the file where they leave their ids."""
    note = tmp_path / "note"
    monkeypatch.setenv("PYTHONPATH", plant(tmp_path / "planted", speed=1 / 300, note=note))
    monkeypatch.setattr(isolated, "_local", Fresh())
    return note


def refused(payload, form=FORM):
    with pytest.raises(BadImageError) as caught:
        decode(payload, None, form)
    return caught.value


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2][:3]


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("form", [FORM, ImageForm(20, 30, 1, "crop"), ImageForm(30, 20, 3, "pad", (0.0, 1.0))])
def test_pixels_are_the_same_as_in_this_process(kind, form):
    payload = encode(picture(3), kind)
    found = isolated.decode(payload, form)
    expected = decode_file(payload, form)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)
    assert isolated.look(payload) == (open_image(payload).mode, (SIDE, SIDE)) == look(payload, None)


def test_sixteen_bits_floats_and_oddities_come_back_too():
    gray = Image.fromarray(np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE))
    assert isolated.decode(encode(gray, "TIFF"), ImageForm(SIDE, SIDE, 1)).dtype == np.uint16
    floats = Image.fromarray(np.full((SIDE, SIDE), 0.5, np.float32))
    assert isolated.decode(encode(floats, "TIFF"), ImageForm(SIDE, SIDE, 1, None, (0, 1))).max() == 0.5
    assert "set --value-range" in refused(encode(floats, "TIFF")).detail
    notes, padded = Counter(), encode(picture(1), "JPEG, progressive")
    scan = padded.rindex(b"\xff\xda")
    isolated.decode(padded[:scan] + bytes(9) + padded[scan:], FORM, notes)
    assert notes == {"JPEG with padding": 1}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_decoder_costs_one_image(planted, fault):
    assert decode(encode(picture(1), "BMP"), None, FORM).shape == (SIDE, SIDE, 3)
    error = refused(faulty(fault))
    assert error.reason == REASONS[fault]
    assert {"crash": "ended with SIGSEGV", "too slow": "more than 60 s of CPU", "too large": "more memory"}[
        error.reason
    ] in error.detail
    assert np.array_equal(decode(encode(picture(2), "BMP"), None, FORM), np.asarray(picture(2)))
    names = [line.split()[0] for line in planted.read_text().splitlines()]
    assert names == [fault] * (2 if fault == "segfault" else 1)


def test_one_process_serves_all_images_and_ends_with_its_thread(planted):
    found = []

    def work():
        found.extend(refused(faulty("memory")).reason for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["too large"] * 10
    processes = Counter(int(line.split()[1]) for line in planted.read_text().splitlines())
    assert sorted(processes.values()) == [5, 5]
    assert not any(map(alive, processes))


def test_a_process_that_somebody_ended_is_replaced(planted):
    for seed in range(3):
        assert refused(faulty("memory", seed)).reason == "too large"
        os.kill(int(planted.read_text().split()[-2]), signal.SIGKILL)
    assert len({line.split()[1] for line in planted.read_text().splitlines()}) == 3


def test_a_process_that_was_forked_starts_one_of_its_own(planted):
    refused(faulty("memory"))
    child = os.fork()
    if not child:
        try:
            refused(faulty("memory"))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    refused(faulty("memory"))
    first, second, third = (line.split()[1] for line in planted.read_text().splitlines())
    assert first == third != second


@pytest.mark.parametrize("fault", ["loop", "sleep", "memory"])
def test_it_ends_with_a_process_that_is_killed(tmp_path, fault):
    note, image = tmp_path / "note", tmp_path / "a.bmp"
    image.write_bytes(faulty(fault))
    script = "import sys, time; from storage.pixels.isolated import decode, look\n"
    script += "from storage.pixels.images import ImageForm; from contextlib import suppress\n"
    script += "with suppress(Exception): decode(open(sys.argv[1], 'rb').read(), ImageForm(64, 64, 3))\n"
    script += "time.sleep(1000)"
    path = os.pathsep.join([plant(tmp_path / "planted", speed=1, note=note), str(ROOT)])
    with subprocess.Popen([sys.executable, "-c", script, image], env={"PYTHONPATH": path}) as parent:
        _, process, parents = until(lambda: note.exists() and note.read_text().split())
        assert int(parents) == parent.pid
        assert alive(int(process))
        parent.kill()
    until(lambda: not alive(int(process)), 5)


def test_one_that_does_not_start_is_told_in_a_sentence(monkeypatch):
    monkeypatch.setattr(isolated, "_local", Fresh())
    monkeypatch.setattr(isolated, "BEGIN", "raise SystemExit(3)")
    with pytest.raises(EigenwaveError, match=r"did not start \(exit status 3\); free some memory"):
        decode(encode(picture(1), "GIF"), None, FORM)


def test_an_answer_that_nobody_waited_for_is_not_taken_for_the_next(monkeypatch):
    monkeypatch.setattr(isolated, "_local", Fresh())

    def interrupted(_):
        raise KeyboardInterrupt

    decode(encode(picture(1), "GIF"), None, FORM)
    with monkeypatch.context() as patch:
        patch.setattr(isolated, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            decode(encode(picture(1), "GIF"), None, FORM)
    assert np.array_equal(decode(encode(picture(2), "BMP"), None, FORM), np.asarray(picture(2)))


def test_ordinary_files_need_no_other_process(monkeypatch):
    monkeypatch.setattr(isolated, "_ask", lambda *_: pytest.fail("another process was asked"))
    for kind in ("JPEG", "JPEG, progressive", "PNG"):
        for image in (picture(1), picture(1).convert("L")):
            payload = encode(image, kind)
            look(payload, None)
            assert decode(payload, None, FORM if image.mode == "RGB" else ImageForm(SIDE, SIDE, 1)).any()
