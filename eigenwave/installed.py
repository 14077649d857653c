"""Importing this module makes sure that `flows`, `tasks` and `storage` are the packages installed with it.

These are common names: a script, a notebook or a worker often starts in a folder that has a `tasks.py` or a `storage/`
of its own, which Python would find first. So the three are loaded from beside this package, once, before anything asks
for them. Each process of a run imports this module first; a Dask worker does with `--preload eigenwave.installed`.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent.parent
PACKAGES = ("flows", "storage", "tasks")


def _claim(name: str) -> None:
    """Load a package from beside this one, unless that was done."""
    specification = PathFinder.find_spec(name, [str(HERE)])
    if specification is None or specification.loader is None:
        raise ImportError(f"The installation in {HERE} has no package {name}; install eigenwave again.")
    module = module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)


def _require_free(name: str) -> None:
    """Refuse to go on if another package has the name.

    Raises
    ------
    ImportError
        If so.
    """
    module = sys.modules.get(name)
    if module is not None and not any(map((HERE / name).samefile, filter(Path.exists, _folders(module)))):
        place = getattr(module, "__file__", None) or "an unknown place"
        raise ImportError(
            f"eigenwave has a package named {name!r}, but this process has imported another one of that name from "
            f"{place}; rename that one, or use the eigenwave command instead."
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
