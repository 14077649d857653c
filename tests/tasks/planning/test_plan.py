import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.setting_groups import Decomposition
from tasks.planning.plan import Plan
from tasks.wavelet.space import CoefficientSpace
from tasks.wavelet.transform import WaveletTransform

CIFAR = CoefficientSpace(WaveletTransform("haar", "periodization", 2, 32, 32), 3)


def make(space=CIFAR, images=50_000, fitted=None, shard_size=64 * 2**20, **changes):
    return Plan.make(
        images=images,
        fitted=fitted or images,
        classes=10,
        space=space,
        decomposition=Decomposition(**{"rank": 64, "passes": 4} | changes),
        shard_size=shard_size,
    )


def test_cifar():
    plan = make()
    assert (plan.coefficients, plan.block_width, plan.shards, plan.rows_per_shard) == (3072, 256, 10, 5000)
    assert plan.coefficient_bytes == 50_000 * 3072 * 4


@given(st.integers(2, 3000), st.integers(1, 2**22), st.data())
def test_shards_cover_every_row_once(images, shard_size, data):
    fitted = data.draw(st.integers(2, images))
    plan = make(images=images, fitted=fitted, shard_size=shard_size, rank=1)
    rows = [row for shard in range(plan.shards) for row in plan.rows(shard)]
    assert rows == list(range(images))
    assert plan.rows_per_shard * plan.coefficients * 4 <= max(shard_size, plan.coefficients * 4)
    assert plan.rows(plan.fitted_shards[-1]).start < fitted <= plan.rows(plan.fitted_shards[-1]).stop


def test_the_first_block_and_the_sample_follow_from_the_plan():
    assert make(rank=16).block_width == 64
    assert make(rank=4).block_width == 24
    assert make(rank=16, oversample=5).block_width == 21
    wide = CoefficientSpace(WaveletTransform("haar", "periodization", 2, 224, 224), 3)
    assert make(space=wide).block_width == 84  # 111 columns would be 128 MiB of products
    assert (make().sample, make(images=12_000).sample, make(images=100).sample) == (4096, 1000, 100)
    assert make(space=wide).sample == 445  # 256 MiB of coefficients
    assert [make(images=count).likely_passes for count in (10_000, 50_000)] == [2, 1]
    assert make(images=10_000, rank=8).likely_passes == 1


def test_default_rank_fits_small_data():
    assert make(rank=None).rank == 64
    assert make(rank=None, space=CoefficientSpace(WaveletTransform("haar", "periodization", 2, 8, 8), 1)).rank == 16
    assert make(rank=None, images=12).rank == 3
    assert make(rank=None, images=2).rank == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rank": 3073}, "3072 coefficients allow --rank from 1 to 3072"),
        ({"rank": 9, "images": 9}, "9 images of 3072 coefficients allow --rank from 1 to 8"),
        (
            {"space": CoefficientSpace(WaveletTransform("haar", "zero", 6, 32, 64), 1)},
            "64 x 32 pixels .* --level from 1 to 5",
        ),
        (
            {"space": CoefficientSpace(WaveletTransform("db4", "zero", 3, 32, 32), 1)},
            "wavelet db4: set --level from 1 to 2",
        ),
    ],
)
def test_impossible_plans_name_the_allowed_range(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_uncentred_data_has_one_pattern_more():
    assert make(rank=9, images=9, centre=False).rank == 9
