import os
import socket

import pytest

from storage.datasets.access import require_host
from storage.datasets.files import LocalFiles
from storage.errors import BadImageError, InputError
from storage.formats.open import open_source
from storage.setting_groups import Access
from tests.datasets import write_images


def bad(source):
    """Key and reason of each image that cannot be read."""
    samples = source.samples()
    read = zip(samples["key"].to_pylist(), source.read(samples), strict=True)
    return {key: payload.reason for key, payload in read if isinstance(payload, BadImageError)}


@pytest.fixture
def folder(tmp_path):
    write_images(tmp_path / "data", count=3)
    return tmp_path / "data"


@pytest.mark.timeout(30)
def test_what_is_no_file_is_set_aside_without_waiting_for_it(folder):
    os.mkfifo(folder / "cat" / "pipe.png")
    (folder / "cat" / "device.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "dog" / "socket.png"))
        found = bad(open_source(str(folder)))
    assert found == dict.fromkeys(("cat/device.png", "cat/pipe.png", "dog/socket.png"), "unreadable")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["list.csv", "a.tar", "images.npy", "x.h5", "train-images-idx3-ubyte", "train.bin"])
def test_a_dataset_that_is_a_pipe_is_refused_without_waiting_for_it(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises((InputError, OSError)):
        open_source(str(tmp_path / name)).samples()


def test_an_image_is_as_large_as_is_allowed_or_is_not_read(folder):
    with (folder / "cat" / "large.png").open("wb") as file:
        file.truncate(2**40)
    assert bad(open_source(str(folder))) == {"cat/large.png": "too large"}
    assert len(bad(open_source(str(folder), Access(max_image_bytes=1)))) == 7


def test_a_member_of_a_tar_file_may_be_no_larger(tmp_path, folder):
    with (folder / "cat" / "large.png").open("wb") as file:
        file.truncate(2**20)
    os.system(f"tar -C {folder} -cf {tmp_path}/a.tar cat dog")  # noqa: S605
    found = bad(open_source(str(tmp_path / "a.tar"), Access(max_image_bytes=2**19)))
    assert found == {"a.tar/cat/large.png": "too large"}


@pytest.mark.parametrize("path", ["../secret.png", "cat/../../secret.png", "/etc/passwd"])
def test_no_path_of_a_list_leaves_its_folder(tmp_path, folder, path):
    (tmp_path / "secret.png").write_bytes((folder / "cat" / "000.png").read_bytes())
    (folder / "list.csv").write_text(f"path,label\n{path},a\ncat/000.png,a\ndog/000.png,b\n")
    assert bad(open_source(str(folder / "list.csv"))) == {path: "unreadable"}
    with pytest.raises(PermissionError, match="outside the dataset; pass --root"):
        LocalFiles(folder).read(path)


def test_a_root_widens_what_paths_may_lead_to(tmp_path, folder):
    other = tmp_path / "other.png"
    other.write_bytes((folder / "cat" / "000.png").read_bytes())
    (folder / "list.csv").write_text(f"path,label\n../other.png,a\n{other},b\n{folder}/cat/000.png,b\n/etc/passwd,a\n")
    assert bad(open_source(str(folder / "list.csv"), Access(root=tmp_path))) == {"/etc/passwd": "unreadable"}
    assert set(bad(open_source(str(folder / "list.csv")))) == {"/etc/passwd", "../other.png", str(other)}


def test_links_that_the_owner_placed_are_followed(tmp_path, folder):
    (tmp_path / "linked").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "linked" / name).symlink_to(folder / name)
    (tmp_path / "linked" / "cat" / "copy.png").symlink_to(folder / "dog" / "000.png")
    (tmp_path / "linked" / "dog" / "circle.png").symlink_to("circle.png")
    source = open_source(str(tmp_path / "linked"))
    assert len(source.samples()) == 8
    (found,) = source.findings.notes
    assert (found.kind, found.count) == ("followed links", 4)
    assert found.text.startswith("Followed 4 links to files and folders (such as ")
    assert bad(source) == {"dog/circle.png": "unreadable"}


def test_hosts_are_allowed_by_name():
    for host in ("127.0.0.1", "10.1.2.3", "169.254.169.254", "[::1]", "localhost"):
        name = host.strip("[]")
        for allowed in ((), ("*",), ("example.org",)):
            with pytest.raises(PermissionError, match=f"pass --allow-host {name}"):
                require_host(f"http://{host}:8000/a.png", Access(allow_host=allowed))
        require_host(f"http://{host}:8000/a.png", Access(allow_host=(name,)))
    with pytest.raises(PermissionError, match=r"names the host 93\.184"):
        require_host("https://93.184.215.14/a.png", Access())
    require_host("https://93.184.215.14/a.png", Access(allow_host=("*",)))
