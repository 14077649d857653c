"""plan.json is a format: an interrupted run is found by comparing its bytes."""

import dataclasses
import json

import pytest

from storage.errors import DamagedError
from storage.runs.layout import Layout, PlanRecord, read_layout
from storage.runs.workspace import Workspace
from storage.stores.files import write_file
from tasks.planning.plan import Plan

PLAN = PlanRecord(
    images=1797,
    fitted=1450,
    masked=1,
    fitted_rows=1451,
    classes=2,
    height=8,
    width=9,
    channels=1,
    coefficients=72,
    value_bytes=4,
    rank=16,
    block_width=36,
    passes=10,
    rows_per_shard=600,
    shards=3,
    scales=9,
    solver="gram",
)
LAYOUT = Layout("digits", "train", ("cat", "\N{LATIN SMALL LETTER E WITH ACUTE}"), PLAN, "c436f0", rows_of="w/runs/r-1")
CONTENT = b"""{
  "source": "digits",
  "fitted_split": "train",
  "classes": [
    "cat",
    "\\u00e9"
  ],
  "plan": {
    "images": 1797,
    "fitted": 1450,
    "masked": 1,
    "fitted_rows": 1451,
    "classes": 2,
    "height": 8,
    "width": 9,
    "channels": 1,
    "coefficients": 72,
    "value_bytes": 4,
    "rank": 16,
    "block_width": 36,
    "passes": 10,
    "rows_per_shard": 600,
    "shards": 3,
    "scales": 9,
    "solver": "gram"
  },
  "samples": "c436f0",
  "warm_start": null,
  "rows_of": "w/runs/r-1",
  "compared_with": null
}"""


@pytest.fixture
def paths(tmp_path):
    return Workspace(tmp_path).run("r-2")


def test_the_bytes_of_a_layout_do_not_change():
    assert LAYOUT.encoded() == CONTENT
    planned = Plan(**vars(PLAN), scale_values=5, scale_operations=6)
    assert dataclasses.replace(LAYOUT, plan=planned).encoded() == CONTENT


def test_a_layout_is_read_as_it_was_written(paths):
    write_file(paths.plan, CONTENT)
    assert read_layout(paths) == LAYOUT


@pytest.mark.parametrize(
    "content",
    [
        b"",
        CONTENT[:-1],
        b"[]",
        json.dumps(json.loads(CONTENT) | {"plan": {"images": 3}}).encode(),
        CONTENT.replace(b'"shards": 3', b'"shards": "three"'),
    ],
)
def test_a_damaged_layout_is_refused(paths, content):
    write_file(paths.plan, content)
    with pytest.raises(DamagedError, match=r"plan\.json is damaged; restore it with eigenwave repair"):
        read_layout(paths)


def test_a_missing_layout_is_refused(paths):
    with pytest.raises(DamagedError, match=r"plan\.json is missing"):
        read_layout(paths)
