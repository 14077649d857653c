"""The explorer in a browser: look, filter, sort, find neighbors, choose."""

import time

import pytest

from tests.chromium import NEEDED, launch
from tests.flows.explorer.serving import serving
from tests.runs import analyse
from tests.tasks.inspect.planted import planted

pytestmark = NEEDED


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    planted(folder / "data")
    return analyse(folder / "data", folder / "workspace", report=True, scales=False, permutations=1, rank=4)


@pytest.fixture
def page(run):
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    wrong = []
    with serving(run) as address, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        page.on("console", lambda message: message.type in {"error", "warning"} and wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address.geturl())
        page.wait_for_selector("#images img")
        yield page
        browser.close()
    assert [text for text in wrong if "status of 400" not in text] == []  # a wrong question, which a test asks


def until(true, seconds=20.0):
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def shown(page):
    return page.eval_on_selector_all("#images .key", "keys => keys.map((key) => key.textContent)")


def test_images_are_filtered_sorted_and_loaded_as_one_scrolls(page, run):
    samples = run.tables["samples"].to_pandas().sort_values("row")
    until(lambda: page.inner_text("#count") == f"{len(samples)} images")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    until(lambda: shown(page) == samples.key.tolist())
    page.select_option("[name=class]", "c")
    page.select_option("[name=order]", "suspicion")
    mine = samples[samples.class_name == "c"].sort_values("label_suspicion", ascending=False, kind="stable")
    until(lambda: shown(page)[:10] == mine.key.tolist()[:10])
    page.select_option("[name=kind]", "near leak")
    until(lambda: shown(page) == ["test/c/near.png"])
    assert page.inner_text("#count") == "1 image"


def test_a_large_window_is_filled_without_scrolling(page, run):
    page.set_viewport_size({"width": 3840, "height": 2160})
    until(lambda: len(shown(page)) == len(run.tables["samples"]))


def test_an_image_leads_to_its_file_and_to_its_neighbours(page):
    page.fill("[name=text]", "test/c/near")
    until(lambda: len(shown(page)) == 1)
    page.click("#images .open")
    page.wait_for_selector("#details .row img")
    assert page.inner_text("#title") == "test/c/near.png"
    assert "near leak" in page.inner_text("#details")
    assert page.inner_text("#details code").endswith("test/c/near.png")
    page.click("#details .row .open >> nth=0")
    until(lambda: page.inner_text("#title") == "train/c/0006.png")
    page.keyboard.press("Escape")
    assert not page.is_visible("#title")


def test_chosen_images_are_downloaded_across_queries(page, tmp_path):
    page.fill("[name=text]", "near.png")
    until(lambda: len(shown(page)) == 3)
    page.locator(".choose").nth(0).check()
    page.fill("[name=text]", "copy.png")
    until(lambda: all(key.endswith("copy.png") for key in shown(page)))
    page.locator(".choose").nth(1).check()
    assert page.inner_text("#chosen b") == "2 images chosen"
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "chosen.csv")
    lines = (tmp_path / "chosen.csv").read_text("utf-8-sig").splitlines()
    assert len(lines) == 3
    assert lines[0].endswith('"action"')
    page.click("#clear")
    assert not page.is_visible("#chosen")


def test_a_wrong_question_is_answered_in_words(page):
    page.select_option("[name=order]", "pattern")
    page.fill("[name=pattern]", "99")
    until(lambda: page.is_visible("#problem"))
    assert "has 4 patterns" in page.inner_text("#problem")
    page.fill("[name=pattern]", "1")
    until(lambda: not page.is_visible("#problem"))
