import pytest
from pydantic import ValidationError

from storage.errors import InputError
from storage.settings import EXECUTION_FIELDS, TRANSFORM_FIELDS, Settings


def test_layers_override_each_other(tmp_path, monkeypatch):
    config = tmp_path / "settings.toml"
    config.write_text('rank = 5\nlevel = 3\nwavelet = "db2"\nshard_size = "1MiB"\n')
    monkeypatch.setenv("EIGENWAVE_RANK", "6")
    monkeypatch.setenv("EIGENWAVE_LEVEL", "1")
    settings = Settings.load({"level": 2}, config)
    assert (settings.wavelet, settings.rank, settings.level, settings.shard_size) == ("db2", 6, 2, 2**20)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"wavelet": "mexh"}, "wavelet = mexh .*no discrete wavelet.*families bior, coif, db"),
        ({"mode": "mirror"}, "mode = mirror .*choose from zero, constant"),
        ({"rank": 0}, "rank = 0 .*greater than or equal to 1"),
        ({"shard_size": "64 parsecs"}, "shard_size = 64 parsecs"),
        ({"cluster": "127.0.0.1"}, "neither local, nor inline, nor an address"),
        ({"bands": "LL,XX"}, "bands = LL,XX .*not a list such as LL,HH1,2 of bands"),
        ({"bands": ""}, "not a list such as"),
        ({"weights": "LL=0"}, "weights = LL=0 .*not a list such as LL=0.5,1=2"),
        ({"weights": "LL"}, "not a list such as"),
        ({"transform": "modulus", "threshold": 1}, "transform modulus is periodic and has no threshold"),
        ({"transform": "modulus", "mode": "zero"}, "leave mode and threshold out"),
        ({"rnak": 4}, "no setting 'rnak' .in the command"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(InputError, match=message):
        Settings.load(values)


def test_lists_of_bands_may_have_spaces():
    settings = Settings(bands="LL, HH1", weights="LL = 0.5, details=2")
    assert (settings.bands, settings.weights) == ("LL,HH1", "LL=0.5,details=2")


def test_bad_files_are_named(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"nowhere\.toml cannot be read"):
        Settings.load({}, tmp_path / "nowhere.toml")
    (tmp_path / "bad.toml").write_text("rank = [")
    with pytest.raises(InputError, match=r"bad\.toml cannot be read"):
        Settings.load({}, tmp_path / "bad.toml")
    (tmp_path / "bad.toml").write_text("ranks = 2")
    with pytest.raises(InputError, match=r"no setting 'ranks' \(in .*bad.toml\)"):
        Settings.load({}, tmp_path / "bad.toml")
    monkeypatch.setenv("EIGENWAVE_RANK", "many")
    with pytest.raises(InputError, match=r"rank = many \(from the environment"):
        Settings.load({})


def test_settings_are_frozen_and_their_parts_exist():
    with pytest.raises(ValidationError):
        Settings().rank = 3
    assert set(Settings.model_fields) >= TRANSFORM_FIELDS | EXECUTION_FIELDS
    assert '"wavelet":"haar"' in Settings().transform_part()
    assert "workers" not in Settings().result_part()
