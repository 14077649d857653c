"""Read pickles that hold only numbers, strings, containers and NumPy arrays, and refuse all others.

A pickle is a program, and the only functions that it can call here are those of this module. The interpreter is the one
of the standard library that is written in Python. A pickle can make the one in C allocate any amount of memory.
"""

import io
import pickle
from typing import Any

import numpy as np

from storage.errors import InputError

Unpickler: Any = pickle._Unpickler  # noqa: SLF001 - see above


class _Array:
    """Stand-in for numpy.ndarray, which a pickle can name but not call."""


def _reconstruct(kind: object, shape: object, code: object) -> np.ndarray[Any, Any]:
    """Make the empty array with which unpickling an array begins."""
    if kind is not _Array or shape != (0,) or code not in {b"b", "b"}:
        raise pickle.UnpicklingError("an array begins in a way that no array does")
    return np.empty(0, np.int8)


def _dtype(name: object, *_: object) -> np.dtype[Any]:
    dtype = np.dtype(name) if isinstance(name, str) else None
    if dtype is None or dtype.hasobject or dtype.itemsize > 2**10:
        raise pickle.UnpicklingError(f"an array of type {name!r}")
    return dtype


def _encode(text: object, encoding: object) -> bytes:
    """Encode text to bytes: Python 3 writes bytes as text in the pickle protocols of Python 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("text that is encoded otherwise than as latin1")
    return text.encode("latin1")


ALLOWED: dict[str, object] = {
    "numpy.ndarray": _Array,
    "numpy.dtype": _dtype,
    "_codecs.encode": _encode,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
}


class _Restricted(Unpickler):  # type: ignore[misc]
    def find_class(self, module: str, name: str) -> object:
        found = ALLOWED.get(f"{module}.{name}")
        if found is None:
            raise InputError(f"it would call {module}.{name}, and only plain data is read")
        return found


def load(content: bytes, name: str) -> Any:  # noqa: ANN401 - whatever was pickled
    """Read the content of a pickle; strings of Python 2 become bytes.

    Raises
    ------
    InputError
        If the pickle is damaged, or needs a class or function that is not allowed, which the message names.
    """
    try:
        return _Restricted(io.BytesIO(content), encoding="bytes").load()
    except InputError as error:
        raise InputError(f"The pickle {name} is refused: {error}.") from None
    except Exception as error:  # noqa: BLE001 - a damaged pickle may raise anything
        raise InputError(f"The pickle {name} cannot be read: {type(error).__name__}: {error}.") from None
