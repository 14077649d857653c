"""Eigenwave in Python: analyze an image-classification dataset, and read what was found.

Everything here is imported when it is first used, so that `import eigenwave` costs nothing. docs/python-api.md has an
example of each name. Nothing else of the installation is meant to be imported by others.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eigenwave.api import check, compare, plan, run
    from storage.runs.run import Run, open_run

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "check", "compare", "open_run", "plan", "run"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_module("eigenwave.installed")
    value: object = getattr(import_module("storage.runs.run" if name in {"Run", "open_run"} else "eigenwave.api"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
