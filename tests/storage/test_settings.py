import json

import jsonschema
import pytest
from pydantic import ValidationError

from storage.errors import InputError
from storage.setting_groups import Decomposition
from storage.settings import Settings, setting_fields

# Written by the version whose settings had no groups. Shards are addressed by these bytes, and an interrupted run is
# found by them: a test that fails here says that every dataset would be transformed again.
DEFAULT_TRANSFORM = (
    '{"wavelet":"haar","mode":"periodization","level":2,"size":null,"fit":"crop","value_range":null,"transform":"dwt",'
    '"colour":"rgb","bands":"all","weights":"","threshold":0.0,"dtype":"float32"}'
)
DEFAULT_RESULT = """{
  "wavelet": "haar",
  "mode": "periodization",
  "level": 2,
  "size": null,
  "fit": "crop",
  "value_range": null,
  "transform": "dwt",
  "colour": "rgb",
  "bands": "all",
  "weights": "",
  "threshold": 0.0,
  "dtype": "float32",
  "rank": null,
  "energy": null,
  "solver": "auto",
  "oversample": null,
  "passes": "auto",
  "tolerance": 0.01,
  "warm_start": "auto",
  "scales": true,
  "centre": true,
  "seed": 0,
  "permutations": 20,
  "compact": false,
  "max_bad_fraction": 0.01,
  "duplicates": "report",
  "shard_size": 67108864
}"""
CHANGED = {
    "wavelet": "db2", "mode": "zero", "level": 3, "size": 48, "fit": "pad", "value_range": [0, 1],
    "colour": "ycbcr", "bands": "LL, HH1,2", "weights": "LL=0.5, 1=2", "threshold": 1e-5, "dtype": "float16",
    "exact_resize": True,  # as before there was this setting
    "rank": 7, "solver": "krylov", "oversample": 9, "passes": 3, "tolerance": 1e-5, "warm_start": "r-é",
    "scales": False, "centre": False, "seed": 2**63 - 1, "permutations": 5,
    "compact": True, "max_bad_fraction": 1e-7, "duplicates": "refuse", "shard_size": "1MiB",
    "max_image_bytes": "1KiB", "root": "images", "allow_host": ["a.org"],
    "rehash": True, "cluster": "a.B", "cluster_options": {"a": 1}, "workers": 3, "fewest_workers": 2,
    "memory_limit": "1GiB", "tls": "certificates", "allow_unencrypted": True, "mlflow": "quality",
}  # fmt: skip
CHANGED_TRANSFORM = (
    '{"wavelet":"db2","mode":"zero","level":3,"size":48,"fit":"pad","value_range":[0.0,1.0],"transform":"dwt",'
    '"colour":"ycbcr","bands":"LL,HH1,2","weights":"LL=0.5,1=2","threshold":0.00001,"dtype":"float16"}'
)
CHANGED_RESULT = """{
  "wavelet": "db2",
  "mode": "zero",
  "level": 3,
  "size": 48,
  "fit": "pad",
  "value_range": [
    0.0,
    1.0
  ],
  "transform": "dwt",
  "colour": "ycbcr",
  "bands": "LL,HH1,2",
  "weights": "LL=0.5,1=2",
  "threshold": 0.00001,
  "dtype": "float16",
  "rank": 7,
  "energy": null,
  "solver": "krylov",
  "oversample": 9,
  "passes": 3,
  "tolerance": 0.00001,
  "warm_start": "r-é",
  "scales": false,
  "centre": false,
  "seed": 9223372036854775807,
  "permutations": 5,
  "compact": true,
  "max_bad_fraction": 1e-7,
  "duplicates": "refuse",
  "shard_size": 1048576,
  "max_image_bytes": 1024,
  "root": "images",
  "allow_host": [
    "a.org"
  ]
}"""
OTHERS = {"energy": 0.9}  # what does not go together with those of CHANGED
OTHERS |= {"transform": "scattering", "octaves": 2, "angles": 6, "cells": 4, "logarithm": False}
OTHERS |= {
    "format": "folders",
    "split": "val",
    "join_classes": "casefold",
    "path_column": "file",
    "label_column": "breed",
    "group": "patient",
    "split_column": "fold",
    "delimiter": ";",
    "unlabelled": "skip",
    "judge_space": "scattering",
    "judge_side": 64,
    "neighbours": 1000,
    "thumbnails": False,
}  # of a group that is written as far as chosen


def test_layers_override_each_other(tmp_path, monkeypatch):
    config = tmp_path / "settings.toml"
    config.write_text('rank = 5\nlevel = 3\nwavelet = "db2"\nshard_size = "1MiB"\n')
    monkeypatch.setenv("EIGENWAVE_RANK", "6")
    monkeypatch.setenv("EIGENWAVE_LEVEL", "1")
    settings = Settings.load({"level": 2}, config)
    assert (settings.coefficients.wavelet, settings.coefficients.level) == ("db2", 2)
    assert (settings.decomposition.rank, settings.dataset.shard_size) == (6, 2**20)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"wavelet": "mexh"}, "wavelet = mexh .*no discrete wavelet.*families bior, coif, db"),
        ({"mode": "mirror"}, "mode = mirror .*choose from zero, constant"),
        ({"rank": 0}, "rank = 0 .*greater than or equal to 1"),
        ({"shard_size": "64 parsecs"}, "shard_size = 64 parsecs"),
        ({"cluster": "127.0.0.1"}, "neither auto, nor local, nor inline, nor an address"),
        ({"bands": "LL,XX"}, "bands = LL,XX .*not a list of bands such as LL,HH1,2; a band is"),
        ({"bands": ""}, "not a list of bands such as"),
        ({"weights": "LL=0"}, "weights = LL=0 .*not a list of bands such as LL=0.5,1=2"),
        ({"weights": "LL"}, "not a list of bands such as"),
        ({"transform": "modulus", "threshold": 1}, "transform modulus is periodic and has no threshold"),
        ({"transform": "modulus", "mode": "zero"}, "leave out mode and threshold"),
        ({"transform": "scattering", "level": 3}, "scattering has its own wavelets; leave out wavelet, mode, level"),
        ({"octaves": 2}, "octaves, angles, cells and logarithm need transform scattering"),
        ({"transform": "modulus", "cells": 4}, "need transform scattering; leave them out or set it"),
        ({"transform": "scattering", "angles": 1}, "angles = 1 .*greater than or equal to 2"),
        ({"rnak": 4}, "no setting rnak .in the command line.; eigenwave run --help"),
        ({"execution": {"rank": 4}}, "no setting execution.rank .in the command line"),
        ({"decomposition": 4, "rank": 4}, "decomposition = 4 .from the command line. is not allowed: input should be"),
        ({"decomposition": {"rank": 4}, "rank": 4}, "the command line are not allowed: rank is set twice"),
        ({"rank": 4, "energy": 0.5}, "do not go together: rank and energy both set how many patterns to keep"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(InputError, match=message):
        Settings.load(values)


def test_lists_of_bands_may_have_spaces():
    settings = Settings(bands="LL, HH1", weights="LL = 0.5, details=2")
    assert (settings.coefficients.bands, settings.coefficients.weights) == ("LL,HH1", "LL=0.5,details=2")


def test_bad_files_are_named(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"nowhere\.toml cannot be read"):
        Settings.load({}, tmp_path / "nowhere.toml")
    (tmp_path / "bad.toml").write_text("rank = [")
    with pytest.raises(InputError, match=r"bad\.toml cannot be read"):
        Settings.load({}, tmp_path / "bad.toml")
    (tmp_path / "bad.toml").write_text("ranks = 2")
    with pytest.raises(InputError, match=r"no setting ranks \(in .*bad.toml\)"):
        Settings.load({}, tmp_path / "bad.toml")
    monkeypatch.setenv("EIGENWAVE_RANK", "many")
    with pytest.raises(InputError, match=r"rank = many \(from the environment"):
        Settings.load({})


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        Settings().rank = 3
    with pytest.raises(ValidationError):
        Settings().decomposition.rank = 3


@pytest.mark.parametrize(
    ("given", "transform", "result"),
    [({}, DEFAULT_TRANSFORM, DEFAULT_RESULT), (CHANGED, CHANGED_TRANSFORM, CHANGED_RESULT)],
)
def test_the_json_that_addresses_shards_and_finds_runs_is_what_it_always_was(given, transform, result):
    settings = Settings(**given)
    assert settings.transform_part() == transform
    assert settings.result_part() == result
    again = Settings.recorded(json.loads(result))
    assert (again.transform_part(), again.result_part()) == (transform, result)


def test_only_what_earlier_versions_could_not_do_is_recorded_of_resizing():
    exact, scaled = Settings(size=48, exact_resize=True), Settings(size=48)
    assert Settings(exact_resize=True).result_part() == DEFAULT_RESULT
    assert exact.result_part() == DEFAULT_RESULT.replace('"size": null', '"size": 48')
    assert scaled.result_part() == exact.result_part().replace(
        '"dtype": "float32"', '"dtype": "float32",\n  "exact_resize": false'
    )
    assert scaled.transform_part() == exact.transform_part()
    for settings in (exact, scaled):
        again = Settings.recorded(json.loads(settings.result_part()))
        assert again.coefficients == settings.coefficients
    assert exact.of_coefficients() != scaled.of_coefficients()
    assert Settings(exact_resize=True).of_coefficients() == Settings().of_coefficients()


@pytest.mark.parametrize("name", ["octaves", "angles", "cells", "logarithm"])
def test_runs_of_other_scattering_are_not_comparable(name):
    settings = Settings(transform="scattering")
    assert settings.but(**{name: OTHERS[name]}).of_coefficients() != settings.of_coefficients()


def test_every_setting_was_changed_there():
    names = [name for _, name, _ in setting_fields()]
    assert CHANGED.keys() | OTHERS.keys() == set(names)
    assert len(names) == len(set(names)), "a setting has its name to itself in all groups"
    standard = {name: getattr(getattr(Settings(), group), name) for group, name, _ in setting_fields()}
    for group, name, _ in setting_fields():
        settings = Settings(**(OTHERS if name in OTHERS else CHANGED))
        assert getattr(getattr(settings, group), name) != standard[name]


@pytest.mark.parametrize("name", [name for _, name, _ in setting_fields()])
def test_what_a_setting_changes_follows_from_its_group(name):
    group = next(group for group, member, _ in setting_fields() if member == name)
    value = (CHANGED | OTHERS)[name]
    before = Settings(transform="scattering") if group == "scattering" else Settings()
    given = {"transform": before.coefficients.transform, "colour": before.coefficients.colour}
    changed = Settings(**given | {name: value})
    if name != "exact_resize":  # it is nothing without a size; see above
        assert (changed.transform_part() != before.transform_part()) == (group in {"coefficients", "scattering"})
        assert (changed.result_part() != before.result_part()) == (group not in {"execution", "afterwards"})
    assert changed == before.but(**{name: value})
    if group != "scattering" and name != "transform":  # these decide on others
        assert changed == Settings(**{group: {name: value}})


@pytest.mark.parametrize("given", [{"judge_space": "none"}, {"transform": "modulus"}, {"transform": "scattering"}])
def test_the_size_for_judging_needs_a_space_for_judging(given):
    with pytest.raises(InputError, match="do not go together: labels are judged by the run's own patterns, which"):
        Settings.load({**given, "judge_side": 16})
    assert Settings.load({**given, "judge_side": 32}) == Settings.load(given)
    assert Settings.load(given | {"judge_side": 16, "judge_space": "modulus"}).judging.judge_side == 16


def test_the_colour_follows_from_the_transform_unless_it_is_set():
    for transform, colour in (("dwt", "rgb"), ("modulus", "ycbcr"), ("scattering", "ycbcr")):
        assert Settings(transform=transform).coefficients.colour == colour
        assert Settings(coefficients={"transform": transform}).coefficients.colour == colour
        assert Settings(transform=transform, colour="gray").coefficients.colour == "gray"
        kept = Settings(transform=transform, colour="rgb").result_part()
        assert Settings.model_validate_json(kept).coefficients.colour == "rgb"


def test_groups_and_names_are_the_same_settings(tmp_path):
    config = tmp_path / "settings.toml"
    config.write_text("level = 1\n[decomposition]\nrank = 5\n[execution]\nworkers = 2\n")
    assert Settings.load({}, config) == Settings(level=1, rank=5, workers=2)
    assert Settings.load({"rank": 6}, config).decomposition.rank == 6
    assert Settings(decomposition=Decomposition(rank=6), level=1) == Settings(rank=6, level=1)
    everything = Settings(**CHANGED)
    assert Settings.model_validate(everything.model_dump()) == everything
    assert Settings.model_validate_json(everything.model_dump_json()) == everything


def test_a_form_takes_groups_and_names_alike():
    schema = Settings.model_json_schema()
    for group, name, field in setting_fields():
        own = schema["$defs"][group.title()]["properties"][name]
        assert schema["patternProperties"][f"^{name}$"] == own
        assert own["description"] == field.description
    jsonschema.validate(json.loads(Settings(**CHANGED).model_dump_json()), schema)
    jsonschema.validate({"rank": 3, "cluster": "inline", "coefficients": {"level": 1}}, schema)
    for refused in ({"rnak": 3}, {"rank": 0}, {"cluster": "tls://me:secret@host"}, {"execution": {"rank": 3}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(refused, schema)
