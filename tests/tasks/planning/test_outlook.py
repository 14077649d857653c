import pytest

from storage.errors import EigenwaveError, InputError
from storage.settings import Settings
from tasks.planning.outlook import plan_run
from tests.datasets import write_images


def refuse(source, message, **settings):
    with pytest.raises(InputError, match=message):
        plan_run(str(source), Settings(**settings))


def test_training_split_is_fitted_on(tmp_path):
    write_images(tmp_path / "test", count=2)
    write_images(tmp_path / "train", count=10)
    outlook = plan_run(str(tmp_path), Settings())
    assert (outlook.plan.images, outlook.plan.fitted, outlook.fitted_split) == (24, 20, "train")


def test_a_lone_split_is_fitted_on_whatever_its_name(tmp_path):
    write_images(tmp_path / "test")
    assert plan_run(str(tmp_path), Settings()).fitted_split == "test"


def test_what_cannot_be_analysed_is_refused(tmp_path, class_folders):
    refuse(class_folders, "Level 4 is too deep", level=4)
    refuse(class_folders, "Rank 24 is out of range: 24 images .* from 1 to 23", rank=24)
    for name in ("cat", "dog"):
        (tmp_path / "no images" / name).mkdir(parents=True)
    refuse(tmp_path / "no images", "holds no images")
    write_images(tmp_path / "one", classes=("cat",))
    refuse(tmp_path / "one", r"images of only one class \(cat, split train\)")
    write_images(tmp_path / "single", classes=tuple("abcd"), count=1)
    refuse(tmp_path / "single", r"one image of each of its 4 classes \(split train\): no association can be measured")
    for path in class_folders.rglob("*.png"):
        path.write_bytes(b"damaged")
    refuse(class_folders, "None of the images .* can be read")


def test_too_many_bad_headers_are_refused_before_anything_is_computed(class_folders):
    (class_folders / "cat" / "000.png").write_bytes(b"<html>not found</html>")
    with pytest.raises(EigenwaveError, match=r"1 of 24 images .* \(1 unknown format; cat/000.png: not one of"):
        plan_run(str(class_folders), Settings())
    assert plan_run(str(class_folders), Settings(max_bad_fraction=0.05)).plan.images == 24


def test_mixed_sizes_need_a_size(class_folders):
    write_images(class_folders / "cat" / "large", shape=(9, 10, 3), count=1)
    refuse(class_folders, r"different sizes: 8 x 8 \(24\), 10 x 9 \(2\) among 26 sampled images; set --size")
    plan = plan_run(str(class_folders), Settings(size=8)).plan
    assert (plan.height, plan.width, plan.channels) == (8, 8, 3)
