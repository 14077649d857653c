"""For any bytes of a file, its reader returns samples or raises one of the project's own errors."""

import re
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.soak import rounds
from tests.storage.formats.fuzz_readers import READERS
from tests.structure import ROOT

RUNS, FEW_RUNS = 20_000, 2000
LARGEST = 2**14  # bytes of an input
MEMORY = 1024  # MiB of the process, some 250 of them libraries
SECONDS = 10  # of one input


@st.composite
def damaged(draw, seeds):
    """A valid file with some bytes flipped, parts cut out, repeated or moved, or those of another file in it."""
    content = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        length = draw(st.integers(0, 64))
        match draw(st.sampled_from(["flip", "set", "cut", "truncate", "repeat", "splice"])):
            case "flip":
                content[at : at + 1] = bytes(byte ^ 1 << draw(st.integers(0, 7)) for byte in content[at : at + 1])
            case "set":
                content[at : at + length] = draw(st.binary(max_size=16))
            case "cut":
                del content[at : at + length]
            case "truncate":
                del content[at:]
            case "repeat":
                content[at:at] = content[at : at + length] * draw(st.sampled_from([1, 2, 100]))
            case "splice":
                other = draw(st.sampled_from(seeds))
                content[at:] = other[draw(st.integers(0, len(other))) :]
    return bytes(content)


@pytest.mark.parametrize("name", READERS)
def test_valid_files_are_read(name):
    read, seeds = READERS[name]
    accepted = [read(seed) for seed in seeds]
    assert any(accepted)
    assert all(accepted) or name in {"pickle", "npy", "json"}


@pytest.mark.parametrize("name", READERS)
@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_files_are_refused_or_read(name, data):
    read, seeds = READERS[name]
    read(data.draw(damaged(seeds)))


@pytest.mark.slow
def test_a_few_inputs_of_a_coverage_guided_fuzzer_crash_no_reader(tmp_path):
    fuzz("all", FEW_RUNS, 1, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("name", READERS)
def test_no_input_of_a_coverage_guided_fuzzer_crashes_a_reader(name, tmp_path):
    for seed in rounds():
        fuzz(name, RUNS, 1 + seed % (2**31 - 1), tmp_path)  # of seed 0 libFuzzer makes one of its own


def fuzz(name, runs, seed, folder):
    """Try inputs on a reader; one that fails it is kept in the folder."""
    pytest.importorskip("atheris", reason="atheris is for Linux only")
    options = (f"-runs={runs}", f"-max_len={LARGEST}", f"-rss_limit_mb={MEMORY}", f"-timeout={SECONDS}")
    options += (f"-seed={seed}", f"-artifact_prefix={folder}/")
    fuzzer = [sys.executable, "-m", "tests.storage.formats.fuzz_readers", name, *options]
    # By a shell: Linux counts the most memory that the process had which started another as that of the other, too.
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@"; exit $?', "sh", *fuzzer],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert re.search(rf"Done {runs} runs", done.stderr)
