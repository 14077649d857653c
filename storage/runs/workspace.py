"""All paths of a workspace, except those of an unfinished run's state, which work.py has."""

import hashlib
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from storage.errors import InputError
from storage.runs.work import WorkPaths
from storage.stores.open import SCHEMES, open_path
from storage.stores.store import Lease, StorePath

DEFAULT_WORKSPACE = "eigenwave-workspace"
SAFE, UNSAFE, SHOWN = re.compile(r"[a-z0-9_]{1,60}"), re.compile(r"[^A-Za-z0-9_]+"), 40  # names of columns in paths
GROUPED = 2  # format version since which a run's arrays are a group
RUN_ID_PATTERN = re.compile(r"[a-zA-Z][a-zA-Z0-9._-]{0,99}")


@dataclass(frozen=True)
class RunPaths:
    """The files of one run.

    Parameters
    ----------
    folder
        The run's folder.
    format_version
        Version of its structure; by default found by looking into the folder.
    """

    folder: StorePath
    format_version: int | None = field(default=None, compare=False)

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
    def arrays(self) -> StorePath:
        """Zarr group of all arrays and their coordinates."""
        return self.folder / "run.zarr"

    @cached_property
    def grouped(self) -> bool:
        """Whether the arrays are in a group. In format 1 each lies in the run's folder, and none has coordinates."""
        if self.format_version is not None:
            return self.format_version >= GROUPED
        single = {name for name in self.folder.store.folders(self.folder.key) if name.endswith(".zarr")}
        return not single - {self.arrays.name}

    def _array(self, name: str) -> StorePath:
        return self.arrays / name if self.grouped else self.folder / f"{name}.zarr"

    @property
    def coefficients(self) -> StorePath:
        """Zarr array (images, coefficients)."""
        return self._array("coefficients")

    @property
    def mean(self) -> StorePath:
        """Zarr array (coefficients,)."""
        return self._array("mean")

    @property
    def patterns(self) -> StorePath:
        """Zarr array (patterns, coefficients)."""
        return self._array("patterns")

    @property
    def scores(self) -> StorePath:
        """Zarr array (images, patterns)."""
        return self._array("scores")

    @property
    def judging_mean(self) -> StorePath:
        """Zarr array (coefficients,) of those that labels are judged by."""
        return self._array("judging_mean")

    @property
    def judging_patterns(self) -> StorePath:
        """Zarr array (patterns, coefficients) of those that labels are judged by."""
        return self._array("judging_patterns")

    @property
    def judging_scores(self) -> StorePath:
        """Zarr array (images, patterns) of those that labels are judged by."""
        return self._array("judging_scores")

    @property
    def pattern_images(self) -> StorePath:
        """Zarr array (patterns, height, width, colors)."""
        return self._array("pattern_images")

    @property
    def mean_image(self) -> StorePath:
        """Zarr array (height, width, colors)."""
        return self._array("mean_image")

    @property
    def generalized_loadings(self) -> StorePath:
        """Zarr array (generalized patterns, patterns)."""
        return self._array("generalized_loadings")

    @property
    def class_loadings(self) -> StorePath:
        """Zarr array (classes, patterns of each, patterns)."""
        return self._array("class_loadings")

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

    def audit(self, run_id: str) -> StorePath:
        """What an audit found about a run: the changes since the run before, and what gates said of them."""
        return self.folder / "audits" / f"{run_id}.json"

    def tags(self, run_id: str) -> StorePath:
        """The tags of a run."""
        return self.folder / "tags" / f"{run_id}.json"

    def removal(self, run_id: str) -> StorePath:
        """Mark of a run that is being removed: with it the run does not exist, whatever is left of its files."""
        return self.folder / "removals" / run_id

    def removals(self) -> list[str]:
        """List the ids of runs whose removal was begun and not finished."""
        return [entry.key.rpartition("/")[2] for entry in self.folder.store.files("removals")]

    def run(self, run_id: str, folder: str = "runs", format_version: int | None = None) -> RunPaths:
        """Paths of the run with this id. It need not exist."""
        return RunPaths(self.folder / folder / run_id, format_version)

    def runs(self) -> list[RunPaths]:
        """List all runs, finished or not, by id: oldest first unless ids were chosen by hand."""
        removed = set(self.removals())
        return [self.run(name) for name in self.folder.store.folders("runs") if name not in removed]

    def find(self, name: str) -> RunPaths:
        """Return the finished run called `name`: an id, the path or URL of a run or of a workspace, or `latest`.

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
        if self._elsewhere(name):
            return run_at(name)
        paths = self.run(name)
        if self.removal(name).exists() or not paths.folder.is_dir():
            raise InputError(f"The workspace {self.folder} has no run {name}; eigenwave list shows its runs.")
        return _finished(paths)

    def home(self, name: str) -> "Workspace":
        """Return the workspace of the run called `name`: this one unless `name` is a path or URL."""
        if not self._elsewhere(name):
            return self
        place = open_path(name)
        if _is_workspace(place):
            return Workspace(name)
        folder, runs, _ = str(place).rpartition("/runs/")
        return Workspace(folder) if runs else self

    def _elsewhere(self, name: str) -> bool:
        # A folder in the working directory may be called like a run of this workspace.
        return name.startswith(SCHEMES) or (not self.run(name).folder.is_dir() and Path(name).is_dir())

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


def run_at(address: str) -> RunPaths:
    """Return the finished run in a folder or at a URL or, if that is a workspace, its latest run.

    Raises
    ------
    InputError
        If there is no run, or it was never finished.
    """
    place = open_path(address)
    if _is_workspace(place):
        return Workspace(address).find("latest")
    paths = RunPaths(place)
    if not (paths.plan.exists() or paths.finished):
        raise InputError(f"{place} is neither a run nor a workspace: it has no manifest.json and no folder runs.")
    return _finished(paths)


def _is_workspace(place: StorePath) -> bool:
    return (place / "runs").is_dir()


def _finished(paths: RunPaths) -> RunPaths:
    if not paths.finished:
        raise InputError(f"Run {paths.run_id} was never finished; the same eigenwave run command continues it.")
    return paths


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
