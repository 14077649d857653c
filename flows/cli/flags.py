"""Settings as flags of a command, such as `--rank 8`; help shows them in the groups of the settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter
from pydantic import BaseModel, create_model

from storage.settings import Settings, setting_fields

# The ten settings that people use first, shown before the others.
FIRST = (
    "size",
    "colour",
    "transform",
    "wavelet",
    "level",
    "rank",
    "max_bad_fraction",
    "duplicates",
    "cluster",
    "workers",
)


def _flags() -> dict[str, Any]:
    """The fields of a model without nested groups, each annotated with its group in the help."""
    first = Group("Settings to begin with", sort_key=1)
    held = enumerate(Settings.model_fields.items(), 2)
    groups = {name: Group(field.title or name, sort_key=order) for order, (name, field) in held}
    fields = sorted(setting_fields(), key=lambda found: FIRST.index(found[1]) if found[1] in FIRST else len(FIRST))
    return {
        name: (Annotated[field.rebuild_annotation(), Parameter(group=first if name in FIRST else groups[group])], field)
        for group, name, field in fields
    }


if TYPE_CHECKING:
    GivenFlags = BaseModel
else:
    # This model only parses values. `Settings.load` checks them together with those of the file and the environment.
    GivenFlags = create_model("GivenFlags", **_flags())

Flags = Annotated[GivenFlags | None, Parameter(name="*")]
Config = Annotated[
    Path | None, Parameter(help="Read settings from this TOML file; flags and EIGENWAVE_... variables override it.")
]


def chosen_settings(flags: BaseModel | None, config: Path | None) -> Settings:
    """Settings from the flags of a command, the environment and a TOML file."""
    given: Mapping[str, Any] = flags.model_dump(exclude_unset=True) if flags else {}
    return Settings.load(given, config)
