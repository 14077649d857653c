import io
import shutil
import subprocess
import tarfile

import pytest
from PIL import Image

from storage.errors import InputError
from storage.formats.open import open_source
from tests.formats import add


def write(path, names):
    """A tar file of the same image under several names."""
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, "PNG")
    with tarfile.open(path, "w") as tar:
        for name in names:
            add(tar, name, content.getvalue())
    return open_source(str(path))


def test_one_archive_may_hold_several_splits(tmp_path):
    source = write(tmp_path / "set.tar", ["set/train/a/1.png", "set/train/b/1.png", "set/Validation/a/1.png"])
    samples = source.samples()
    assert source.classes == ("a", "b")
    assert samples["key"].to_pylist()[-1] == "set.tar/set/Validation/a/1.png"
    assert samples["split"].to_pylist() == ["train", "train", "val"]


def test_hidden_and_loose_members_are_counted_and_not_read(tmp_path):
    source = write(
        tmp_path / "set.tar", ["./a/1.png", "./b/2.png", "./a/._1.png", ".cache/x.png", "__MACOSX/a/1.png", "3.png"]
    )
    assert source.samples()["key"].to_pylist() == ["set.tar/./a/1.png", "set.tar/./b/2.png"]
    assert {found.kind: found.count for found in source.findings.ignored} == {"hidden files": 3, "loose images": 1}


@pytest.mark.parametrize("kind", ["gnu", "posix"])
def test_sparse_members_are_refused_by_name(tmp_path, kind):
    with (tmp_path / "hole.bmp").open("wb") as file:
        file.seek(2**20)
        file.write(b"1")
    subprocess.run(
        [shutil.which("tar"), "-C", tmp_path, "-Scf", tmp_path / "s.tar", f"--format={kind}", "hole.bmp"], check=True
    )
    with pytest.raises(InputError, match=r"holds .*hole.bmp as a sparse file"):
        open_source(str(tmp_path / "s.tar")).samples()
