"""List the licences of all packages of an installation, from the packages' own metadata: `make licences`."""

import importlib.metadata
import re
import sys
from pathlib import Path

from packaging.markers import Marker

LONGEST = 60  # some packages put the whole text where the name belongs
DATA = """\
The bundled digits (`storage/formats/digits.npz`) are the test part of "Optical Recognition of Handwritten Digits" by
E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY 4.0."""
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)(?: ; (.*?))? \\$", flags=re.MULTILINE)


def pinned(lock: str) -> dict[str, str]:
    """Name and version of each package of a lock that this platform needs."""
    return {name: version for name, version, marker in PINNED.findall(lock) if not marker or Marker(marker).evaluate()}


def licence(name: str) -> str:
    """The licence in a package's metadata: an SPDX expression, classifiers, or free text."""
    about = importlib.metadata.metadata(name)
    classifiers = [
        text.rsplit(" :: ", 1)[-1] for text in about.get_all("Classifier", []) if text.startswith("License ::")
    ]
    own = about.get("License", "").strip()
    return about.get("License-Expression") or ", ".join(classifiers) or (own if len(own) < LONGEST else "")


def table(lock: str) -> str:
    """A Markdown table with one line per package.

    Raises
    ------
    ValueError
        If a package states no licence.
    """
    found = {f"{name} {version}": licence(name) for name, version in sorted(pinned(lock).items())}
    silent = [package for package, text in found.items() if not text]
    if silent:
        raise ValueError(
            f"No licence is stated by {', '.join(silent)}; look it up, and decide whether to use the package."
        )
    return "\n".join(
        ["| package | licence |", "|---|---|", *(f"| {package} | {text} |" for package, text in found.items())]
    )


if __name__ == "__main__":
    lines = table(Path("requirements.lock").read_text(encoding="utf-8"))
    sys.stdout.write(f"# Licences of what an installation brings along\n\n{DATA}\n\n{lines}\n")
