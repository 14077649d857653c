"""The settings, grouped by the part of a run that depends on them.

The order of groups and fields fixes the order of the settings JSON. A shard's address is a hash of that JSON, and an
interrupted run is found by it. So do not move or rename a setting: earlier shards and unfinished runs would no longer
be found. Add a new setting at the end of its group.
"""

import json
import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pywt
from pydantic import BaseModel, ByteSize, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from storage.credentials import PLAIN, holds_secret, written_secrets

# A term that names bands, and a positive number; tasks/wavelet/bands.py explains them.
BAND = r"(all|details|LL\d*|LH\d*|HL\d*|HH\d*|S[12]\d*|[1-9]\d*)"
WEIGHT = r"(?=[\d.]*[1-9])(\d+\.?\d*|\.\d+)"
CLUSTER_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class Group(BaseModel):
    """Base class of a group of settings. Instances are frozen and refuse unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Coefficients(Group):
    """Settings of the wavelet transform. After a change of one, every image is transformed again."""

    wavelet: str = Field("haar", description="Transform with this discrete wavelet, by its PyWavelets name.")
    mode: str = Field("periodization", description="Continue an image over its edges in this way.")
    level: int = Field(2, ge=1, description="Transform in this many levels.")
    size: int | None = Field(
        None, ge=2, le=4096, description="Resize every image to a square of this many pixels a side."
    )
    fit: Literal["crop", "pad"] = Field(
        "crop", description="With --size: cut off what does not fit in the square, or pad what does not fill it."
    )
    value_range: tuple[float, float] | None = Field(
        None, description="Read images of floating-point numbers, with these values for black and white, such as 0 1."
    )
    transform: Literal["dwt", "modulus", "scattering", "none"] = Field(
        "dwt",
        description="Use the coefficients themselves (dwt), the log modulus of a stationary wavelet transform in 8 x 8 "
        "windows (modulus), or the scattering transform of orders 1 and 2 (scattering), which tells classes of "
        "photographs apart best. Take arrays (n, features), which hold no images, as they are (none).",
    )
    colour: Literal["rgb", "gray", "ycbcr"] = Field(
        "rgb", description="Convert RGB images to this color space; by default ycbcr for modulus and scattering."
    )
    bands: str = Field(
        "all",
        description="Keep only these bands: all, details, or a list such as LL,HH1,2 (2: the details of level 2); of "
        "scattering LL (the mean), S1, S2 (the orders) and scales.",
    )
    weights: str = Field(
        "", description="Multiply bands by weights, such as LL=0.5,1=2; bands that are not named have weight 1."
    )
    threshold: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Apply a soft threshold to the details: this many times the image's universal threshold.",
    )
    dtype: Literal["float32", "float16"] = Field(
        "float32", description="Store coefficients in this type; float16 takes half the space and keeps 3 digits."
    )
    exact_resize: bool = Field(
        default=False,
        description="With --size: decode every pixel of large JPEG files before resizing, which takes twice the time.",
    )

    @model_validator(mode="before")
    @classmethod
    def _colour_of_transform(cls, given: Any) -> Any:  # noqa: ANN401 - whatever is validated
        if isinstance(given, dict) and given.get("transform") in {"modulus", "scattering"}:
            return {"colour": "ycbcr"} | given
        return given

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
            raise ValueError(
                f"{listed!r} is not a list of bands such as {example}; a band is all, details, a level, or LL, LH, HL, "
                "HH, S1 or S2, alone or with a level"
            )
        return listed

    @field_validator("value_range")
    @classmethod
    def _two_values(cls, values: tuple[float, float] | None) -> tuple[float, float] | None:
        if values is not None and not (math.isfinite(values[1] - values[0]) and values[0] < values[1]):
            raise ValueError("black must be less than white, and both must be finite")
        return values

    def recorded(self) -> dict[str, Any]:
        """Return the settings as a run records them; see `storage.settings.Settings.recorded` for their reading.

        Pixels have always been exact without the setting `exact_resize`, so it is recorded only where they are not.
        With it left out otherwise, the JSON of a run is the one that earlier versions wrote.
        """
        exact = self.size is None or self.exact_resize
        return self.model_dump(exclude={"exact_resize"} if exact else None)

    @model_validator(mode="after")
    def _modulus_is_what_it_is(self) -> Self:
        if self.transform == "modulus" and (self.threshold or self.mode != "periodization"):
            raise ValueError("transform modulus is periodic and has no threshold; leave out mode and threshold")
        return self

    @model_validator(mode="after")
    def _scattering_has_its_wavelets(self) -> Self:
        usual = type(self).model_fields
        of_wavelets = ("wavelet", "mode", "level", "threshold")
        if self.transform == "scattering" and any(getattr(self, name) != usual[name].default for name in of_wavelets):
            raise ValueError("transform scattering has its own wavelets; leave out wavelet, mode, level and threshold")
        return self

    @model_validator(mode="after")
    def _features_are_what_they_are(self) -> Self:
        usual = Coefficients.model_fields
        kept = {"transform", "dtype", "exact_resize"}  # the last is True in every recorded run without a size
        changed = [name for name in usual if name not in kept and getattr(self, name) != usual[name].default]
        if self.transform == "none" and changed:
            raise ValueError(f"transform none takes features as they are; leave out {', '.join(changed)}")
        return self


class Scattering(Group):
    """Settings of --transform scattering. After a change of one, every image is transformed again."""

    octaves: int | None = Field(
        None, ge=1, le=8, description="Use waves of this many scales; by default 3 for 32 pixels, up to 5 for more."
    )
    angles: int = Field(4, ge=2, le=16, description="Use waves of this many angles.")
    cells: int = Field(8, ge=1, le=64, description="Average in this many windows a side; order 2 in half as many.")
    logarithm: bool = Field(default=True, description="Take the logarithms of orders 1 and 2.")


class Judging(Group):
    """Settings of the features that labels are judged by."""

    judge_space: Literal["none", "modulus", "scattering"] | None = Field(
        None,
        description="Judge labels by patterns of this transform, beside those of the run; or by the run's own patterns "
        "(none). By default modulus, or none if --transform is modulus or scattering.",
    )
    judge_side: int = Field(
        32, ge=8, le=4096, description="For judging, average images down to at most this many pixels a side."
    )
    neighbours: int = Field(
        200_000,
        ge=0,
        description="Look for near-duplicates among at most this many images, since the time grows with their square.",
    )


class Decomposition(Group):
    """Settings for the number of patterns, and for the solver."""

    rank: int | None = Field(
        None,
        ge=1,
        description="Keep this many patterns; by default 64, or a quarter of the images or coefficients if fewer.",
    )
    energy: float | None = Field(
        None, gt=0, lt=1, description="Instead of --rank: keep as many patterns as hold this part of the energy."
    )
    solver: Literal["auto", "krylov", "gram", "dual"] = Field(
        "auto",
        description="Compute patterns in passes (krylov) or from an exact Gram matrix (gram, dual); auto takes the "
        "cheapest.",
    )
    oversample: int | None = Field(
        None, ge=0, description="Start krylov with this many columns beyond the rank; by default three times the rank."
    )
    passes: Literal["auto"] | Annotated[int, Field(ge=1, le=64)] = Field(
        "auto",
        description="Take patterns from this many passes in krylov, the first while transforming; auto stops at the "
        "tolerance.",
    )
    tolerance: float = Field(
        0.01,
        gt=0,
        lt=1,
        description="Refuse patterns with a larger residual; singular values are off by about its square.",
    )
    warm_start: str = Field(
        "auto",
        description="Start krylov from the patterns of this run, or none; auto: the last run of this source if its "
        "images changed.",
    )
    scales: bool = Field(
        default=True,
        description="Decompose each scale on its own too, for the table scales; takes more time, but no read.",
    )
    centre: bool = Field(default=True, description="Subtract the mean image first.")

    @model_validator(mode="after")
    def _rank_or_energy(self) -> Self:
        if self.rank is not None and self.energy is not None:
            raise ValueError("rank and energy both set how many patterns to keep; pass only one of them")
        return self

    @property
    def fixed_passes(self) -> int | None:
        """The requested number of passes, or None if krylov stops at the tolerance."""
        return None if self.passes == "auto" else self.passes


class Association(Group):
    """Settings of the comparison of patterns with classes, and with shuffled labels as a control."""

    seed: int = Field(
        0, ge=0, lt=2**63, description="Draw everything random (the solver's start, shuffled labels) from this seed."
    )
    permutations: int = Field(20, ge=1, le=10_000, description="Shuffle the labels this many times for the control.")


class Reading(Group):
    """How the files of a dataset are read, where they do not say so themselves."""

    format: str | None = Field(None, description="Read the dataset in this format, if it can be read in several ways.")
    split: str | None = Field(None, description="Fit patterns on this split; by default on the one called train.")
    join_classes: Literal["never", "casefold"] = Field(
        "never", description="Join classes whose names differ only in case, blanks or Unicode spelling (casefold)."
    )
    path_column: str | None = Field(None, description="Take the paths of images from this column of a list.")
    label_column: str | None = Field(
        None, description="Take labels from this column of a list or Parquet file, or from this entry of .json files."
    )
    split_column: str | None = Field(None, description="Take splits from this column of a list.")
    delimiter: str | None = Field(None, description="Columns of a list are separated by this character, or by tab.")
    unlabelled: Literal["skip", "keep", "refuse"] | None = Field(
        None,
        description="Skip images without a label (null, empty, -1), keep them for scores and duplicates, or refuse a "
        "dataset that has any; by default skip them, and refuse them in the split that patterns are fitted on.",
    )
    group: str | None = Field(
        None,
        description="Keep images that belong together (of a scene, a patient, a video) together in all shuffles and "
        "held-out checks. They have the same value in this column or, if there is no such column, the same text where "
        "this regular expression finds it in their names, such as 'patient(\\d+)'.",
    )


class Dataset(Group):
    """Settings for the images to accept, and for their rows and shards."""

    compact: bool = Field(
        default=False, description="Number the images anew, instead of keeping the rows of the last run of this source."
    )
    max_bad_fraction: float = Field(
        0.01, ge=0, le=1, description="Fail if a larger part of the images cannot be decoded."
    )
    duplicates: Literal["report", "refuse"] = Field(
        "report", description="Report images with the same bytes, or refuse a dataset that has any."
    )
    shard_size: ByteSize = Field(
        ByteSize(64 * 2**20), ge=4096, description="Put at most this many bytes of coefficients into a shard."
    )


class Access(Group):
    """Limits on the files and addresses that a dataset may have this machine read."""

    max_image_bytes: ByteSize = Field(
        ByteSize(64 * 2**20), ge=1, description="Set aside images whose encoded file is larger, without reading it."
    )
    root: Path | None = Field(
        None, description="Read the paths of a list from anywhere in this folder, not only from below the list's own."
    )
    allow_host: tuple[str, ...] = Field(
        (), description="Read from these web servers if a list names them; * for all that are not in a private network."
    )


class Report(Group):
    """Settings of what a report shows."""

    thumbnails: bool = Field(
        default=True,
        description="Keep and show small pictures of single images; without, no image can be seen in the report.",
    )


class Execution(Group):
    """Settings for the place and speed of a run. They do not change a bit of the result."""

    rehash: bool = Field(
        default=False, description="Read every image, even if its file looks the same as when the last run read it."
    )
    cluster: str = Field(
        "auto",
        description="Compute in processes of this machine (local), in this process (inline), in whichever of both is "
        "quicker (auto), on the scheduler at an address (tls://host:8786), or on a cluster of a class such as "
        "dask_jobqueue.SLURMCluster.",
        json_schema_extra={"pattern": PLAIN},
    )
    cluster_options: dict[str, Any] = Field(
        {}, description="Pass these arguments, as JSON, to the cluster class; $NAME is read from the environment."
    )
    workers: int | None = Field(
        None, ge=1, description="Start this many worker processes; by default one a core, if the cluster is local."
    )
    fewest_workers: int | None = Field(
        None, ge=1, description="Let the number of workers follow the work, from this many up to --workers."
    )
    memory_limit: ByteSize | None = Field(
        None, ge=2**28, description="Let a worker use this much memory; by default its share of this machine's."
    )
    tls: Path | None = Field(
        None, description="Connect to a tls:// address with ca.crt, tls.crt and tls.key from this folder."
    )
    allow_unencrypted: bool = Field(
        default=False, description="Use a cluster without TLS even if other machines can reach it."
    )

    @field_validator("cluster")
    @classmethod
    def _known_cluster(cls, name: str) -> str:
        if holds_secret(name):
            raise ValueError(
                "the address has a user or a query, which would be stored with the flow; use tls:// and --tls"
            )
        address = name.startswith(("tcp://", "tls://"))
        if name not in {"auto", "local", "inline"} and not address and not CLUSTER_CLASS.fullmatch(name):
            raise ValueError(
                f"{name!r} is neither auto, nor local, nor inline, nor an address such as tcp://127.0.0.1:8786, nor "
                "a class such as dask_jobqueue.SLURMCluster"
            )
        return name

    @field_validator("cluster_options", mode="before")
    @classmethod
    def _options_from_text(cls, value: Any) -> Any:  # noqa: ANN401 - an environment variable holds JSON
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("cluster_options")
    @classmethod
    def _no_secrets(cls, options: dict[str, Any]) -> dict[str, Any]:
        if names := written_secrets(options):
            raise ValueError(
                f"{names[0]} would be stored in Prefect's database; set an environment variable where the cluster is "
                "started, and write $NAME, with the variable's name, instead of the value"
            )
        return options

    @model_validator(mode="after")
    def _possible_workers(self) -> Self:
        if self.fewest_workers and self.workers and self.fewest_workers > self.workers:
            raise ValueError(f"fewest_workers = {self.fewest_workers} is above workers = {self.workers}")
        return self


class Afterwards(Group):
    """Settings of what is done with a finished run. They do not change a bit of the result."""

    mlflow: str | None = Field(
        None,
        min_length=1,
        description="Log the run to this experiment of the MLflow server that MLFLOW_TRACKING_URI names.",
    )
