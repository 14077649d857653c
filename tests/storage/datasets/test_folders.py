from hypothesis import given
from hypothesis import strategies as st

from storage.datasets.folders import folder_tree

PATHS = st.dictionaries(
    st.lists(st.sampled_from("abc"), max_size=4).map("/".join), st.integers(1, 9), min_size=1, max_size=12
)


@given(PATHS)
def test_the_tree_has_every_folder_with_its_images(images):
    found = {folder.path: folder for folder in folder_tree(images).walk()}
    assert {path: folder.images for path, folder in found.items() if folder.images} == images
    above = {path[:end] for path in images for end, letter in enumerate(f"{path}/") if letter == "/"} | {""}
    assert found.keys() == above


@given(PATHS)
def test_leaves_are_the_paths_below_a_folder_that_hold_images(images):
    for folder in folder_tree(images).walk():
        start = f"{folder.path}/" if folder.path else ""
        expected = {path[len(start) :] for path in images if path.startswith(start) and path != folder.path}
        assert folder.leaves == expected
