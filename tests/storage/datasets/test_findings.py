from collections import Counter

from storage.datasets.findings import Finding, Findings, Tally, counted, named, shown


def test_numbers_and_names_read_well():
    assert counted(1, "file that is odd") == "1 file that is odd"
    assert counted(1200, "class") == "1,200 classes"
    assert counted(1, "pair of copies", "has", "have") == "1 pair of copies has"
    assert counted(0, "pass", "is left", "are left") == "0 passes are left"
    assert named(["a", "b"]) == "a, b"
    assert named(list("abcde")) == "a, b, c and 2 more"
    assert shown(Counter(a=2, b=1)) == "a (2), b (1)"


def test_what_is_skipped_is_counted_by_kind_with_examples():
    found, tally = Findings(), Tally()
    found.ignore("masks", tally, "image")
    assert not list(found)
    for name in "abcd":
        tally.add(name, 2)
    found.ignore("masks", tally, "image in folders of masks")
    text = "Skipped 8 images in folders of masks (such as a, b, c)."
    assert found.ignored == [Finding("masks", text, 8)]
    assert (found + found).skipped == 16
