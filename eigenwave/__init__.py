"""Eigenwave in Python: analyze an image-classification dataset, and read the results.

Each name is imported on first use, so `import eigenwave` itself takes almost no time. docs/python-api.md has an example
of each name. The installation's other packages are not a public interface.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eigenwave.api import associate, check, compare, explain, history, issues, plan, run
    from storage.errors import EigenwaveError, InputError
    from storage.runs.run import Run, open_run

__version__ = "0.1.0"
__all__ = [
    "EigenwaveError",
    "InputError",
    "Run",
    "__version__",
    "associate",
    "check",
    "compare",
    "explain",
    "history",
    "issues",
    "open_run",
    "plan",
    "run",
]

_HOMES = {
    "EigenwaveError": "storage.errors",
    "InputError": "storage.errors",
    "Run": "storage.runs.run",
    "open_run": "storage.runs.run",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_module("eigenwave.installed")
    value: object = getattr(import_module(_HOMES.get(name, "eigenwave.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
