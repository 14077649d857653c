import pyarrow as pa

from tasks.report import mixed_up as module
from tasks.report.mixed_up import Other, counted, mixed_up

COLUMNS = ("class_id", "likely_class_id", "share", "row", "similar_row")


def confusions(*rows):
    return pa.table(dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)))


def test_the_first_pair_of_each_class_has_pictures_before_the_second_of_any(monkeypatch):
    monkeypatch.setattr(module, "PICTURED", 2)
    table = confusions((0, 1, 0.4, 7, 8), (0, 2, 0.3, 5, 6), (1, 0, 0.1, 3, 4), (1, 2, 0.05, None, None))
    assert mixed_up(table) == {
        0: [Other(1, 0.4, [7, 8]), Other(2, 0.3, ())],
        1: [Other(0, 0.1, [3, 4])],
    }


def test_an_image_that_resembles_none_is_shown_alone():
    assert mixed_up(confusions((0, 1, 0.4, 7, 8), (1, 0, 0.1, 3, None)))[1] == [Other(0, 0.1, [3])]


def test_earlier_runs_count_their_samples():
    samples = pa.table({"class_id": [0, 0, 0, 0, 1], "likely_class_id": [0, 1, 2, 2, 1]})
    assert counted(samples) == {0: [Other(2, 0.5), Other(1, 0.25)]}
