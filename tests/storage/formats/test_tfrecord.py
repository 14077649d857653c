import struct

import pytest

from storage.errors import InputError
from storage.formats.open import find_source, open_source
from storage.setting_groups import Reading
from tests.datasets import png, rows_of
from tests.tfrecords import example, field, masked, record


def imagenet(number, **more):
    names = {"image_class_label": [number % 2 + 1], "image_class_synset": [(b"n01", b"n02")[number % 2]]}
    return example(packed=number % 3 > 0, image_encoded=[png(number)], **names, **more)


def write(path, examples):
    path.write_bytes(b"".join(map(record, examples)))
    return str(path.parent)


def test_examples_are_read_with_splits_labels_and_further_features(tmp_path):
    write(tmp_path / "train-00001-of-00002", [imagenet(2, score=[0.5, 1.5]), imagenet(3)])
    write(tmp_path / "train-00000-of-00002", [imagenet(0, width=[-7], odd=[b"\xff"]), imagenet(1, width=[2**40])])
    found = find_source(write(tmp_path / "validation-00000-of-00001", [imagenet(4, width=[1, 2])]))
    assert found.format == "tfrecord"
    source = found.source
    assert rows_of(source) == [
        ("train-00000-of-00002/0000000", "n01", "train"),
        ("train-00000-of-00002/0000001", "n02", "train"),
        ("train-00001-of-00002/0000000", "n01", "train"),
        ("train-00001-of-00002/0000001", "n02", "train"),
        ("validation-00000-of-00001/0000000", "n01", "val"),
    ]
    assert list(source.read(source.samples())) == [png(number) for number in range(5)]
    (piece,) = source.columns.pieces(source.samples())
    none = dict.fromkeys(("width", "odd", "score"))
    assert piece.select(["image/class/label", "width", "odd", "score"]).to_pylist() == [
        none | {"image/class/label": 1, "width": "-7"},
        none | {"image/class/label": 2, "width": str(2**40)},
        none | {"image/class/label": 1, "score": "[0.5, 1.5]"},
        none | {"image/class/label": 2},
        none | {"image/class/label": 1, "width": "[1, 2]"},
    ]


def test_the_label_may_be_chosen_and_is_a_number_where_it_is_one(tmp_path):
    address = write(tmp_path / "a.tfrecord", [example(image=[png(n)], label=[n], other=[b"x"]) for n in range(3)])
    assert [label for _, label, _ in rows_of(open_source(address))] == ["0", "1", "2"]
    chosen = find_source(address, reading=Reading(label_column="other")).source
    assert [label for _, label, _ in rows_of(chosen)] == ["x"] * 3
    with pytest.raises(InputError, match=r"Record 0 of .*a.tfrecord has no column odd; it has image, label, other"):
        find_source(address, reading=Reading(label_column="odd")).source.samples()


def test_files_of_other_kinds_with_such_names_are_left_alone(tmp_path):
    (tmp_path / "model.ckpt.data-00000-of-00001").write_bytes(bytes(100))
    address = write(tmp_path / "train.tfrecords", [imagenet(0), imagenet(1)])
    assert len(open_source(address).samples()) == 2


GOOD = record(imagenet(0))
DAMAGES = {
    "cut short behind its record 0": GOOD + GOOD[:7],
    "is cut short in its record 1": GOOD + GOOD[:-2],
    "is no TFRecord file, or damaged at byte 0": b"x" + GOOD[1:],
    "Record 0 of .* does not match its checksum": GOOD[:40] + bytes([GOOD[40] ^ 1]) + GOOD[41:],
    "Record 0 of .* is no Example": record(b"\xff" * 30),
    r"Record 0 of .* has no image: its features are width": record(example(width=[1])),
    r"has the label \[1, 2\], not one number or text": record(example(image=[png(0)], label=[1, 2])),
}


@pytest.mark.parametrize("says", DAMAGES)
def test_damaged_and_other_files_are_refused_by_name(tmp_path, says):
    (tmp_path / "a.tfrecord").write_bytes(DAMAGES[says])
    with pytest.raises(InputError, match=says):
        open_source(str(tmp_path)).samples()


def test_a_length_that_no_record_has_is_refused_before_it_is_read(tmp_path):
    length = struct.pack("<Q", 2**62)
    (tmp_path / "a.tfrecord").write_bytes(length + masked(length) + b"x")
    with pytest.raises(InputError, match=r"takes 4,611,686,018,427,387,904 bytes, more than 68,157,440, the most that"):
        open_source(str(tmp_path)).samples()


def test_any_bytes_in_a_record_are_an_example_or_refused(tmp_path):
    good = imagenet(1, width=[3], score=[1.0])
    for place in range(len(good)):
        for byte in (0, 0x7F, 0x80, 0xFF):
            (tmp_path / "a.tfrecord").write_bytes(record(good[:place] + bytes([byte]) + good[place + 1 :]))
            source = open_source(str(tmp_path))
            try:
                list(source.read(source.samples()))
            except InputError:
                continue
    (tmp_path / "a.tfrecord").write_bytes(record(field(1, field(1, field(2, b"")))))
    with pytest.raises(InputError, match="is no Example"):
        open_source(str(tmp_path)).samples()
