"""Check that all processes of a run have the same code and see the same files, and limit their threads."""

import hashlib
import importlib.util
from collections.abc import Callable
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

from tasks.run.job import Job

P = ParamSpec("P")
T = TypeVar("T")

PACKAGES = ("eigenwave", "flows", "storage", "tasks")


@lru_cache(maxsize=1)
def installed_code() -> str:
    """Return a short digest of the eigenwave code that this process imports."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        specification = importlib.util.find_spec(package)
        if specification is None or specification.origin is None:
            raise ModuleNotFoundError(f"No module named {package!r}")
        folder = Path(specification.origin).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def complaint(job: Job, code: str) -> str | None:
    """Return why this process cannot work on the run, or None.

    It cannot if its code differs from the digest `code`, or if it does not see the workspace.
    """
    if installed_code() != code:
        return f"runs other code ({installed_code()}) than this process ({code}); install the same eigenwave everywhere"
    if not job.paths.plan.exists():
        return f"does not see {job.paths.plan}; use a workspace, and a dataset, that all machines share"
    return None


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def single_threaded(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function with BLAS limited to one thread."""

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited
