"""Render templates of HTML pages: their filters, and names from a dataset as they are."""

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from storage.printable import printable
from tasks.report.encode import small_uri
from tasks.report.picture_files import data_uri
from tasks.report.verdict import percent

UNKNOWN = "\u2013"  # a dash
TIMES = "\u00d7"
TEN = 10
NAME = re.compile("`(.+?)`", re.DOTALL)


@cache
def source_of(name: str) -> str:
    """Return the text of a file of the template."""
    source, _, _ = PackageLoader("tasks.report").get_source(environment(), name)
    return source


def _as_seen(value: object) -> object:
    """Escape control characters of a name for the page, since with them it could be read as another name."""
    return printable(value, keep="\n") if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def environment() -> Environment:
    """Return the environment of all templates of this room."""
    environment = Environment(
        loader=PackageLoader("tasks.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_as_seen,
    )
    environment.filters |= {"percent": _percent, "number": _number, "short": _short, "times": _times, "kept": _kept}
    environment.filters |= {"named": _named}
    environment.filters |= {"part": _part, "uri": small_uri, "webp": data_uri}
    return environment


def _named(text: str) -> Markup:
    """Show what stands between backticks, such as the name of a column, as code."""
    return Markup(NAME.sub(r"<code>\1</code>", str(escape(printable(_kept(text))))))  # noqa: S704 - escaped


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else _kept(percent(value))


def _part(value: float | None, whole: float) -> float | None:
    return None if value is None else value / whole


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3g}"


def _short(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2g}"


def _times(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return _kept(f"{value:.1f} {TIMES}" if value < TEN else f"{value:,.0f} {TIMES}")


def _kept(text: str) -> str:
    """Keep numbers and their units on one line."""
    return text.replace(" %", "\u00a0%").replace(f" {TIMES}", f"\u00a0{TIMES}")
