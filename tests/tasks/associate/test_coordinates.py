"""A run is one Zarr group, which xarray opens with the names of images, patterns and coefficients."""

import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import obstore
import pytest
import xarray as xr
import zarr
from zarr.storage import ObjectStore

from storage.errors import InputError
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.tables import parquet
from tasks.associate import coordinates
from tasks.associate.coordinates import OF_COEFFICIENTS, OF_IMAGES, OF_PATTERNS, places, write_coordinates
from tasks.wavelet.space import CoefficientSpace
from tasks.wavelet.transform import WaveletTransform
from tests.runs import local
from tests.stores import upload

COORDINATES = {*OF_IMAGES, *OF_PATTERNS, *OF_COEFFICIENTS}
SPACE = CoefficientSpace(WaveletTransform("haar", "periodization", 2, 8, 8), 3)
ARRAYS = {"coefficients", "mean", "patterns", "scores", "pattern_images", "mean_image", "class_loadings"}


@pytest.fixture(scope="module")
def run(drifting):
    """A run with a class that came, and with a row whose image was removed."""
    return drifting[3]


@pytest.fixture(scope="module")
def dataset(run):
    return xr.open_zarr(str(run.paths.arrays))


def test_dimensions_and_coordinates_have_their_names(dataset, run):
    assert set(dataset.coords) == COORDINATES
    assert set(dataset.data_vars) > ARRAYS
    assert dataset.coefficients.dims == ("image", "coefficient")
    assert dataset.scores.dims == ("image", "pattern")
    assert dataset.sizes["image"] == run.scores.shape[0]
    assert {dataset[name].dims for name in OF_IMAGES} == {("image",)}
    assert {dataset[name].dims for name in OF_COEFFICIENTS} == {("coefficient",)}


def test_coordinates_are_the_columns_of_the_tables(dataset, run):
    samples, patterns = run.tables["samples"], run.tables["patterns"]
    for name, (_, column) in OF_IMAGES.items():
        expected = ["" if value is None else value for value in samples[column].to_pylist()]
        assert dataset[name].values.tolist() == expected
    for name in OF_PATTERNS:
        assert dataset[name].values.tolist() == patterns[name].to_pylist()
    assert dataset["row"].values.tolist() == list(range(len(samples)))
    (gone,) = np.flatnonzero(dataset["class"].values == "")
    assert dataset["key"].values[gone] == "a/0000.png"


def test_the_place_of_a_coefficient_is_where_it_comes_from():
    found = {name: values.to_pylist() for name, values in places(SPACE.bands, SPACE.channels).items()}
    expected = [
        (band.orientation, band.level, channel, row, column)
        for band in SPACE.bands
        for channel in range(3)
        for row in range(band.rows)
        for column in range(band.columns)
    ]
    assert list(zip(*(found[name] for name in OF_COEFFICIENTS), strict=True)) == expected
    assert len(expected) == SPACE.coefficients


def test_nothing_but_one_file_is_read_to_open_a_run(run, tmp_path):
    shutil.copy(local(run.paths.arrays) / "zarr.json", tmp_path)
    dataset = xr.open_zarr(str(tmp_path), chunks=None)
    assert dataset.coefficients.shape == run.coefficients.shape
    assert set(dataset.coords) == COORDINATES


def test_every_array_is_in_the_consolidated_metadata_as_it_is(run):
    group = zarr.open_group(str(run.paths.arrays), mode="r")
    members = {path.name for path in local(run.paths.arrays).iterdir()} - {"zarr.json"}
    assert set(group.array_keys()) == members
    for name in members:
        array = zarr.open_array(str(run.paths.arrays / name), mode="r")
        assert json.dumps(group[name].metadata.to_dict()) == json.dumps(array.metadata.to_dict())
        assert None not in array.metadata.dimension_names
    assert len(group["key"][:]) == run.scores.shape[0]


def test_to_xarray_is_lazy_and_can_be_asked_by_names(run):
    dataset = run.to_xarray()
    assert set(dataset.coords) == COORDINATES
    assert all(dataset[name].chunks is not None for name in ARRAYS)
    samples = run.tables["samples"].to_pandas()
    means = dataset.scores.groupby("class").mean()
    for name in ("a", "d"):
        rows = samples.row[samples.class_name == name]
        np.testing.assert_allclose(means.sel({"class": name}), run.scores[:][rows].mean(axis=0), rtol=1e-5)
    key = samples.key[7]
    assert dataset.set_xindex("key").sel(key=key).scores.values.tolist() == run.scores[7].tolist()
    coarse = dataset.sel(coefficient=dataset.band == "LL").coefficients
    bands = run.coefficients.attrs["bands"]
    assert coarse.shape[1] == bands[0]["stop"]
    assert coarse[5].values.tolist() == run.coefficients[5, : bands[0]["stop"]].tolist()


def test_a_run_in_an_object_store_opens_too(run, bucket):
    upload(local(run.paths.arrays), f"{bucket}/runs/{run.paths.run_id}/run.zarr")
    upload(local(run.paths.tables), f"{bucket}/runs/{run.paths.run_id}/tables")
    url = f"{bucket}/runs/{run.paths.run_id}"
    store = obstore.store.from_url(url)
    for name in ("manifest.json", "plan.json"):
        obstore.put(store, name, (run.paths.folder / name).read_bytes())
    found = open_run(url).to_xarray()
    plain = xr.open_zarr(ObjectStore(obstore.store.from_url(f"{url}/run.zarr"), read_only=True))
    for dataset in (found, plain):
        assert dataset.scores.values.tobytes() == run.scores[:].tobytes()
        assert dataset["class"].values.tolist()[:3] == ["", "a", "a"]


def test_chunks_are_row_groups_of_the_table(run, tmp_path, monkeypatch):
    """So memory does not grow with the number of images; the last chunk is filled up."""
    paths = Workspace(tmp_path).run(run.paths.run_id)
    for name in ("run.zarr", "tables"):
        shutil.copytree(local(run.paths.folder / name), local(paths.folder / name))
    for name in OF_IMAGES:
        shutil.rmtree(local(paths.arrays / name))
    samples = run.tables["samples"]
    monkeypatch.setattr(parquet, "GROUP_ROWS", 16)
    monkeypatch.setattr(coordinates, "GROUP_ROWS", 16)
    with parquet.table_writer(paths.table("samples"), samples.schema, {}) as writer:
        writer.write(samples)
    plan = SimpleNamespace(row_count=len(samples))
    write_coordinates(SimpleNamespace(paths=paths, plan=plan, space=SPACE))
    assert len(list(local(paths.arrays / "key" / "c").iterdir())) == -(-len(samples) // 16) > 2
    group = zarr.open_group(str(paths.arrays), mode="r")
    for name, (_, column) in OF_IMAGES.items():
        expected = ["" if value is None else value for value in samples[column].to_pylist()]
        assert group[name][:].tolist() == expected


def test_finished_coordinates_are_kept_until_they_are_forgotten(run, tmp_path):
    """So a run that is continued gets on, and one whose summary is computed again has no coordinates of before."""
    paths = Workspace(tmp_path).run(run.paths.run_id)
    for name in ("run.zarr", "tables"):
        shutil.copytree(local(run.paths.folder / name), local(paths.folder / name))
    job = SimpleNamespace(paths=paths, plan=SimpleNamespace(row_count=len(run.tables["samples"])), space=SPACE)
    whole = local(paths.arrays / "row" / "c" / "0").read_bytes()
    for name in coordinates.NAMES:
        for chunk in local(paths.arrays / name / "c").iterdir():
            chunk.write_bytes(b"of before")
    write_coordinates(job)
    assert local(paths.arrays / "row" / "c" / "0").read_bytes() == b"of before"
    coordinates.forget_coordinates(job)
    write_coordinates(job)
    assert local(paths.arrays / "row" / "c" / "0").read_bytes() == whole
    before, after = (zarr.open_group(str(each.arrays), mode="r") for each in (run.paths, paths))
    for name in (*OF_IMAGES, *OF_PATTERNS):
        assert after[name][:].tolist() == before[name][:].tolist()


def test_without_xarray_one_sentence_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(InputError, match=r"^to_xarray needs xarray, .*: pip install eigenwave\[xarray\]\.$"):
        run.to_xarray()
