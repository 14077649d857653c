"""All paths of a workspace, except those of an unfinished run's state, which work.py has."""

import hashlib
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storage.errors import InputError
from storage.runs.work import WorkPaths
from storage.stores.open import SCHEMES, open_path
from storage.stores.store import Lease, StorePath

DEFAULT_WORKSPACE = "eigenwave-workspace"
SAFE, UNSAFE, SHOWN = re.compile(r"[a-z0-9_]{1,60}"), re.compile(r"[^A-Za-z0-9_]+"), 40  # names of columns in paths
RUN_ID_PATTERN = re.compile(r"[a-zA-Z][a-zA-Z0-9._-]{0,99}")


@dataclass(frozen=True)
class RunPaths:
    """The files of one run."""

    folder: StorePath

    @property
    def run_id(self) -> str:
        """The run's id, which is its folder's name."""
        return self.folder.name

    @property
    def settings(self) -> StorePath:
        """Settings that the run's numbers depend on."""
        return self.folder / "settings.json"

    @property
    def plan(self) -> StorePath:
        """The run's plan."""
        return self.folder / "plan.json"

    @property
    def coefficients(self) -> StorePath:
        """Zarr array (images, coefficients)."""
        return self.folder / "coefficients.zarr"

    @property
    def mean(self) -> StorePath:
        """Zarr array (coefficients,)."""
        return self.folder / "mean.zarr"

    @property
    def patterns(self) -> StorePath:
        """Zarr array (patterns, coefficients)."""
        return self.folder / "patterns.zarr"

    @property
    def scores(self) -> StorePath:
        """Zarr array (images, patterns)."""
        return self.folder / "scores.zarr"

    @property
    def judging_mean(self) -> StorePath:
        """Zarr array (coefficients,) of those that labels are judged by."""
        return self.folder / "judging_mean.zarr"

    @property
    def judging_patterns(self) -> StorePath:
        """Zarr array (patterns, coefficients) of those that labels are judged by."""
        return self.folder / "judging_patterns.zarr"

    @property
    def judging_scores(self) -> StorePath:
        """Zarr array (images, patterns) of those that labels are judged by."""
        return self.folder / "judging_scores.zarr"

    @property
    def pattern_images(self) -> StorePath:
        """Zarr array (patterns, height, width, channels)."""
        return self.folder / "pattern_images.zarr"

    @property
    def mean_image(self) -> StorePath:
        """Zarr array (height, width, channels)."""
        return self.folder / "mean_image.zarr"

    @property
    def generalized_loadings(self) -> StorePath:
        """Zarr array (generalized patterns, patterns)."""
        return self.folder / "generalized_loadings.zarr"

    @property
    def class_loadings(self) -> StorePath:
        """Zarr array (classes, patterns of each, patterns)."""
        return self.folder / "class_loadings.zarr"

    @property
    def report(self) -> StorePath:
        """The report: one self-contained HTML file."""
        return self.folder / "report.html"

    @property
    def issues(self) -> StorePath:
        """The table of issues as a spreadsheet."""
        return self.folder / "issues.csv"

    def figure(self, name: str) -> StorePath:
        """A figure of the report as a file of its own, by its file name."""
        return self.folder / "figures" / name

    def of_report(self, path: StorePath) -> bool:
        """Whether a file is the report or one of its figures, which can be made again from the other files."""
        return path == self.report or path.is_below(self.folder / "figures")

    def of_drift(self, path: StorePath) -> bool:
        """Whether a file is a table of the comparison with the run before, which can be made again from the two."""
        return path.is_below(self.tables) and path.name.startswith("compared_")

    @property
    def manifest(self) -> StorePath:
        """The manifest, written last: a run without it is not finished."""
        return self.folder / "manifest.json"

    @property
    def manifest_copy(self) -> StorePath:
        """A copy of the manifest, to restore it from."""
        return self.folder / "manifest.copy.json"

    @property
    def finished(self) -> bool:
        """Whether the run was sealed, even if its manifest was lost later."""
        return self.manifest.exists() or (self.manifest_copy.exists() and not self.work.folder.is_dir())

    @property
    def work(self) -> WorkPaths:
        """Paths of the run's intermediate state, which exists while the run is unfinished."""
        return WorkPaths(self.folder / "work")

    @property
    def tables(self) -> StorePath:
        """Folder of the result tables."""
        return self.folder / "tables"

    def table(self, name: str) -> StorePath:
        """A result table."""
        return self.tables / f"{name}.parquet"


@dataclass(frozen=True)
class Workspace:
    """A folder with runs and the shards that they share.

    Parameters
    ----------
    address
        A local folder, or a URL: s3://, gs:// or az://.
    """

    address: str | Path

    @property
    def folder(self) -> StorePath:
        """The folder itself."""
        return open_path(self.address)

    def chunk(self, key: str) -> StorePath:
        """Path of the chunk with the encoded coefficients of a shard."""
        return self.folder / "shards" / key[:2] / key

    def marker(self, key: str) -> StorePath:
        """Path of the marker that a shard's chunk is complete."""
        return self.folder / "shards" / key[:2] / f"{key}.json"

    def seen(self, run_id: str) -> StorePath:
        """Stamps of the dataset's files when a run read them.

        With them the next run need not read unchanged files. They may be removed at any time.
        """
        return self.folder / "seen" / f"{run_id}.batches"

    @property
    def latest(self) -> StorePath:
        """File with the id of the newest finished run. While a run is sealed, its id is on a line before that."""
        return self.folder / "runs" / "latest"

    def latest_id(self) -> str | None:
        """Return the id of the newest finished run: the first finished one that `latest` names, or else the first."""
        try:
            named = self.latest.read_bytes().decode(errors="replace").split()
        except FileNotFoundError:
            return None
        return next((run_id for run_id in named if self.run(run_id).finished), next(iter(named), None))

    @property
    def latest_exists(self) -> bool:
        """Whether `latest` names a finished run."""
        try:
            self.find("latest")
        except InputError:
            return False
        return True

    def comparison(self, first: str, second: str) -> StorePath:
        """Folder of the tables that compare two runs."""
        return self.folder / "comparisons" / f"{first}--{second}"

    @property
    def associations(self) -> StorePath:
        """Folder of what was asked of finished runs about columns: a folder for each run, in it one for each column."""
        return self.folder / "associations"

    def association(self, run_id: str, column: str) -> StorePath:
        """Folder of the tables that associate a run's patterns with a column; its name is safe in any file system."""
        if SAFE.fullmatch(column):
            return self.associations / run_id / column
        shown = UNSAFE.sub("-", column)[:SHOWN].strip(".-")
        digest = hashlib.sha256(column.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        return self.associations / run_id / f"{shown}-{digest}"

    def run(self, run_id: str, folder: str = "runs") -> RunPaths:
        """Paths of the run with this id. It need not exist."""
        return RunPaths(self.folder / folder / run_id)

    def runs(self) -> list[RunPaths]:
        """List all runs, finished or not, by id: oldest first unless ids were chosen by hand."""
        return [self.run(name) for name in self.folder.store.folders("runs")]

    def find(self, name: str) -> RunPaths:
        """Return the finished run called `name`: an id, a path or URL, or `latest`.

        Raises
        ------
        InputError
            If the run does not exist or was never finished.
        """
        if name == "latest":
            newest = self.latest_id()
            if newest is None:
                raise InputError(f"The workspace {self.folder} has no finished run; eigenwave run SOURCE makes one.")
            name = newest
        # A folder in the working directory may be called like a run.
        elsewhere = name.startswith(SCHEMES) or (not self.run(name).folder.is_dir() and Path(name).is_dir())
        paths = RunPaths(open_path(name)) if elsewhere else self.run(name)
        if not paths.folder.is_dir():
            raise InputError(f"The workspace {self.folder} has no run {name}; eigenwave list shows its runs.")
        if not paths.finished:
            raise InputError(f"Run {paths.run_id} was never finished; the same eigenwave run command continues it.")
        return paths

    def home(self, name: str) -> "Workspace":
        """Return the workspace of the run called `name`: this one unless `name` is a path or URL of a run elsewhere."""
        if "/runs/" in name and (name.startswith(SCHEMES) or Path(name).is_dir()):
            return Workspace(name.rpartition("/runs/")[0])
        return self

    def prepare(self) -> None:
        """Check that the workspace can be written.

        Raises
        ------
        InputError
            If it cannot; the message has the reason.
        """
        self.folder.store.require_usable()

    def lock(self) -> AbstractContextManager[Lease]:
        """Lock the workspace for one writer. A killed writer's lock is released without cleanup.

        Raises
        ------
        InputError
            If another process holds the lock.
        """
        return self.folder.store.lock("lock")


def new_run_id() -> str:
    """Make a run id such as r-20261122T031500-7f3a. Ids sort by time, to 1/65,536 of a second."""
    now = datetime.now(UTC)
    return f"r-{now:%Y%m%dT%H%M%S}-{now.microsecond * 2**16 // 10**6:04x}"


def checked_run_id(run_id: str) -> str:
    """Return `run_id` unchanged.

    Raises
    ------
    InputError
        If it cannot name a run's folder.
    """
    if not RUN_ID_PATTERN.fullmatch(run_id) or run_id == "latest":
        raise InputError(
            f"The run id {run_id!r} is not allowed: begin with a letter, use letters, digits, dots, dashes and "
            "underscores, and avoid the word latest."
        )
    return run_id
