"""eigenwave associate, as a user calls it."""

import json

import numpy as np
import pytest

from tests.datasets import smooth_images
from tests.runs import SMALL, analyse


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("associate")
    return analyse(smooth_images(folder / "data", count=40), folder / "workspace", run_id="one", **SMALL)


@pytest.fixture
def table(run, tmp_path):
    """A table by key: a site that goes with the class, and one with a name that a terminal might obey."""
    keys = run.tables["samples"]["key"].to_pylist()
    rows = [f"{key},site {key[0]},{'[bold]' if number % 2 else 'x'}" for number, key in enumerate(keys)]
    (tmp_path / "sites.csv").write_text("\n".join(["key,site,odd\x1b", *rows, "gone,site a,x"]) + "\n")
    return tmp_path / "sites.csv"


@pytest.fixture
def associate(run, eigenwave):
    def call(*words, **environment):
        return eigenwave(
            "associate", *words, "--workspace", str(run.paths.folder).removesuffix("/runs/one"), **environment
        )

    return call


def test_a_summary_for_people_fits_into_80_columns(run, associate, table):
    done = associate("--by", "site,odd\x1b", "--table", table, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    text = " ".join(done.stdout.split())
    assert "The patterns predict `site`:" in text
    assert "120 fitted images with 3 values; 1 row names no image of the run." in text
    assert "We found no sign of `odd\\x1b` in the patterns" in text
    assert "\x1b" not in done.stdout
    assert f"associations/{run.manifest.run_id}/site" in text.replace(" ", "")


def test_tables_for_programs(run, associate, table):
    done = associate("latest", "--by", "site", "--by", "odd\x1b", "--table", table, "--json")
    found = json.loads(done.stdout)
    assert found["run"] == "one"
    site, odd = found["columns"]
    assert odd["summary"]["unknown_keys"] == 1
    names = {"column", "summary", "values", "patterns", "averages", "held_out", "shortcuts", "losses"}
    assert site.keys() == names
    assert [row["value"] for row in site["values"]] == ["site a", "site b", "site c"]
    learnability = run.manifest.learnability["learnability"]
    assert site["summary"]["learnability"] == pytest.approx(learnability)


def test_shortcuts_are_listed_the_most_serious_first(run, associate, tmp_path):
    samples = run.tables["samples"].to_pylist()
    coins = np.random.default_rng(2).choice(["x", "y"], len(samples))
    rows = [f"{row['key']},{coin},{row['class_name']}" for row, coin in zip(samples, coins, strict=True)]
    (tmp_path / "table.csv").write_text("\n".join(["key,chance,alias", *rows]) + "\n")
    done = associate("--by", "chance,alias", "--table", tmp_path / "table.csv", COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    text = " ".join(done.stdout.split())
    assert text.index("cannot say alias 1.00") < text.index("chance 0.", text.index("shortcut?"))
    assert text.index("`alias` says what the class says") < text.index("Shortcut: CLEAN")


def test_wrong_words_are_refused(associate, table, tmp_path):
    for words, sentence in (
        (("--by", "sites", "--table", table), "There is no column 'sites'; there are site,"),
        (("--by", "site", "--table", tmp_path / "none.csv"), "There is no file"),
        (("nowhere", "--by", "site"), "has no run nowhere"),
        ((), "--by"),
    ):
        done = associate(*words)
        assert done.returncode == 2
        assert sentence in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
