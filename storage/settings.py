"""The one settings model, shared by the command line, TOML files, the environment and the flow's parameters.

Code reads settings by group, as in `settings.decomposition.rank`. Users write them without the group: `--rank 8`,
`rank = 8`, `EIGENWAVE_RANK=8`. A settings.json, a TOML file and the parameters of a flow accept both forms.
"""

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, to_json

from storage.credentials import redacted
from storage.errors import InputError
from storage.setting_groups import (
    Access,
    Afterwards,
    Association,
    Coefficients,
    Dataset,
    Decomposition,
    Execution,
    Group,
    Judging,
    Reading,
    Report,
    Scattering,
)

ENVIRONMENT_PREFIX = "EIGENWAVE_"

Place = tuple[str, ...]  # (group, setting); a name that is no setting is alone


class Settings(Group):
    """All settings of a run."""

    coefficients: Coefficients = Field(Coefficients(), title="From images to coefficients")
    scattering: Scattering = Field(Scattering(), title="With --transform scattering")
    decomposition: Decomposition = Field(Decomposition(), title="From coefficients to patterns")
    association: Association = Field(Association(), title="Patterns and classes")
    judging: Judging = Field(Judging(), title="Are labels right")
    reading: Reading = Field(Reading(), title="Files of the dataset")
    dataset: Dataset = Field(Dataset(), title="Images, rows and shards")
    access: Access = Field(Access(), title="What may be read")
    report: Report = Field(Report(), title="What the report shows")
    execution: Execution = Field(Execution(), title="Where and how fast")
    afterwards: Afterwards = Field(Afterwards(), title="After the run")

    if TYPE_CHECKING:

        def __init__(self, **values: Any) -> None: ...  # noqa: ANN401 - groups, or settings by name

    @model_validator(mode="before")
    @classmethod
    def _from_names(cls, given: Any) -> Any:  # noqa: ANN401 - whatever is validated
        return _grouped(_placed(given)) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _scattering_is_chosen(self) -> Self:
        if self.scattering != Scattering() and self.coefficients.transform != "scattering":
            raise ValueError("octaves, angles, cells and logarithm need transform scattering; leave them out or set it")
        return self

    @model_validator(mode="after")
    def _judging_has_its_space(self) -> Self:
        chosen = self.judging.judge_space
        if self.coefficients.transform == "none" and chosen not in {None, "none"}:
            raise ValueError("transform none has no images to judge labels by; leave out judge_space")
        none = chosen == "none" or (chosen is None and self.coefficients.transform != "dwt")
        if none and self.judging.judge_side != Judging().judge_side:
            raise ValueError(
                "labels are judged by the run's own patterns, which judge_side does not change; leave it out, or set "
                "judge_space to modulus or scattering"
            )
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe settings in groups and by name, so that Prefect refuses secrets in both forms."""
        reference = handler(core)
        schema = handler.resolve_ref_schema(reference)
        groups = [handler.resolve_ref_schema(dict(schema["properties"][group])) for group in cls.model_fields]
        schema["patternProperties"] = {
            f"^{name}$": field for group in groups for name, field in group["properties"].items()
        }
        return reference

    @classmethod
    def load(cls, given: Mapping[str, Any], config: Path | None = None) -> Self:
        """Read the settings. Values in `given` override the environment, which overrides the TOML file `config`.

        Raises
        ------
        InputError
            If the file cannot be read, or a value or name is not allowed. The message names the setting and its source.
        """
        layers = {
            str(config): _read_toml(config) if config else {},
            "the environment": _read_environment(),
            "the command line": given,
        }
        merged: dict[Place, Any] = {}
        origin: dict[Place, str] = {}
        try:
            for layer, values in layers.items():
                placed = _placed(values)
                merged |= placed
                origin |= dict.fromkeys(placed, layer)
            return cls.model_validate(_grouped(merged))
        except ValidationError as error:
            raise settings_error(error, origin) from None
        except ValueError as error:
            raise InputError(f"The settings in {layer} are not allowed: {error}.") from None

    @classmethod
    def recorded(cls, values: Mapping[str, Any]) -> Self:
        """Read the settings that a run recorded: those of its settings.json or its manifest.

        Earlier versions had no setting `exact_resize`, and resized all images exactly.

        Raises
        ------
        ValueError
            If a value or name is not allowed.
        """
        return cls.model_validate({"exact_resize": True} | dict(values))

    def but(self, **changes: Any) -> Self:  # noqa: ANN401 - settings of any type
        """Return a copy with some settings, passed by name, changed."""
        return type(self).model_validate(_flat(group for _, group in self) | changes)

    def of_coefficients(self) -> dict[str, Any]:
        """Return the settings, as recorded, that two runs must share to have coefficients of the same kind."""
        return self.coefficients.recorded() | self.scattering.model_dump(exclude_defaults=True)

    def transform_part(self) -> str:
        """Canonical JSON of the settings that coefficients depend on; it is part of a shard's address.

        It lacks `exact_resize`, which only concerns JPEG files; `tasks.transform.recipe` adds it for image files.
        """
        chosen = self.scattering.model_dump(exclude_defaults=True)
        return to_json(self.coefficients.model_dump(exclude={"exact_resize"}) | chosen).decode()

    def result_part(self) -> str:
        """Canonical JSON of the settings that a run's numbers depend on; it is the content of settings.json."""
        later = (self.access, self.reading, self.scattering, self.judging, self.report)
        other = Coefficients | Execution | Afterwards
        others = (group for _, group in self if not isinstance(group, other) and group not in later)
        # These groups were added later. With defaults left out, runs that did not use them have the same JSON.
        chosen = {name: value for group in later for name, value in group.model_dump(exclude_defaults=True).items()}
        return to_json(self.coefficients.recorded() | _flat(others) | chosen, indent=2).decode()


def setting_fields() -> Iterator[tuple[str, str, FieldInfo]]:
    """Yield each setting in order, as its group, its name, and the field that describes it."""
    for group, held in Settings.model_fields.items():
        if isinstance(held.annotation, type) and issubclass(held.annotation, Group):
            for name, field in held.annotation.model_fields.items():
                yield group, name, field


_PLACES: dict[str, Place] = {name: (group, name) for group, name, _ in setting_fields()}


def _flat(groups: Iterable[Group]) -> dict[str, Any]:
    return {name: value for group in groups for name, value in group}


def _placed(values: Mapping[str, Any]) -> dict[Place, Any]:
    """Index the values by place, whether they come in groups or by name."""
    placed: dict[Place, Any] = {}
    for name, value in values.items():
        if name in Settings.model_fields and isinstance(value, Mapping | Group):
            found: dict[Place, Any] = {(name, inner): each for inner, each in dict(value).items()}
        else:
            found = {_PLACES.get(name, (name,)): value}
        if twice := placed.keys() & found.keys():
            raise ValueError(f"{min(twice)[-1]} is set twice, in its group and by its name; set it once")
        placed |= found
    return placed


def _grouped(placed: Mapping[Place, Any]) -> dict[str, Any]:
    grouped: dict[str, Any] = {place[0]: {} for place in placed if place[1:]}
    for (group, *name), value in placed.items():
        if name:
            grouped[group][name[0]] = value
    # Unknown names stay at the top level, where the model refuses them.
    return grouped | {place[0]: value for place, value in placed.items() if not place[1:]}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The settings file {path} cannot be read: {error}.") from None


def _read_environment() -> dict[str, str]:
    known = {ENVIRONMENT_PREFIX + name.upper(): name for name in _PLACES}
    return {name: os.environ[variable] for variable, name in known.items() if variable in os.environ}


def settings_error(error: ValidationError, origin: Mapping[Place, str]) -> InputError:
    """Describe the first problem in one sentence.

    `origin` maps a setting to its source; a setting that is not in it came from the command line.
    """
    problems = error.errors(include_url=False)
    place = tuple(str(part) for part in problems[0]["loc"][:2])
    # If a setting allows several types, pydantic reports a problem for each.
    messages = dict.fromkeys(_message(each) for each in problems if each["loc"][:2] == problems[0]["loc"][:2])
    message = ", or ".join(messages)
    where = origin.get(place, "the command line")
    if problems[0]["type"] == "extra_forbidden":
        return InputError(f"There is no setting {'.'.join(place)} (in {where}); eigenwave run --help lists them.")
    if problems[0]["type"] == "value_error" and place not in _PLACES.values():
        return InputError(f"These settings do not go together: {message}.")
    value = "..." if place[-1] == "cluster_options" else redacted(str(problems[0]["input"]))
    return InputError(f"Setting {place[-1]} = {value} (from {where}) is not allowed: {message}.")


def _message(problem: ErrorDetails) -> str:
    text = problem["msg"].removeprefix("Value error, ")
    return text[0].lower() + text[1:] if text.startswith("Input ") else text
