"""Write a dataset after its issues were acted on, as image files in class folders, if its images are none yet."""

from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from storage.datasets.source import intact
from storage.errors import BadImageError, InputError
from storage.pixels.files import as_file, require_lossless
from storage.pixels.images import SUFFIXES
from tasks.issues.fixed import Fixed, Stored, places_in, require_empty, require_folders


def unpack_folders(fixed: Fixed, stored: Stored, target: Path) -> list[str]:
    """Write the images of a dataset into class folders, below folders of splits unless all are of `train`.

    Image files in archives and tables keep their bytes; plain pixels become PNG files. The folder appears when all of
    them are written.

    Returns
    -------
    list of str
        Sentences on images that are left out, because they cannot be read.

    Raises
    ------
    InputError
        If the folder holds something or cannot be written, a class cannot name a folder, or no image file holds the
        pixels without loss.
    """
    require_folders(fixed.images, "give them another label, or drop them")
    try:
        require_lossless(stored.source.layout)
        require_empty(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent, prefix=f"{target.name}-") as partial:
            folder = Path(partial) / target.name
            left_out = _write(fixed, stored, folder)
            if target.exists():
                target.rmdir()
            folder.rename(target)
    except BadImageError as error:
        raise InputError(f"The dataset cannot be written as image files: {error.detail}.") from None
    except OSError as error:
        raise InputError(f"The folder {target} cannot be written: {error.strerror}.") from None
    return left_out


def _write(fixed: Fixed, stored: Stored, folder: Path) -> list[str]:
    folder.mkdir()
    keys, payloads = stored.samples["key"].to_pylist(), stored.source.read(stored.samples)
    left_out = []
    for place, key, payload in zip(places_in(fixed.images, folder), keys, payloads, strict=True):
        try:
            ending, content = as_file(intact(payload), stored.source.layout)
        except BadImageError as error:
            left_out.append(f"{key} cannot be read: {error.reason}, {error.detail}")
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            named = PurePosixPath(place.name).suffix.lower() in SUFFIXES
            (place if named else place.with_name(place.name + ending)).write_bytes(content)
    return left_out
