import pyarrow as pa

from tasks.report.listed import COLUMNS, LISTED, listed_by_kind


def issues(*kinds):
    rows = [
        {"key": f"{number}.png", "path": f"/data/{number}.png", "split": "train", "class_name": "a", "kind": kind}
        | {"severity": 0.87654, "suggestion": None}
        for number, kind in enumerate(kinds)
    ]
    schema = pa.schema([(name, pa.float64() if name == "severity" else pa.string()) for name in (*COLUMNS, "kind")])
    return pa.Table.from_pylist(rows, schema)


def test_the_images_of_each_kind_in_their_order():
    found = listed_by_kind(issues("leak", "dark", "leak"))
    assert found["leak"] == {
        "found": 2,
        "rows": [(f"{number}.png", f"/data/{number}.png", "train", "a", 0.877, None) for number in (0, 2)],
    }
    assert list(found) == ["leak", "dark"]
    assert listed_by_kind(issues()) == {}


def test_a_long_list_is_cut_and_its_length_is_known():
    found = listed_by_kind(issues(*["dark"] * (LISTED + 1)))["dark"]
    assert (found["found"], len(found["rows"])) == (LISTED + 1, LISTED)
