"""Project the peak memory of a process in each stage from the plan. Tests compare the projection with measurements."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from storage.arrays.scratch import ALLOCATOR
from storage.pixels.facts import FACTS
from storage.pixels.images import DECODING_BYTES, MAX_PIXELS
from tasks.dtypes import FLOAT16, FLOAT32, FLOAT64, MIB
from tasks.statistics.classifiers import PRODUCT_SIZE
from tasks.statistics.drift import BINS as DECILES
from tasks.statistics.groups import groups_kept
from tasks.statistics.label_judge import ALL_CLASSES, SAMPLE, SAMPLE_SIZE
from tasks.statistics.neighbours import COLUMNS as TILE_COLUMNS
from tasks.statistics.neighbours import COUNT, MEASURED, PATTERNS, QUERIES
from tasks.statistics.quantiles import DIGITS
from tasks.statistics.ranks import BINS, LEVELS, labellings_counted, sorted_whole
from tasks.statistics.relabelling import NOISE
from tasks.statistics.scatter import LABELLINGS, PARTS, patterns_kept
from tasks.svd.products import GRAM_BLOCK, ROW_BLOCK, TILE
from tasks.svd.scales import LARGEST
from tasks.wavelet.properties import PROPERTIES

if TYPE_CHECKING:
    from tasks.planning.plan import Plan
DESCRIBED = 2 * FLOAT32 * (len(FACTS) + len(PROPERTIES))  # bytes of the properties of an image, and of a copy
FAMILIES = 3  # largest number of families of scales
PROCESS = 352 * MIB  # Python with all libraries, Prefect's included
KEPT_BYTES = 32 * MIB  # of stored images held between their digest and their decoding
IMAGES = 40 * MIB + KEPT_BYTES  # stored images, and a block of them being decoded and transformed
DECODER = 40 * MIB  # the process that decodes unusual image files, without the image
SUMS = 5  # large results held while many are added along the tree: one per level, and three in an addition
ADDED_AT_ONCE = 16 * MIB  # of small results added together
SAVED = 6  # copies of a sum while results are made of it and saved
SEARCHED = 8192  # images whose neighbors a task looks for; each task reads all scores
CANDIDATE_BYTES = 100  # of each neighbor that is kept, with those that wait to be sorted
COPIES = 8  # copies of a task's scores, while they are binned, ranked and judged
MOVED_AT_ONCE = 2**17  # images matched by name at once, while runs are compared
NAMED_BYTES = 512  # for each of them, in both runs
SORTED_BYTES = 5 * 8  # for each score of a shard, while quantiles are computed
ANGLES = 6  # copies of a run's patterns in float64, while they are compared with another run's
JUDGES = 3  # quadratic classifiers: of true and shuffled labels, and the workspace of one being fitted
LABEL_JUDGES = 3  # the last, the one being read, and its file
KEPT_PROBABILITY = 3 * 6  # bytes of a class and its probability, in three copies
FITTING = 8  # arrays of the log-posteriors of the sample, while judges of labels are fitted
REPORT = 120 * MIB  # Bokeh, and the page and its pictures while they are assembled
CLASS_BYTES = 12_000  # of the page for each class, without its largest picture
BLOCK_BYTES = 64 * MIB  # of patterns read at once for the report
PICTURE_SIDE = 256  # largest side of a picture in the report and its figures, in pixels
PICTURE_BYTES = 96 * MIB  # limit for the patterns and pictures held for the report, which sets their size
PICTURES = 80  # other than of patterns and classes: generalized patterns, and images as sums of patterns
COLUMNS = 60  # of pairs of pattern and class, while tables are written
SCALE_COPIES = 4  # of the products of scales, while their patterns are computed
IN_MEMORY_BLOCKS = 8  # blocks that the iteration on a Gram matrix in memory needs


def picture_side(patterns: int, classes: int, shape: tuple[int, ...]) -> int:
    """Side in pixels to which patterns of a shape (height, width, channels) are reduced for the report."""
    height, width, channels = shape
    fitting = math.isqrt(PICTURE_BYTES // (channels * (FLOAT32 * patterns + classes)))
    return min(PICTURE_SIDE, max(height, width), fitting)


def result_bytes(plan: "Plan", permutations: int) -> dict[str, int]:
    """Size in bytes of the result of a task, in each stage that maps over shards."""
    p, k = plan.coefficients, plan.rank
    share = {"krylov": p * plan.block_width, "gram": p * p, "dual": p * k}[plan.solver]
    per_label = plan.classes * k
    groups, kept = groups_kept(plan.classes, k), patterns_kept(plan.classes, k)
    counted = labellings_counted(plan.classes, k, permutations + 1)
    scale_rank = plan.scale_rank(permutations)
    scale_values = plan.scale_values if scale_rank and plan.solver != "gram" else 0
    cells = LABELLINGS * PARTS * plan.classes
    judged_by, judged_kept = plan.judged_rank, patterns_kept(plan.classes, plan.judged_rank, 1)
    judging = PARTS * (plan.classes * (judged_by + judged_kept * judged_kept) + judged_by * judged_by)
    summary = (
        per_label * (2 * permutations + 2 + len(NOISE))
        + groups * k * (plan.classes + k)
        + k * BINS
        + cells * (k + kept * kept)
        + (PARTS + 1) * k * k
        + judging
    )
    return {
        "transform": FLOAT64 * (scale_values + (0 if plan.solver == "dual" else share)),
        "pass": FLOAT64 * share,
        "project": FLOAT64
        * (
            plan.classes * plan.channels * (2 * permutations + 2)
            + p * k
            + FAMILIES * p * scale_rank
            + plan.scales * scale_rank * (plan.classes * (permutations + 1) + scale_rank + 1)
        ),
        "summarise": FLOAT64 * summary
        + FLOAT32 * (PARTS * SAMPLE * judged_by + (plan.fitted * k if sorted_whole(plan.fitted, k) else 0)),
        "judge": FLOAT64 * per_label * (permutations + 1 + counted * LEVELS),
        "drift": FLOAT64 * (per_label + plan.classes + (DECILES + 1) * k),
    }


def image_bytes(plan: "Plan", permutations: int) -> int:
    """Bytes that a task of association holds for each image: copies of its scores, and its shuffled labels."""
    return FLOAT64 * (COPIES * max(plan.rank, plan.judged_rank) + 2 * permutations)


def association_shards(plan: "Plan", permutations: int) -> range:
    """First shard of each task of association; the step is the number of shards of a task.

    With many classes the sums over a shard are larger than its scores, and adding them up takes longer than making
    them. So a task takes as many shards as half of its result has room for.
    """
    results = result_bytes(plan, permutations)
    images = max(results["summarise"], results["judge"]) // (2 * image_bytes(plan, permutations))
    return range(0, plan.shards, min(max(images // plan.rows_per_shard, 1), plan.shards))


def neighbour_shards(plan: "Plan") -> range:
    """First shard of each task that looks for neighbors; the step is the number of shards of a task."""
    return range(0, plan.shards, min(max(SEARCHED // plan.rows_per_shard, 1), plan.shards))


def stage_memory(plan: "Plan", permutations: int, largest: int = 0) -> dict[str, int]:
    """Project the peak bytes of a process that runs only one stage, for each stage.

    Parameters
    ----------
    plan
        The plan.
    permutations
        Number of label shuffles.
    largest
        Number of pixels of the largest image that is decoded.
    """
    n, p, k, width = plan.fitted, plan.coefficients, plan.rank, plan.block_width
    # Coefficients stored as float16 are held in memory together with their float32 copy.
    chunk = (FLOAT32 + plan.value_bytes % FLOAT32) * plan.rows_per_shard * p
    masked = FLOAT32 * min(ROW_BLOCK, plan.rows_per_shard) * p  # a copy of a block without rejected images
    thin = p * width
    tasks = association_shards(plan, permutations)
    results = result_bytes(plan, permutations)
    sums = {stage: SUMS * size + ADDED_AT_ONCE for stage, size in results.items()}
    scale_rank = plan.scale_rank(permutations)
    scale_values = plan.scale_values if scale_rank and plan.solver != "gram" else 0
    operands = {
        "krylov": 2 * FLOAT32 * thin,
        "gram": 2 * FLOAT32 * p * (p + min(GRAM_BLOCK, plan.rows_per_shard)),
        "dual": 0,
    }[plan.solver]
    if scale_values:
        operands += 2 * FLOAT64 * scale_values + FLOAT32 * min(p, LARGEST) * min(GRAM_BLOCK, plan.rows_per_shard)
    decoding = IMAGES + DECODER + DECODING_BYTES * largest
    of_judging = plan.judging_coefficients + 2 * plan.judging_rank  # values of an image
    judging_patterns = plan.judging_coefficients * plan.judging_rank
    sampling = 2 * FLOAT32 * plan.sample * (p + width + of_judging) + 5 * FLOAT64 * max(thin, judging_patterns)
    judging = (FLOAT16 + FLOAT32) * plan.rows_per_shard * of_judging + 2 * FLOAT32 * judging_patterns
    stages = {
        "neighbours": _search_bytes(plan),
        "copies": COUNT * neighbour_shards(plan).step * plan.rows_per_shard * CANDIDATE_BYTES,
        "sample": decoding + sampling,
        "transform": chunk
        + decoding
        + 2 * masked
        + operands
        + judging
        + DESCRIBED * plan.rows_per_shard
        + sums["transform"],
        "solve scales": SCALE_COPIES * FLOAT64 * (p * p if plan.solver == "gram" else scale_values)
        + 2 * FLOAT64 * FAMILIES * p * scale_rank
        + sums["transform"] // SUMS,
    }
    if plan.solver == "krylov":
        r = width + (plan.passes - 1) * k
        blocks = (FLOAT32 + FLOAT64) * p * r + 4 * FLOAT64 * p * max(k, width)
        stages["solve"] = blocks + 3 * FLOAT64 * min(TILE, p) * r + 6 * FLOAT64 * r * r
    elif plan.solver == "gram":
        stages["solve"] = 3 * FLOAT64 * p * p + IN_MEMORY_BLOCKS * (FLOAT32 + 3 * FLOAT64) * thin
    else:
        stages["pass"] = max(
            3 * chunk + 3 * FLOAT32 * plan.rows_per_shard * TILE + FLOAT64 * plan.rows_per_shard * n,
            chunk + masked + FLOAT32 * p * k + sums["pass"],
        )
        stages["solve"] = (
            3 * FLOAT64 * n * n + IN_MEMORY_BLOCKS * (FLOAT32 + 3 * FLOAT64) * n * width + 4 * FLOAT64 * p * k
        )
    stages["solve"] = max(stages["solve"], SAVED * results["project"])
    scores = plan.rows_per_shard * k
    of_scales = plan.rows_per_shard * plan.scales * scale_rank
    patterns = p * (3 * k + 2 * FAMILIES * scale_rank)
    stages["project"] = (
        chunk + masked + 3 * (FLOAT32 + FLOAT64) * (scores + of_scales) + 2 * FLOAT32 * patterns + sums["project"]
    )
    kept = FLOAT32 * plan.rows_per_shard * p  # memory that a worker keeps from its last shard
    images = tasks.step * plan.rows_per_shard
    kept += ALLOCATOR["M_TRIM_THRESHOLD"][1]  # and what its C library keeps of freed arrays
    for stage in ("summarise", "judge"):
        # Of few tasks there are fewer sums; another one is sent or received.
        sums[stage] = (min(SUMS, len(tasks) + 1) + 1) * results[stage] + ADDED_AT_ONCE
        stages[stage] = kept + image_bytes(plan, permutations) * images + sums[stage]
    kept = patterns_kept(plan.classes, k)
    stages["judge"] += FLOAT64 * plan.classes * (JUDGES * kept * (kept + 1) + 2 * k) + 2 * FLOAT64 * k * BINS
    stages["summarise"] += FITTING * FLOAT64 * min(SAMPLE_SIZE, PARTS * SAMPLE * plan.classes)
    stages["judge"] += (
        _label_judge_bytes(plan, images) + 3 * FLOAT64 * PRODUCT_SIZE
    )  # a block of images: terms, log-posteriors, temporary arrays
    stages["drift"] = max(
        chunk + 3 * (FLOAT32 + FLOAT64) * scores + 2 * FLOAT32 * p * k + sums["drift"],
        ANGLES * FLOAT64 * p * k,
        SORTED_BYTES * scores + 2 * FLOAT64 * DECILES * k * 2 ** max(DIGITS),
        NAMED_BYTES * MOVED_AT_ONCE,
    )
    tables = COLUMNS * FLOAT64 * plan.classes * k
    stages["associate"] = 2 * (results["summarise"] + results["judge"]) + tables
    patterns = FLOAT32 * k * plan.height * plan.width * plan.channels
    side = picture_side(k, plan.classes, (plan.height, plan.width, plan.channels))
    pictures = side * side * plan.channels * (2 * FLOAT32 * k + k + plan.classes + PICTURES)
    stages["report"] = REPORT + 3 * min(BLOCK_BYTES, patterns) + pictures + CLASS_BYTES * plan.classes
    stages["report"] += 4 * FLOAT64 * plan.classes * k
    return {stage: PROCESS + size for stage, size in stages.items()}


def _search_bytes(plan: "Plan") -> int:
    """Bytes of a task that looks for neighbors: scores, its own and another's, neighbors, and tiles of products."""
    compared = min(PATTERNS, plan.judged_rank) + 1
    images = neighbour_shards(plan).step * plan.rows_per_shard
    kept = FLOAT32 * plan.rows_per_shard * plan.coefficients + ALLOCATOR["M_TRIM_THRESHOLD"][1]
    scores = 2 * FLOAT32 * plan.rows_per_shard * plan.judged_rank + 6 * FLOAT32 * images * compared
    tiles = 4 * FLOAT64 * (QUERIES * TILE_COLUMNS + MEASURED * compared)
    return kept + scores + COUNT * images * CANDIDATE_BYTES + tiles


def _label_judge_bytes(plan: "Plan", images: int) -> int:
    """Bytes of the judges of labels while they are read, and of the probabilities that they give some images."""
    return LABEL_JUDGES * label_judge_bytes(plan) + KEPT_PROBABILITY * images * min(plan.classes, ALL_CLASSES)


def label_judge_bytes(plan: "Plan") -> int:
    """Bytes of a judge of labels."""
    k, kept = plan.judged_rank, patterns_kept(plan.classes, plan.judged_rank, 1)
    return FLOAT32 * plan.classes * kept * kept + FLOAT64 * (plan.classes + 2 * k) * k


def most_pixels(memory: Mapping[str, int], largest: int, limit: int) -> int:
    """Return the number of pixels of the largest image that can be decoded in `limit` bytes.

    Parameters
    ----------
    memory, largest
        Result of `stage_memory`, and the number of pixels that it contains.
    limit
        Bytes that a process may use.
    """
    rest = limit - max(memory["transform"], memory["sample"]) + DECODING_BYTES * largest
    return max(largest, min(MAX_PIXELS, rest // DECODING_BYTES))


def require_memory(plan: "Plan", permutations: int, limit: int, largest: int = 0) -> None:
    """Refuse a plan that needs more memory than `limit` bytes.

    Raises
    ------
    ValueError
        If a stage needs more. The message has the stage, both numbers and the setting to change.
    """
    stages = stage_memory(plan, permutations, largest)
    stage = max(stages, key=lambda name: stages[name])
    if stages[stage] <= limit:
        return
    chunk = FLOAT32 * plan.rows_per_shard * plan.coefficients
    if limit < PROCESS + IMAGES:
        advice = "raise --memory-limit"
    elif stage in {"sample", "transform"} and 2 * DECODING_BYTES * largest > stages[stage] - PROCESS:
        advice = f"make images smaller than {largest:,} pixels"
    elif 2 * chunk > stages[stage] - PROCESS:
        advice = f"lower --shard-size below {chunk // MIB} MiB"
    elif "scale" in stage:
        advice = "set --no-scales"
    elif stage in {"summarise", "judge", "associate"}:
        advice = f"lower --permutations below {permutations}, or --rank below {plan.rank}"
    elif plan.solver == "krylov":
        advice = f"lower --rank below {plan.rank}, --passes below {plan.passes}, or --size"
    else:
        advice = "set --solver krylov"
    raise ValueError(
        f"The stage {stage} needs about {stages[stage] // MIB:,} MiB in a process, but {limit // MIB:,} MiB are "
        f"allowed: {advice}; or use fewer --workers or a higher --memory-limit."
    )
