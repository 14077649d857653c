import pytest

from storage.setting_groups import Decomposition
from tasks.dtypes import MIB
from tasks.planning.cost import choose, costs
from tasks.planning.memory import most_pixels, require_memory, stage_memory
from tasks.planning.plan import Plan
from tasks.wavelet.space import CoefficientSpace
from tasks.wavelet.transform import WaveletTransform


def chosen(images, coefficients, rank=64, passes=1, wanted="auto", scale_operations=0):
    shards = max(1, 4 * images * coefficients // 2**26)
    sizes = {"images": images, "coefficients": coefficients, "rank": rank, "width": 4 * rank, "shards": shards}
    return choose(costs(**sizes, passes=passes, scale_operations=scale_operations), wanted)


def test_the_cheapest_solver_is_taken():
    assert chosen(50_000, 3072) == "krylov"
    assert chosen(10_000, 784) == "gram"
    assert chosen(1450, 64, rank=16) == "gram"
    assert chosen(200, 150_528) == "dual"
    assert chosen(1_000_000, 150_528) == "krylov"
    assert chosen(50_000, 3072, passes=20) == "gram"
    # The Gram matrix of all columns holds those of the scales, which other solvers compute beside.
    assert chosen(50_000, 1536) == "krylov"
    assert chosen(50_000, 1536, scale_operations=1536**2) == "gram"


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="gram cannot be used: 150528 coefficients, above 8192"):
        chosen(50_000, 150_528, wanted="gram")
    with pytest.raises(ValueError, match="dual cannot be used: 50000 images"):
        chosen(50_000, 3072, wanted="dual")
    assert chosen(50_000, 3072, wanted="gram") == "gram"


def plan(shard_size=64 * MIB, **changes):
    decomposition = Decomposition(**{"rank": 64, "passes": 4} | changes)
    space = CoefficientSpace(WaveletTransform("haar", "periodization", 2, 32, 32), 3)
    return Plan.make(
        images=50_000, fitted=50_000, classes=10, space=space, decomposition=decomposition, shard_size=shard_size
    )


def test_memory_that_is_not_there_is_refused_with_both_numbers_and_the_setting():
    need = max(stage_memory(plan(), 20).values())
    require_memory(plan(), 20, need)
    with pytest.raises(ValueError, match=rf"about {need // MIB:,} MiB in a process, but {need // MIB - 1:,} MiB are"):
        require_memory(plan(), 20, need - MIB)
    with pytest.raises(ValueError, match="lower --shard-size below 292 MiB"):
        require_memory(plan(shard_size=512 * MIB, scales=False), 20, 600 * MIB)
    with pytest.raises(ValueError, match="lower --rank below 1000"):
        require_memory(plan(rank=1000, shard_size=4 * MIB, solver="krylov"), 20, 500 * MIB)
    with pytest.raises(ValueError, match="raise --memory-limit"):
        require_memory(plan(), 20, 100 * MIB)
    with pytest.raises(ValueError, match="set --solver krylov"):
        require_memory(plan(solver="gram", shard_size=4 * MIB), 20, 500 * MIB)


def test_memory_for_decoding_the_largest_image_is_part_of_the_transform():
    small, large = (stage_memory(plan(), 20, pixels) for pixels in (32 * 32, 2**26))
    assert large["transform"] - small["transform"] == 24 * (2**26 - 32 * 32)
    assert large["sample"] - small["sample"] == 24 * (2**26 - 32 * 32)
    assert {**large, "transform": 0, "sample": 0} == {**small, "transform": 0, "sample": 0}
    for pixels, limit, most in ((1024, 2**40, 2**26), (1024, small["transform"] + 24000, 2024), (5000, 2**20, 5000)):
        assert most_pixels(stage_memory(plan(), 20, pixels), pixels, limit) == most
    with pytest.raises(ValueError, match=f"stage transform needs .*make images smaller than {2**26:,} pixels"):
        require_memory(plan(), 20, 1000 * MIB, 2**26)
