"""Imports follow the charters of the rooms: from the top down, and nothing that a room's charter forbids."""

import ast
from fnmatch import fnmatch

import pytest

from tests.structure import ROOT, arrows, between_rooms, circles, counted, files, floors, imports, modules, room

# Bottom up: a room imports only rooms that stand before it.
ORDER = (
    "storage.printable",
    "storage.errors",
    "storage.credentials",
    "storage.setting_groups",
    "storage.settings",
    "storage.stores",
    "storage.pixels",
    "storage.tables",
    "storage.arrays",
    "storage.datasets",
    "storage.formats",
    "storage.runs",
    "tasks.dtypes",
    "tasks.children",
    "tasks.wavelet",
    "tasks.svd",
    "tasks.statistics",
    "tasks.planning",
    "tasks.run",
    "tasks.decompose",
    "tasks.transform",
    "tasks.inspect",
    "tasks.associate",
    "tasks.quality",
    "tasks.issues",
    "tasks.compare",
    "tasks.columns",
    "tasks.explain",
    "tasks.report",
    "tasks.explore",
    "flows.documents",
    "flows.hooks",
    "flows.workers",
    "flows.tracking",
    "flows.stages",
    "flows.repair",
    "flows.analysis",
    "flows.audit",
    "flows.associate",
    "flows.monitor",
    "flows.explorer",
    "flows.cli",
    "eigenwave",
)
BYTES = ("storage", "zarr", "pyarrow", "obstore", "PIL", "h5py", "simplejpeg")
STAGES = ("tasks.transform", "tasks.decompose", "tasks.inspect", "tasks.associate")
# What a room may not import although it stands below.
FORBIDDEN = {
    "tasks.dtypes": BYTES,
    "tasks.wavelet": BYTES,
    "tasks.svd": BYTES,
    "tasks.statistics": BYTES,
    "tasks.planning": STAGES,
    "tasks.run": STAGES,
    "tasks.transform": ("tasks.inspect", "tasks.associate"),
    "tasks.inspect": ("tasks.transform", "tasks.decompose"),
    "tasks.associate": ("tasks.transform", "tasks.decompose", "tasks.inspect"),
    "tasks.quality": STAGES,
    "tasks.issues": STAGES,
    "tasks.compare": ("tasks.report", *STAGES),
    "tasks.columns": ("tasks.report", *STAGES),
    "tasks.report": STAGES,
    "tasks.explain": ("tasks.report", *STAGES),
    "tasks.explore": STAGES,
}
# Libraries that only some rooms may import.
ONLY = {
    "prefect": ("flows.*",),
    "dask": ("flows.workers",),
    "distributed": ("flows.workers",),
    "cyclopts": ("flows.cli", "flows.tracking"),
    "bokeh": ("tasks.report",),
    "jinja2": ("tasks.report",),
    "PIL": ("tasks.report", "storage.pixels"),
    "PIL.ImageDraw": ("tasks.report",),
    "PIL.ImageFont": ("tasks.report",),
    "obstore": ("storage.*",),
}


def is_of(name, package):
    return name == package or name.startswith(f"{package}.")


def breaches(root, order=ORDER, forbidden=FORBIDDEN, only=ONLY):
    """Sentences on every import in a folder that a charter does not allow."""
    place, graph = {name: number for number, name in enumerate(order)}, arrows(root)
    for name, path in modules(root).items():
        own = room(name)
        names = imports(path) - {name}
        for other in sorted(graph[name]):
            if own in place and place.get(room(other), -1) > place[own]:
                yield f"{name} imports {other}, which stands above it"
        for banned in forbidden.get(own, ()):
            yield from (f"{name} imports {other}" for other in sorted(names) if is_of(other, banned))
        for library, rooms in only.items():
            if not any(fnmatch(own, pattern) for pattern in rooms):
                yield from (f"{name} imports {other}" for other in sorted(names) if is_of(other, library))


def test_imports_keep_to_the_charters():
    assert list(breaches(ROOT)) == []


def test_every_room_has_a_place_and_every_place_a_room():
    rooms = {room(name) for name in modules(ROOT)}
    assert rooms <= set(ORDER), f"say in ORDER where it stands: {rooms - set(ORDER)}"
    assert set(ORDER) - {"eigenwave"} <= rooms
    assert FORBIDDEN.keys() <= set(ORDER)


def test_there_are_no_circles():
    graph = arrows(ROOT)
    assert circles(graph) == circles(between_rooms(graph)) == set()


def test_every_room_says_what_it_is_and_hands_nothing_on():
    folders = {path.parent for path in files(ROOT)}
    assert len(folders) > 20
    for folder in folders:
        tree = ast.parse((folder / "__init__.py").read_text())
        assert len(ast.get_docstring(tree)) > 20
        if folder.name != "eigenwave":  # the public face hands on what others make
            assert len(tree.body) == 1, folder


def write(root, tree):
    """A made-up tree of files."""
    for name, text in tree.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


DEEP = "tasks/wavelet/deep/deeper/down"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("tasks/wavelet/down", "import zarr", "tasks.wavelet.down imports zarr"),
        (DEEP, "from storage.errors import InputError", "imports storage.errors"),
        (DEEP, "from storage import errors", "imports storage.errors"),
        (DEEP, "def late():\n    import pyarrow.parquet", "imports pyarrow.parquet"),
        (DEEP, "if TYPE_CHECKING:\n    from PIL import Image", "imports PIL.Image"),
        (DEEP, "import importlib\nimportlib.import_module('obstore')", "imports obstore"),
        (DEEP, "import tasks.run.job", "tasks.run.job, which stands above it"),
        ("tasks/associate/x/y", "from tasks.decompose import passes", "imports tasks.decompose"),
        ("storage/stores/x", "from tasks.run import job", "tasks.run.job, which stands above it"),
        ("storage/errors", "import tasks.run", "tasks.run, which stands above it"),
        ("tasks/run/job", "from tasks.transform import shard", "imports tasks.transform"),
        ("tasks/report/x", "from distributed import Client", "imports distributed"),
        ("flows/cli/x", "import dask", "imports dask"),
        ("flows/analysis", "from dask.utils import parse_bytes", "imports dask.utils"),
        ("storage/runs/x/y", "from prefect import flow", "imports prefect"),
        ("storage/pixels/x", "from PIL import ImageDraw", "imports PIL.ImageDraw"),
        ("flows/workers/x", "import eigenwave", "eigenwave, which stands above it"),
    ],
)
def test_a_forbidden_import_is_seen(tmp_path, name, text, found):
    around = {
        "storage/errors": "",
        "tasks/run/job": "",
        "tasks/run/__init__": "'What it is.'\nA = 1",
        "eigenwave/__init__": "'What it is.'\nA = 1",
    }
    around |= {"tasks/decompose/passes": "", "tasks/transform/shard": "", "storage/pixels/images": ""}
    root = write(tmp_path, around)
    assert list(breaches(root)) == []
    write(root, {name: text})
    assert any(found in sentence for sentence in breaches(root))


def test_relative_imports_are_refused(tmp_path):
    with pytest.raises(ValueError, match="relative import"):
        arrows(write(tmp_path, {"tasks/run/a": "from . import b"}))


def test_circles_are_seen(tmp_path):
    root = write(tmp_path, {"tasks/a/x": "import tasks.b.x", "tasks/b/x": "", "tasks/b/y": "import tasks.a.x"})
    files = arrows(root)
    # Between rooms, but not between files.
    assert circles(files) == set()
    assert circles(between_rooms(files)) == {frozenset({"tasks.a", "tasks.b"})}
    assert (floors(files), floors(between_rooms(files))) == (3, None)
    write(root, {"tasks/b/x": "def late():\n    from tasks.b import z", "tasks/b/z": "import tasks.b.y"})
    (circle,) = circles(arrows(root))
    assert circle == {"tasks.a.x", "tasks.b.x", "tasks.b.y", "tasks.b.z"}


def test_the_structure_is_counted(tmp_path):
    write(
        tmp_path,
        {"tasks/__init__": "", "tasks/a/x": "import tasks.b.x", "tasks/b/x": "", "flows/c": "import tasks.a.x"},
    )
    assert list(counted(tmp_path)) == [
        "files: 3 on 3 floors, 2 arrows, 0 circles",
        "rooms: 3 on 3 floors, 2 arrows, 0 circles",
    ]
