"""Importing this module makes sure that `flows`, `tasks` and `storage` are the packages installed with it.

These names are common: a script, a notebook or a worker often starts in a folder with its own `tasks.py` or `storage/`,
which Python would find first. So this module loads the three from the folder of this package, once, before any other
import of them. Each process of a run imports it first; a Dask worker does so by `--preload eigenwave.installed`.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent.parent
PACKAGES = ("flows", "storage", "tasks")


def _claim(name: str) -> None:
    """Load a package from the folder that holds this one."""
    specification = PathFinder.find_spec(name, [str(HERE)])
    if specification is None or specification.loader is None:
        raise ImportError(f"The installation in {HERE} has no package {name}; install eigenwave again.")
    module = module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)


def _require_free(name: str) -> None:
    """Refuse to continue if another package with the name is imported.

    Raises
    ------
    ImportError
        If such a package is imported.
    """
    module = sys.modules.get(name)
    if module is not None and not any(map((HERE / name).samefile, filter(Path.exists, _folders(module)))):
        place = getattr(module, "__file__", None) or "an unknown place"
        raise ImportError(
            f"eigenwave has a package named {name!r}, but this process has imported another package of that name from "
            f"{place}; rename that package, or use the eigenwave command instead."
        )


def _folders(module: ModuleType) -> list[Path]:
    return [Path(folder) for folder in getattr(module, "__path__", ())]


# Windows has no file locks of this kind, and nobody has tried the rest there.
if find_spec("fcntl") is None:
    raise ImportError("eigenwave runs on Linux and macOS; on Windows use it in WSL, the Windows Subsystem for Linux.")
for each in PACKAGES:
    _require_free(each)
for each in PACKAGES:
    if each not in sys.modules:
        _claim(each)
