"""Dependencies point one way: flows -> tasks -> storage, and pure numerics know nothing of bytes or orchestration."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(path for package in ("flows", "tasks", "storage") for path in (ROOT / package).glob("*.py"))
ORCHESTRATION = {"prefect", "dask", "distributed", "flows"}
BYTES = {"zarr", "pyarrow", "obstore", "PIL", "storage"}


def imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            found.add(node.module)
    return found


def pure(path):
    """One-word modules of tasks are pure; verb_noun modules read and write."""
    return path.parent.name == "tasks" and "_" not in path.stem


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_imports_point_one_way(path):
    names = imports(path)
    packages = {name.split(".")[0] for name in names}
    if path.parent.name != "flows":
        assert not packages & ORCHESTRATION
    if path.parent.name == "storage":
        assert "tasks" not in packages
    if pure(path):
        assert not packages & BYTES
        own = {name for name in names if name.startswith("tasks.")}
        assert all(pure(ROOT / "tasks" / f"{name.split('.')[1]}.py") for name in own)


def test_there_are_pure_modules():
    assert {path.stem for path in MODULES if pure(path)} >= {"wavelet", "krylov", "association", "plan", "relabelling"}
