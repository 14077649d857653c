"""Five tasks of somebody who owns a dataset, each done in the report of a made one with at most four clicks."""

import csv
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.fft import idctn

from storage.runs.workspace import Workspace
from tasks.columns.ask import ask_run
from tasks.issues.actions import read_actions
from tasks.report.page import rewrite_report
from tests.chromium import NEEDED, launch
from tests.runs import analyse, local

pytestmark = NEEDED

MOST_CLICKS = 4
LEAKED = [("train/cup/0003.png", "test/cup/copy.png"), ("train/jug/0004.png", "test/jug/copy.png")]
WRONG = ["train/lamp/from cup 0.png", "train/lamp/from cup 1.png", "train/lamp/from cup 2.png"]


def made(folder):
    """Make cups, and jugs and lamps, which are alike but that most lamps are in a brighter place. List the places."""
    random, steps, places = np.random.default_rng(0), np.arange(6), {}
    amplitudes = 20 / (1 + steps[:, None] + steps) ** 1.5
    waves = {"cup": (14, 0), "jug": (4, 0), "lamp": (0, 0)}

    def write(key, of):
        spectrum = np.zeros((16, 16, 3))
        spectrum[:6, :6] = amplitudes[..., None] * random.standard_normal((6, 6, 1))
        spectrum[[0, 3], [3, 0]] += np.array(waves[of])[:, None]
        places[key] = "studio" if random.random() < (0.9 if of == "lamp" else 0.1) else "shop"
        pixels = 100 + 12 * idctn(spectrum, axes=(0, 1), norm="ortho") + 30 * (places[key] == "studio")
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / key)

    for split, count in (("train", 300), ("test", 60)):
        for name in waves:
            for number in range(count):
                write(f"{split}/{name}/{number:04d}.png", name)
    for key in WRONG:
        write(key, "cup")
    for source, target in LEAKED:
        shutil.copy(folder / source, folder / target)
        places[target] = places[source]
    for number in range(3):
        (folder / "train" / "jug" / f"damaged {number}.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    lines = [f"{key},{place}" for key, place in places.items()]
    (folder.parent / "places.csv").write_text("\n".join(["key,place", *lines]))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the made dataset, which was asked about the places."""
    folder = tmp_path_factory.mktemp("tasks")
    settings = {"rank": 16, "permutations": 5, "max_bad_fraction": 0.1}
    run = analyse(made(folder / "data"), folder / "workspace", report=True, **settings)
    ask_run(Workspace(folder / "workspace"), run, ["place"], folder / "places.csv")
    rewrite_report(Workspace(folder / "workspace"), run.paths)
    return run


@pytest.fixture
def page(run):
    """The report in a browser. Clicks are counted, and each task needs few."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"file://{local(run.paths.report)}")
        page.wait_for_selector("html[data-drawn]")
        page.evaluate("window.clicks = 0; addEventListener('click', () => window.clicks++, true)")
        yield page
        assert page.evaluate("window.clicks") <= MOST_CLICKS
        browser.close()


def test_the_paths_of_leaked_images(page, run):
    page.click("#to-fix a[href='#pairs-leak']")
    page.click('[data-copy="leak"]')
    page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), { id: 'paste' }))")
    page.focus("#paste")
    page.keyboard.press("Control+V")
    folder = run.manifest.source
    assert sorted(page.input_value("#paste").split("\n")) == sorted(f"{folder}/{target}" for _, target in LEAKED)


def test_three_images_relabelled_in_the_list(page, tmp_path):
    page.click("#to-fix li:has-text('wrong') a")
    with page.expect_download() as download:
        page.click('[data-download="wrong label"]')
    download.value.save_as(tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(WRONG) == {row["key"] for row in rows[:3]}  # the most severe come first
    for row in rows:
        if row["key"] in WRONG:
            row["action"] = f"relabel:{row['suggestion']}"
    with (tmp_path / "list.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert [found.action for found in read_actions(tmp_path / "list.csv")] == ["relabel:cup"] * 3


def test_the_name_of_the_shortcut(page):
    checks = page.inner_text(".checks")
    assert "Patterns may tell place instead of the class." in checks
    assert "No pattern looks like a shortcut" not in checks
    text = page.inner_text("#asked")
    assert "Shortcut: CONFOUNDED. place goes with the class" in text.replace("`", "")


def test_the_hardest_class_and_what_it_is_mixed_up_with(page, run):
    shares = run.tables["classes"].to_pandas().set_index("class_name")["suspect_share"]
    hardest = shares.idxmax()
    assert {hardest, shares.drop(hardest).idxmax()} == {"jug", "lamp"}
    page.click("#to-fix li:has-text('wrong') a")
    listed = page.inner_text("#suspects p").rpartition("another class: ")[2]
    assert listed.startswith(hardest)
    page.click(f"#class-cards button:has-text('{hardest}')")
    other = ({"jug", "lamp"} - {hardest}).pop()
    assert f"% look more like {other}" in page.inner_text("#details")


def test_whether_more_images_would_help(page):
    text = page.inner_text("#learning p")
    assert re.search(r"With 903 images, .* Twice as many would .* %", text.replace("\N{NO-BREAK SPACE}", " "))
