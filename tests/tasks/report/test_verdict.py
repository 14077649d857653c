import pytest

from tasks.report.verdict import checks, complete, exact, headline, verdict, word_meaning

ROW = {
    "learnability": 0.11,
    "learnability_adjusted": 0.109,
    "ci_low": 0.108,
    "ci_high": 0.112,
    "shuffled_max": 0.0014,
    "colour_learnability": 0.045,
    "share_agreement": 0.98,
    "share_agreement_shuffled": -0.02,
    "permutations": 20,
    "rank": 64,
    "significant_patterns": 55,
}
HELD_OUT = [
    {"method": "ridge", "accuracy": 0.38, "shuffled_accuracy": 0.1, "chance": 0.1, "patterns": 64, "judged": 10_000},
    {"method": "quadratic", "accuracy": 0.49, "shuffled_accuracy": 0.1, "chance": 0.1, "patterns": 64, "judged": 1000},
]
NOISE = [{"fraction": 0.5, "measured": 0.0285, "predicted": 0.0284}]


def passed(found):
    return {check.claim: check.passed for check in found}


def test_a_sound_result_passes_every_check():
    assert passed(checks(ROW, HELD_OUT, NOISE)) == {
        "79 times what shuffled labels reach": True,
        "49 % of unseen images are classified right": True,
        "Class patterns come back in unseen images": True,
        "It is more than mean colour": True,
        "It falls with label noise as it should": True,
    }
    assert headline(ROW) == "The classes are clearly learnable."


def test_what_is_no_better_than_chance_fails():
    row = ROW | {"learnability": 0.0013, "learnability_adjusted": 0.0, "share_agreement": 0.1}
    held_out = [HELD_OUT[0] | {"accuracy": 0.105}]
    assert passed(checks(row, held_out, [])) == {
        "No more than shuffled labels reach": False,
        "Unseen images are classified no better than by chance": False,
        "Class patterns do not come back in unseen images": False,
    }
    assert headline(row) == "There is no sign that the classes have to do with the images."
    assert "there is no sign" in verdict(row)


def test_colour_alone_is_told_and_noise_off_its_law_fails():
    found = checks(ROW | {"colour_learnability": 0.1}, [], [NOISE[0] | {"measured": 0.05}])
    assert passed(found)["Much of it is mean colour"] is None
    assert passed(found)["It does not fall with label noise as it should"] is False


def test_what_is_not_known_is_left_out():
    unknown = dict.fromkeys(ROW)
    assert checks(unknown, [HELD_OUT[0] | {"accuracy": None}], []) == []
    assert headline(unknown) == "Nothing can be said about the classes."


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


def test_checks_tell_their_limits():
    evidence = " ".join(check.evidence for check in checks(ROW, HELD_OUT, NOISE))
    assert "correlate by 0.98, −0.02 with shuffled labels; 0.5 is asked for." in evidence  # noqa: RUF001
    assert "differ by at most 0.01 points; 0.33 are allowed." in evidence
    assert "alone explain 4.5 %, 40.9 % of it." in evidence
    assert exact(0.0019, 0.01).evidence == "Their largest relative residual is 0.19 %; 1 % is allowed."


def test_images_set_aside_are_told():
    assert complete(0, 10).passed is True
    assert complete(2, 10).claim == "2 of 10 images were set aside"
