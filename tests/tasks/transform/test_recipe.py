import numpy as np
import pytest

from storage.errors import InputError
from storage.formats.open import open_source
from tasks.transform.recipe import recipes

DIGESTS = np.zeros((24, 16), np.uint8)


@pytest.fixture
def addresses(make_job, class_folders):
    """Addresses of shards of the coefficients, and of those that labels are judged by, with some settings."""

    def found(source=class_folders, **settings):
        job = make_job(source, **settings)
        layout = open_source(job.source, job.settings.access, job.format).layout
        keys = {recipe.listed: recipe.key(DIGESTS) for recipe in recipes(job, layout)}
        return keys["shards"], keys.get("judging_shards")

    return found


def test_the_space_that_labels_are_judged_in_changes_no_address_of_coefficients(addresses):
    own, judging = addresses()
    assert own != judging
    assert addresses(judge_space="modulus") == (own, judging)
    assert addresses(judge_space="none") == (own, None)
    same, other = addresses(judge_side=16)
    assert same == own
    assert other != judging


def test_coefficients_that_labels_are_judged_by_do_not_depend_on_those_of_the_run(addresses):
    own, judging = addresses()
    for settings in ({"wavelet": "db2", "level": 1}, {"bands": "LL"}, {"dtype": "float16"}, {"colour": "gray"}):
        other, same = addresses(**settings)
        assert (other != own, same) == (True, judging)
    assert addresses(size=16) != addresses(size=8)


def test_exact_resizing_changes_addresses_of_image_files_that_are_resized_only(addresses, tmp_path):
    np.savez(tmp_path / "plain.npz", images=np.arange(24 * 64, dtype=np.uint16).reshape(24, 8, 8), labels=[0, 1] * 12)
    plain = tmp_path / "plain.npz"
    exact, scaled = (addresses(size=16, exact_resize=choice) for choice in (True, False))
    assert not set(exact) & set(scaled)
    assert addresses(exact_resize=True) == addresses()
    assert addresses(plain, exact_resize=True) == addresses(plain)
    assert addresses(plain, size=4, exact_resize=True) == addresses(plain, size=4)


def test_runs_in_such_a_space_are_judged_by_their_own_patterns(addresses):
    assert addresses(transform="modulus")[1] is None
    assert addresses(transform="modulus", judge_space="modulus")[1] is not None
    with pytest.raises(InputError, match="8 x 8 pixels are too small for --judge-space scattering"):
        addresses(judge_space="scattering")  # the images have 8 x 8 pixels
    assert addresses(size=16, judge_space="scattering")[1] is not None
