"""The numbers that versions of the transform stand for: known coefficients and properties, and addresses of shards."""

import json
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest

from storage.runs import shards
from storage.runs.shards import DECODERS
from storage.setting_groups import Coefficients, Scattering
from tasks.transform.version import TRANSFORM_VERSIONS, address_of_version
from tests.structure import ROOT
from tests.tasks.transform import goldens

WRITE = "python -m tests.tasks.transform.goldens tests/tasks/transform/goldens/expected.npz"
RAISE = f"coefficients or properties changed: raise the version of it, then write the known ones again with {WRITE}"


@pytest.fixture(scope="module")
def expected():
    with np.load(goldens.EXPECTED) as known:
        return {name: known[name] for name in known.files}


@pytest.fixture(scope="module")
def about(expected):
    return json.loads(str(expected["about"]))


def has_avx2():
    return bool(np._core._multiarray_umath.__cpu_features__.get("AVX2"))  # noqa: SLF001


def test_known_coefficients_to_the_bit(expected, about, tmp_path):
    """In a process of its own, which uses the instructions that every machine of the last ten years has."""
    versions = {name: version(name) for name in DECODERS}
    if about["versions"] != versions and sys.version_info[:2] != (3, 11):
        pytest.skip(f"the lock has other libraries for this Python than for 3.11: {versions}")
    assert about["versions"] == versions, f"other libraries: do {WRITE}"
    if not has_avx2():
        pytest.skip("this machine has no AVX2, and other instructions round otherwise")
    command = [sys.executable, "-m", "tests.tasks.transform.goldens", tmp_path / "now.npz"]
    subprocess.run(command, cwd=ROOT, env=goldens.environment(), check=True)
    with np.load(tmp_path / "now.npz") as now:
        assert json.loads(str(now["about"])) == about, RAISE
        changed = [name for name in now.files if name != "about" and now[name].tobytes() != expected[name].tobytes()]
    assert not changed, f"{changed}: {RAISE}"


@pytest.mark.parametrize("name", goldens.DESCRIBED)
def test_known_properties_on_any_machine(expected, about, monkeypatch, name):
    monkeypatch.setattr(shards, "_versions", lambda: goldens.VERSIONS)
    rows, key = goldens.described(name)
    np.testing.assert_allclose(rows, expected[f"properties, {name}"], rtol=1e-5, atol=1e-6)
    assert key == about["keys"][f"properties, {name}"], "the address of every shard of properties changed"


@pytest.mark.parametrize("name", goldens.CASES)
def test_known_coefficients_on_any_machine(expected, about, monkeypatch, name):
    monkeypatch.setattr(shards, "_versions", lambda: goldens.VERSIONS)
    rows, key = goldens.computed(name)
    known = expected[name]
    assert (rows.shape, rows.dtype) == (known.shape, known.dtype)
    step = np.finfo(known.dtype).eps
    assert np.abs(rows.astype(float) - known).max() <= 8 * step * np.abs(known.astype(float)).max(), RAISE
    assert key == about["keys"][name], "the address of every shard changed: all that users computed would be lost"


def test_each_setting_of_the_transform_has_a_case(about):
    chosen = {name for _, settings in goldens.CASES.values() for name in settings}
    assert Coefficients.model_fields.keys() | Scattering.model_fields.keys() <= chosen
    images = {source for source, _ in goldens.CASES.values()}
    assert len(images) == 5
    assert len(set(about["keys"].values())) == len(about["keys"]) - 1  # two levels are the usual


def test_versions_have_addresses_of_their_own():
    versions = range(1, max(TRANSFORM_VERSIONS.values()) + 3)
    assert len({address_of_version(number) for number in versions}) == len(versions)
