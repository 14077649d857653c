"""Write the workspace of the newest format: `python -m tests.earlier.write_run`. Do so only before its release.

The workspace is one that a user of an earlier eigenwave has on disk. A released format is never written again: a later
format gets its own folder, and the tests continue to open both. Report and figures are left out, since they are
computed from the other files.
"""

import shutil
from pathlib import Path

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.runs.manifest import FORMAT_VERSION
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.stores.files import remove_folder
from tasks.run.begin import begin_run

# Small files, and yet rejects, halves and scales in all tables.
SETTINGS = {"rank": 4, "bands": "LL", "dtype": "float16", "permutations": 2, "judge_space": "none"}


def main() -> None:
    """Analyse the digits and keep what a later version has to read."""
    folder = Path(__file__).parent / f"format_{FORMAT_VERSION}"
    shutil.rmtree(folder, ignore_errors=True)
    workspace = Workspace(folder)
    workspace.prepare()
    job = begin_run("digits", Settings(**SETTINGS), workspace, "digits")
    stages.run_stages(job, InlineFanout())
    job.paths.report.unlink()
    remove_folder(job.paths.folder / "figures")


if __name__ == "__main__":
    main()
