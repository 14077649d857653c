import pytest

from tests.formats import FORMATS
from tests.storage.damages import DAMAGES, PAGE, SAME, dataset_rows, image_rows, ours, table
from tests.storage.pixels.damage import OPTIONS


def test_sixty_damages_to_image_files_give_what_the_page_says():
    assert len(DAMAGES) == 60
    assert table(OPTIONS, image_rows(ours())) in PAGE.read_text(), "run make damage"


@pytest.mark.parametrize("some", [["idx", "npz-stored"], pytest.param(list(FORMATS), marks=pytest.mark.slow)])
def test_sixty_damages_to_datasets_give_what_the_page_says(tmp_path, some):
    rows = list(dataset_rows(ours(), tmp_path, {name: FORMATS[name] for name in some}))
    for name, cells in rows:
        assert not any("Error" in cell for cell in cells), f"{name}: {cells}"
        assert name not in {"empty", "only noise"} or SAME not in cells
    if some == list(FORMATS):
        assert table(FORMATS, rows) in PAGE.read_text(), "run make damage"
        return
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text().partition("## Datasets")[2].splitlines()]
    page = {name: found for name, *found in lines}
    for name, cells in rows:
        found = dict(zip(page["damage"], page[name], strict=True))
        assert [found[each] for each in some] == cells, f"{name}: run make damage"
