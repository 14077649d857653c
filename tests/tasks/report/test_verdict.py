import pytest

from tasks.report.verdict import headline, verdict, word_meaning

ROW = {
    "learnability": 0.11,
    "learnability_adjusted": 0.109,
    "shuffled_max": 0.0014,
    "rank": 64,
    "significant_patterns": 55,
}
NONE_FOUND = "We found no association between labels and images."


def test_an_association_is_said_with_its_word():
    assert headline(ROW) == "The classes are clearly learnable."


def test_no_association_is_said_plainly():
    row = ROW | {"learnability": 0.0013, "learnability_adjusted": 0.0}
    assert headline(row) == NONE_FOUND
    assert "there is no sign" in verdict(row)


def test_without_numbers_nothing_is_said():
    assert headline(dict.fromkeys(ROW)) == "Nothing can be said about the classes."


@pytest.mark.parametrize(
    ("adjusted", "word"), [(0.5, "strongly"), (0.06, "clearly"), (0.02, "weakly"), (0.001, "barely")]
)
def test_words_rise_with_learnability(adjusted, word):
    assert headline(ROW | {"learnability_adjusted": adjusted}) == f"The classes are {word} learnable."


def test_the_word_says_where_it_comes_from():
    assert word_meaning(ROW).startswith("“Clearly” is our own word for 5 % to 30 % beyond chance;")
    assert word_meaning(ROW | {"learnability_adjusted": 0.9}).startswith("“Strongly” is our own word for 30 % to 100 %")
    assert word_meaning(ROW | {"learnability_adjusted": 0.001}).startswith("“Barely” is our own word for 0 % to 1 %")
    assert word_meaning(dict.fromkeys(ROW)) is None
    assert word_meaning(ROW | {"learnability": 0.001}) is None
