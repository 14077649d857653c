from tasks.report.to_fix import KINDS, to_fix


def kinds(**counts):
    return [{"kind": kind.replace("_", " "), "found": count, "listed": count} for kind, count in counts.items()]


def test_the_worst_kind_comes_first_and_kinds_without_issues_are_left_out():
    found = to_fix(kinds(dark=3, exact_duplicate=2, leak=1, conflict=0, wrong_label=9), probable=4)
    assert [entry.kind for entry in found] == ["leak", "wrong label", "exact duplicate", "dark"]
    assert to_fix(kinds(leak=0), probable=0) == []


def test_words_follow_the_number_of_images():
    one, many = (to_fix(kinds(leak=count), 0)[0] for count in (1, 2))
    assert (one.images, one.claim) == (1, "image of another split is learned from too")
    assert (many.images, many.claim) == (2, "images of other splits are learned from too")
    assert to_fix(kinds(dark=1), 0)[0].claim == "image stands out: dark"


def test_labels_that_are_less_certainly_wrong_are_counted_apart():
    (found,) = to_fix(kinds(wrong_label=310), probable=12)
    assert (found.images, found.more, found.claim) == (12, 298, "labels are probably wrong")
    (none,) = to_fix(kinds(wrong_label=5), probable=0)
    assert (none.images, none.more) == (0, 5)


def test_every_kind_says_what_to_do():
    assert all(words.action.endswith(".") for words in KINDS.values())
