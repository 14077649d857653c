"""The folder of a dataset in the Hugging Face Hub's cache: `snapshots/REVISION/...` with links to the files in `blobs`.

The layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

import posixpath

from storage.datasets.files import Files
from storage.datasets.findings import named
from storage.errors import InputError

SNAPSHOTS, MAIN = "snapshots", "refs/main"
BESIDE = frozenset({"blobs", "refs"})  # folders beside the snapshots


def snapshot_of(files: Files) -> str | None:
    """Folder of the snapshot to read: the only one, or that of the branch main. None if this is no such cache.

    Raises
    ------
    InputError
        If several snapshots are there and nothing says which is meant.
    """
    folders = set(files.folders())
    if SNAPSHOTS not in folders or not BESIDE & folders:
        return None
    revisions = files.folders(SNAPSHOTS)
    if len(revisions) > 1:
        main = _main(files)
        if main not in revisions:
            raise InputError(
                f"{files} holds {len(revisions)} revisions of a dataset: {named(revisions)}. Give the folder of one, "
                f"such as {files}/{SNAPSHOTS}/{revisions[0]}."
            )
        return posixpath.join(SNAPSHOTS, main)
    return posixpath.join(SNAPSHOTS, revisions[0]) if revisions else None


def _main(files: Files) -> str:
    """The revision of the branch main; empty if the cache does not say."""
    try:
        return files.read(MAIN).decode("ascii", "replace").strip()
    except OSError:
        return ""
