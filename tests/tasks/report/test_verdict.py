import pytest

from tasks.report.verdict import beyond_chance, headline, verdict, word_meaning

ROW = {
    "learnability": 0.11,
    "expected_null": 0.001,
    "learnability_cap": 1.0,
    "explained_variance": 0.24,
    "shuffled_max": 0.0014,
    "rank": 64,
    "significant_patterns": 55,
}
NONE_FOUND = "We found no association between labels and images."


def test_an_association_is_said_with_its_word():
    assert headline(ROW) == "The classes are clearly learnable."


def test_no_association_is_said_plainly():
    row = ROW | {"learnability": 0.0013}
    assert headline(row) == NONE_FOUND
    assert verdict(row).endswith("at most 0.14 %, so we found no association between labels and images.")


def test_without_numbers_nothing_is_said():
    assert headline(dict.fromkeys(ROW)) == "Nothing can be said about the classes."


@pytest.mark.parametrize(
    ("adjusted", "word"), [(0.5, "strongly"), (0.06, "clearly"), (0.02, "weakly"), (0.002, "barely")]
)
def test_words_rise_with_learnability(adjusted, word):
    assert headline(ROW | {"expected_null": 0.0, "learnability": adjusted}) == f"The classes are {word} learnable."


def test_the_word_says_where_it_comes_from():
    assert word_meaning(ROW).startswith("“Clearly” is our own word for 5 % to 30 % beyond chance;")
    assert word_meaning(ROW | {"expected_null": 0.0, "learnability": 0.9}).startswith(
        "“Strongly” is our own word for 30 % to 100 %"
    )
    assert word_meaning(ROW | {"expected_null": 0.0, "learnability": 0.002}).startswith(
        "“Barely” is our own word for 0 % to 1 %"
    )
    assert word_meaning(dict.fromkeys(ROW)) is None
    assert word_meaning(ROW | {"learnability": 0.001}) is None


def test_the_numbers_are_said_with_what_is_possible():
    assert verdict(ROW) == (
        "Labels account for 11 % of the separation that 64 patterns allow (24 % of the images' variance). Shuffled "
        "labels account for at most 0.14 %, so the association is real: on 55 of 64 patterns classes differ, one by "
        "one, at q < 0.05."
    )
    assert "(0 % of the images' variance)" in verdict(ROW | {"explained_variance": -0.001})


def test_classes_that_are_fully_separated_reach_all_that_few_patterns_allow():
    """A thousand classes of three images: 64 patterns explain 64/999 at most, and chance 64/2999."""
    row = ROW | {
        "learnability": 64 / 999,
        "learnability_cap": 64 / 999,
        "expected_null": 64 / 2999,
        "shuffled_max": 0.03,
    }
    assert "account for 100 % of the separation that 64 patterns allow" in verdict(row)
    assert beyond_chance(row) == pytest.approx(1)
    assert beyond_chance(row | {"learnability": 64 / 2999}) == pytest.approx(0)
    assert headline(row) == "The classes are strongly learnable."


def test_runs_of_earlier_versions_say_what_they_can():
    row = {name: value for name, value in ROW.items() if name not in {"learnability_cap", "explained_variance"}}
    assert verdict(row).startswith("Labels account for 11 % of the separation that 64 patterns allow. Shuffled")
    assert headline(row) == "The classes are clearly learnable."


@pytest.mark.parametrize("changed", [{"learnability": 0.001}, {"significant_patterns": 0}])
def test_a_difference_in_spread_is_not_taken_for_one_in_means(changed):
    """Means differ on no pattern, whatever learnability is, since unequal spreads move that too."""
    row = ROW | changed | {"replicated_classes": 1}
    assert headline(row) == "The classes differ in their spreads, not in their means."
    assert verdict(row).endswith(
        "0.14 %. On no pattern do class means differ beyond chance, but 1 class varies more than the others along a "
        "pattern of its own, in unseen images too."
    )
    assert (
        headline(ROW | {"significant_patterns": None, "replicated_classes": 3}) == "The classes are clearly learnable."
    )


def test_without_labels_nothing_is_said_of_classes():
    row = dict.fromkeys(ROW) | {"rank": 64, "classes": 1}
    assert headline(row) == "The images have no labels to compare."
    assert verdict(row) == "There are no labels to compare: this is about patterns, copies and image quality alone."
    assert word_meaning(row) is None
