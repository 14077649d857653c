"""The one settings model: it feeds the command line, a TOML file, the environment and the flow's parameters."""

import json
import math
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pywt
from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from storage.credentials import PLAIN, holds_secret, redacted, written_secrets
from storage.errors import InputError

ENVIRONMENT_PREFIX = "EIGENWAVE_"

# What a shard's coefficients depend on, besides its images: part of the shard's address.
TRANSFORM_FIELDS = frozenset(
    {"wavelet", "mode", "level", "size", "fit", "value_range"}
    | {"transform", "colour", "bands", "weights", "threshold", "dtype"}
)
# A term that names bands, and a positive number: what they mean is said in tasks/wavelet/bands.py.
BAND = r"(all|details|LL\d*|LH\d*|HL\d*|HH\d*|[1-9]\d*)"
WEIGHT = r"(?=[\d.]*[1-9])(\d+\.?\d*|\.\d+)"
# What only changes where and how fast a run computes, never a bit of what it computes.
EXECUTION_FIELDS = frozenset(
    {"cluster", "cluster_options", "workers", "fewest_workers", "memory_limit", "tls", "allow_unencrypted", "rehash"}
)
CLUSTER_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class Settings(BaseModel):
    """Everything a user can choose about a run. Frozen; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wavelet: str = Field("haar", description="Discrete wavelet, by its PyWavelets name.")
    mode: str = Field("periodization", description="How the wavelet transform continues an image over its edges.")
    level: int = Field(2, ge=1, description="Levels of the wavelet transform.")
    size: int | None = Field(None, ge=2, le=4096, description="Bring every image to this many pixels square.")
    fit: Literal["crop", "pad"] = Field("crop", description="With --size: fill the square and crop, or fit and pad.")
    value_range: tuple[float, float] | None = Field(
        None, description="Black and white in images of floating-point numbers, such as 0 1; without it refused."
    )
    transform: Literal["dwt", "modulus"] = Field(
        "dwt", description="dwt, or modulus: the log modulus of a stationary wavelet transform, averaged 8 x 8."
    )
    colour: Literal["rgb", "gray", "ycbcr"] = Field("rgb", description="Colour space that RGB images are brought to.")
    bands: str = Field(
        "all", description="Bands to keep: all, details, or a list such as LL,HH1,2 (a level means its details)."
    )
    weights: str = Field("", description="Weights of bands, named likewise, such as LL=0.5,1=2; 1 otherwise.")
    threshold: float = Field(
        0.0, ge=0, le=100, description="Soft threshold on details, in universal thresholds of each image; 0 for none."
    )
    dtype: Literal["float32", "float16"] = Field(
        "float32", description="How coefficients are stored; float16 halves them and keeps 3 digits."
    )
    rank: int | None = Field(
        None, ge=1, description="Patterns to keep; by default 64, or a quarter of the images or coefficients if fewer."
    )
    energy: float | None = Field(
        None, gt=0, lt=1, description="Instead of a rank: keep as many patterns as hold this part of the energy."
    )
    solver: Literal["auto", "krylov", "gram", "dual"] = Field(
        "auto",
        description="How to decompose: krylov in passes, gram or dual by an exact Gram matrix; auto is cheapest.",
    )
    oversample: int = Field(20, ge=0, description="Columns beyond the rank in each pass of the decomposition.")
    passes: Literal["auto"] | Annotated[int, Field(ge=1, le=64)] = Field(
        "auto", description="Passes of krylov over the coefficients; auto ends them by the tolerance."
    )
    tolerance: float = Field(
        0.01, gt=0, lt=1, description="Largest residual of a pattern; singular values are off by about its square."
    )
    warm_start: str = Field(
        "auto",
        description="Run to start krylov from, or none; auto: the last run of this source if its images changed.",
    )
    scales: bool = Field(
        default=True, description="Decompose each scale on its own too: table scales, at the price of some more passes."
    )
    centre: bool = Field(default=True, description="Subtract the mean image.")
    seed: int = Field(0, ge=0, lt=2**63, description="Seed of the test matrix and of the shuffled labels.")
    permutations: int = Field(20, ge=1, le=10_000, description="Label shuffles of the control.")
    compact: bool = Field(
        default=False, description="Give images new rows, instead of those that the last run of this source gave them."
    )
    max_bad_fraction: float = Field(0.01, ge=0, le=1, description="Fail if more than this part of the images is bad.")
    duplicates: Literal["report", "refuse"] = Field(
        "report", description="What to do about images with the same bytes: report them, or refuse the dataset."
    )
    shard_size: ByteSize = Field(ByteSize(64 * 2**20), ge=4096, description="Most bytes of coefficients in a shard.")
    rehash: bool = Field(
        default=False, description="Read every image, also where its file looks as it did when the last run read it."
    )
    cluster: str = Field(
        "local",
        description="local, inline (in this process), a scheduler's address (tls://host:8786), or a cluster class such "
        "as dask_jobqueue.SLURMCluster.",
        json_schema_extra={"pattern": PLAIN},
    )
    cluster_options: dict[str, Any] = Field(
        {}, description="Arguments of the cluster class, as JSON; a value $NAME comes from the environment."
    )
    workers: int | None = Field(
        None, ge=1, description="Worker processes of a cluster that is started; locally by default one a core."
    )
    fewest_workers: int | None = Field(
        None, ge=1, description="Let the number of workers follow the work, from this many to --workers."
    )
    memory_limit: ByteSize | None = Field(
        None, ge=2**28, description="Most memory of a worker; by default its share of this machine's."
    )
    tls: Path | None = Field(
        None, description="Folder with ca.crt, tls.crt and tls.key for a scheduler with a tls:// address."
    )
    allow_unencrypted: bool = Field(
        default=False, description="Use a cluster that other machines can reach without TLS."
    )

    @field_validator("wavelet")
    @classmethod
    def _known_wavelet(cls, name: str) -> str:
        if name not in pywt.wavelist(kind="discrete"):
            families = ", ".join(sorted({known.rstrip("0123456789.") for known in pywt.wavelist(kind="discrete")}))
            raise ValueError(f"no discrete wavelet is called {name!r}; PyWavelets has the families {families}")
        return name

    @field_validator("mode")
    @classmethod
    def _known_mode(cls, name: str) -> str:
        if name not in pywt.Modes.modes:
            raise ValueError(f"no signal extension mode is called {name!r}; choose from {', '.join(pywt.Modes.modes)}")
        return name

    @field_validator("bands", "weights")
    @classmethod
    def _known_terms(cls, listed: str, info: ValidationInfo) -> str:
        entry = BAND if info.field_name == "bands" else f"{BAND}={WEIGHT}"
        listed = "".join(listed.split())
        if (listed or info.field_name == "bands") and not re.fullmatch(f"{entry}(,{entry})*", listed):
            example = "LL,HH1,2" if info.field_name == "bands" else "LL=0.5,1=2"
            raise ValueError(f"{listed!r} is not a list such as {example} of bands: LL, LH, HL, HH, a level, or both")
        return listed

    @field_validator("cluster")
    @classmethod
    def _known_cluster(cls, name: str) -> str:
        if holds_secret(name):
            raise ValueError("a user or a query in an address would be kept with the flow; use tls:// and --tls")
        address = name.startswith(("tcp://", "tls://"))
        if name not in {"local", "inline"} and not address and not CLUSTER_CLASS.fullmatch(name):
            raise ValueError(
                f"{name!r} is neither local, nor inline, nor an address such as tcp://127.0.0.1:8786, nor a class such "
                "as dask_jobqueue.SLURMCluster"
            )
        return name

    @field_validator("value_range")
    @classmethod
    def _two_values(cls, values: tuple[float, float] | None) -> tuple[float, float] | None:
        if values is not None and not (math.isfinite(values[1] - values[0]) and values[0] < values[1]):
            raise ValueError("black must be less than white, and both finite")
        return values

    @field_validator("cluster_options", mode="before")
    @classmethod
    def _options_from_text(cls, value: Any) -> Any:  # noqa: ANN401 - an environment variable holds JSON
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("cluster_options")
    @classmethod
    def _no_secrets(cls, options: dict[str, Any]) -> dict[str, Any]:
        if names := written_secrets(options):
            raise ValueError(
                f"{names[0]} would be kept in Prefect's database; put it into the environment, where the cluster is "
                "started, and write $NAME, the name of the variable"
            )
        return options

    @model_validator(mode="after")
    def _possible_workers(self) -> Self:
        if self.fewest_workers and self.workers and self.fewest_workers > self.workers:
            raise ValueError(f"fewest_workers = {self.fewest_workers} is above workers = {self.workers}")
        return self

    @model_validator(mode="after")
    def _rank_or_energy(self) -> Self:
        if self.rank is not None and self.energy is not None:
            raise ValueError("rank and energy both say how many patterns to keep; give one of them")
        return self

    @model_validator(mode="after")
    def _modulus_is_what_it_is(self) -> Self:
        if self.transform == "modulus" and (self.threshold or self.mode != "periodization"):
            raise ValueError("transform modulus is periodic and has no threshold; leave mode and threshold out")
        return self

    @classmethod
    def load(cls, given: Mapping[str, Any], config: Path | None = None) -> Self:
        """Settings from the TOML file `config`, over it the environment, over that the values `given`.

        Raises
        ------
        InputError
            If the file cannot be read, or a value or name is not allowed; the sentence says which and from where.
        """
        layers = {
            str(config): _read_toml(config) if config else {},
            "the environment": _read_environment(),
            "the command": dict(given),
        }
        origin = {name: layer for layer, values in layers.items() for name in values}
        merged = {name: value for values in layers.values() for name, value in values.items()}
        try:
            return cls.model_validate(merged)
        except ValidationError as error:
            raise settings_error(error, origin) from None

    def transform_part(self) -> str:
        """Canonical JSON of the settings that a shard's coefficients depend on."""
        return self.model_dump_json(include=set(TRANSFORM_FIELDS))

    def result_part(self) -> str:
        """Canonical JSON of the settings that a run's numbers depend on."""
        return self.model_dump_json(exclude=set(EXECUTION_FIELDS), indent=2)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The settings file {path} cannot be read: {error}.") from None


def _read_environment() -> dict[str, str]:
    known = {ENVIRONMENT_PREFIX + name.upper(): name for name in Settings.model_fields}
    return {name: os.environ[variable] for variable, name in known.items() if variable in os.environ}


def settings_error(error: ValidationError, origin: Mapping[str, str]) -> InputError:
    """The first problem in a sentence; `origin` says where a setting was given if not on the command line."""
    problem = error.errors(include_url=False)[0]
    if not problem["loc"]:
        return InputError(f"The settings are not possible: {problem['msg'].removeprefix('Value error, ')}.")
    name = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        return InputError(f"There is no setting {name!r} (in {origin[name]}); eigenwave run --help lists them.")
    # A value that could be of several types has a problem with each.
    problems = [other["msg"] for other in error.errors(include_url=False) if other["loc"][:1] == problem["loc"][:1]]
    message = ", or ".join(message.removeprefix("Value error, ") for message in problems)
    value = "..." if name == "cluster_options" else redacted(str(problem["input"]))
    given = f"{name} = {value} (from {origin.get(name, 'the command')})"
    return InputError(f"Setting {given} is not possible: {message}.")
