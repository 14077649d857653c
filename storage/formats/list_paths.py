"""Match paths in lists, which may come from another machine, with existing files."""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote

from storage.datasets.files import ESCAPED, Files, LocalFiles
from storage.datasets.findings import Finding, counted
from storage.datasets.remote_files import WEB, remote_files
from storage.datasets.web import read_web
from storage.errors import BadImageError, InputError
from storage.pixels.images import SUFFIXES

URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/]+", re.IGNORECASE)
DRIVE = re.compile(r"[A-Za-z]:/")
TRIED = 5  # paths to look up before all files are listed


def keys_of(paths: Sequence[str], files: Files, where: str) -> tuple[list[str], list[Finding]]:
    """Find the key of each image, a path relative to the files or a URL, and report how paths were changed.

    Parameters
    ----------
    paths
        As a list has them: with forward slashes or backslashes, relative or absolute, without the ending of the file,
        or as they were on another machine.
    files
        Where relative paths begin; or, if none of some lies there, in the folder `--root`.
    where
        The list, to name it to users.

    Raises
    ------
    InputError
        If a path without an ending may mean more than one file.
    """
    windows = _is_windows(paths)
    base = f"{files}".rstrip("/")
    bases = [base] if "://" in base else list(dict.fromkeys([base, os.path.realpath(base)]))
    keys = [_relative(path, bases, windows=windows) for path in paths]
    here = [key for key in dict.fromkeys(keys) if not URL.match(key)]
    tried = here[:: max(1, len(here) // TRIED)][:TRIED]
    if not tried or WEB.match(base) or any(_exists(files, key) for key in tried):
        return keys, []
    if files.access.root and files.local(""):
        return _below_root(paths, files, os.path.abspath(files.access.root), where)  # noqa: PTH100 - links are kept
    moved = _moved(tried[0], files)
    if moved:
        kept = [key.removeprefix(moved) for key in keys]
        text = f"Paths of {where} begin with {moved}, which is not here: they are read below {files}."
        return kept, [Finding("moved paths", text, len(keys))]
    return _completed(keys, here, files, where)


def _below_root(paths: Sequence[str], files: Files, root: str, where: str) -> tuple[list[str], list[Finding]]:
    """Keys of paths relative to the folder that the user gave instead of the list's own folder."""
    within = files.access.model_copy(update={"root": None})
    keys, noticed = keys_of(paths, LocalFiles(Path(root), within), where)
    start = os.path.relpath(root, f"{files}")
    return [key if key.startswith("/") or URL.match(key) else f"{start}/{key}" for key in keys], noticed


def place_of(key: str) -> str | None:
    """The part of a URL before its path, such as s3://bucket; None for a path."""
    match = URL.match(key)
    return match and match[0]


def read_keys(files: Files, keys: Iterable[str]) -> Iterator[bytes | BadImageError]:
    """Read the bytes of each image, from the files or from its address."""
    for place, some in groupby(keys, place_of):
        if place is None:
            yield from files.read_many(some)
        elif WEB.match(place):
            yield from read_web(some, files.access)
        else:
            yield from remote_files(place, files.access).read_many(key[len(place) + 1 :] for key in some)


def _is_windows(paths: Iterable[str]) -> bool:
    """Whether backslashes separate folders, as on Windows; otherwise they escape bytes of names that are not UTF-8."""
    return any("\\" in path and ("/" not in path or "\\" in ESCAPED.sub("", path)) for path in paths)


def _relative(path: str, bases: Sequence[str], *, windows: bool) -> str:
    if path[:7].lower() == "file://":
        path = unquote(path[7:])
    elif URL.match(path):
        return path
    if windows:
        path = path.replace("\\", "/")
    for base in bases:
        if path.startswith(f"{base}/"):
            return path[len(base) + 1 :]
    return path.removeprefix("./")


def _exists(files: Files, key: str) -> bool:
    try:
        files.size(key)
    except OSError:
        return False
    return True


def _moved(key: str, files: Files) -> str:
    """The shortest beginning of an absolute path whose removal gives the path of a file; empty if there is none."""
    if not key.startswith("/") and not DRIVE.match(key):
        return ""
    parts = key.split("/")
    for start in range(1, len(parts)):
        if _exists(files, "/".join(parts[start:])):
            return "/".join(parts[:start]) + "/"
    return ""


def _completed(keys: list[str], here: Iterable[str], files: Files, where: str) -> tuple[list[str], list[Finding]]:
    """Complete keys with the folder and the extension of the files that they match."""
    wanted = {_stem(key): key for key in here}
    found: dict[str, list[str]] = {}
    for path, _ in files.walk():
        if posixpath.splitext(path)[1].lower() in SUFFIXES:
            for tail in _tails(_stem(path)):
                if tail in wanted:
                    found.setdefault(tail, []).append(path)
    chosen = {wanted[stem]: _only(stem, some, where) for stem, some in found.items()}
    if not chosen:
        return keys, []
    first, name = next(iter(chosen.items()))
    text = f"Completed {counted(len(chosen), 'path')} of {where} with what is there, such as {first} to {name}."
    return [chosen.get(key, key) for key in keys], [Finding("completed paths", text, len(chosen))]


def _stem(path: str) -> str:
    stem, ending = posixpath.splitext(path)
    return stem if ending.lower() in SUFFIXES else path


def _tails(path: str) -> Iterable[str]:
    """A path, and the same path without its first folder, without the first two, and so on."""
    parts = path.split("/")
    return ("/".join(parts[start:]) for start in range(len(parts)))


def _only(stem: str, paths: Sequence[str], where: str) -> str:
    exact = [path for path in paths if _stem(path) == stem]
    some = exact or sorted(paths)
    if len(some) > 1:
        raise InputError(f"{stem} in {where} may be {some[0]} or {some[1]}: write the path in full.")
    return some[0]
