"""Settings as flags of a command, such as `--rank 8`; help shows them in the groups of the settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter
from pydantic import BaseModel, ByteSize, create_model
from pydantic.fields import FieldInfo

from storage.settings import Settings, setting_fields

# The ten settings that people use first, which help shows before the others: of a run, and of commands that read a
# dataset only.
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
FIRST_TO_READ = (
    "size",
    "split",
    "label_column",
    "path_column",
    "split_column",
    "unlabelled",
    "join_classes",
    "max_bad_fraction",
    "duplicates",
    "format",
)


def _flags(first: Sequence[str]) -> dict[str, Any]:
    """The fields of a model without nested groups, each annotated with its group in the help."""
    begin = Group("Settings to begin with", sort_key=1)
    held = enumerate(Settings.model_fields.items(), 2)
    groups = {name: Group(field.title or name, sort_key=order) for order, (name, field) in held}
    fields = sorted(setting_fields(), key=lambda found: first.index(found[1]) if found[1] in first else len(first))
    return {
        name: (_annotated(field, begin if name in first else groups[group]), field) for group, name, field in fields
    }


def _annotated(field: FieldInfo, group: Group) -> Any:  # noqa: ANN401 - a type
    """The type of a setting, with its group."""
    bytes_ = [Parameter(show_default=_mebibytes)] if isinstance(field.default, ByteSize) else []
    return Annotated[(field.rebuild_annotation(), Parameter(group=group), *bytes_)]


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:g}MiB"


if TYPE_CHECKING:
    GivenFlags = BaseModel
    ReadingFlags = BaseModel
else:
    # These models only parse values. `Settings.load` checks them together with those of the file and the environment.
    GivenFlags = create_model("GivenFlags", **_flags(FIRST))
    ReadingFlags = create_model("ReadingFlags", **_flags(FIRST_TO_READ))

Flags = Annotated[GivenFlags | None, Parameter(name="*")]
FlagsToRead = Annotated[ReadingFlags | None, Parameter(name="*")]
Config = Annotated[
    Path | None, Parameter(help="Read settings from this TOML file; flags and EIGENWAVE_... variables override it.")
]


def chosen_settings(flags: BaseModel | None, config: Path | None) -> Settings:
    """Settings from the flags of a command, the environment and a TOML file."""
    given: Mapping[str, Any] = flags.model_dump(exclude_unset=True) if flags else {}
    return Settings.load(given, config)
