import pytest
from PIL import Image

from flows import stages
from tests.datasets import smooth_images, write_images
from tests.runs import analyse

QUICK = {"scales": False, "permutations": 1, "rank": 4}


def said(monkeypatch):
    """What the stage gives, while a run is made."""
    given, stage = [], stages.find_neighbours

    def noted(job, fanout, progress):
        given.append(stage(job, fanout, progress))
        return given[-1]

    monkeypatch.setattr(stages, "find_neighbours", noted)
    return given


UNKNOWN = (
    "near_pairs",
    "duplicate_fraction",
    "leaked_fraction",
    "largest_ratio",
    "intrinsic_dimension",
    "two_nn_dimension",
)


@pytest.mark.parametrize(
    ("changed", "count", "problem"),
    [
        ({"neighbours": 79}, 40, "There are 80 different images; --neighbours allows 79."),
        ({}, 10, "There are 20 different images; the search needs 21."),
    ],
)
def test_what_is_not_searched_is_said_and_unknown(tmp_path, monkeypatch, changed, count, problem):
    folder, given = smooth_images(tmp_path / "data", count=count, classes=("a", "b")), said(monkeypatch)
    (folder / "a" / "copy.png").write_bytes((folder / "b" / "0000.png").read_bytes())
    run = analyse(folder, tmp_path / "workspace", **QUICK, **changed)
    assert given == [f"Near-duplicates were not looked for. {problem}"]
    row = run.tables["duplication"].to_pylist()[0]
    assert [row[name] for name in UNKNOWN] == [None] * len(UNKNOWN)
    assert (row["exact_pairs"], row["conflicts"], row["duplicates"]) == (1, 1, 1)
    assert run.tables["near_duplicates"]["exact"].to_pylist() == [True]


def test_at_the_limit_images_are_searched(tmp_path, monkeypatch):
    given = said(monkeypatch)
    run = analyse(smooth_images(tmp_path / "data", count=7), tmp_path / "workspace", neighbours=21, **QUICK)
    assert given == [True]
    assert run.tables["duplication"].to_pylist()[0]["near_pairs"] == 0


@pytest.mark.parametrize("space", ["none", "modulus"])
def test_scores_of_either_space_are_compared(tmp_path, space):
    folder = smooth_images(tmp_path / "data", count=20)
    Image.open(folder / "a" / "0003.png").save(folder / "a" / "near.bmp")
    run = analyse(folder, tmp_path / "workspace", judge_space=space, **QUICK)
    (pair,) = run.tables["near_duplicates"].to_pylist()
    assert {pair["key"], pair["other_key"]} == {"a/0003.png", "a/near.bmp"}
    assert not pair["exact"]
    assert pair["distance"] == pytest.approx(0, abs=1e-3)
    assert run.tables["duplication"].to_pylist()[0]["patterns"] == (4 if space == "none" else 30)


def test_random_images_have_no_near_duplicates(tmp_path):
    run = analyse(write_images(tmp_path / "data", count=60), tmp_path / "workspace", **QUICK)
    assert run.tables["near_duplicates"].num_rows == 0
