"""The report in a browser, from a file and without a network: nothing breaks, overlaps, or needs a mouse."""

from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

from storage.runs.workspace import Workspace
from tasks.columns.ask import ask_run
from tasks.explain.tables import explain_run
from tasks.issues.actions import read_actions
from tasks.report.page import rewrite_report
from tests.chromium import NEEDED, launch
from tests.datasets import write_images
from tests.prose import Text, faults, plain
from tests.runs import analyse, local
from tests.tasks.inspect.planted import planted

pytestmark = NEEDED

# Pairs of neighbours that lie over each other, and whatever stands out to the right.
OVERLAPS = """() => {
  const wide = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1
    && !e.closest(".scroll, .hidden, .plot, dialog, script"));
  const found = wide.map((e) => `stands out: ${e.outerHTML.slice(0, 80)}`);
  const groups = [".cards > li", "main > section", ".columns > *", ".checks > li", ".card > :not(.choose)"];
  for (const selector of groups) {
    for (const e of document.querySelectorAll(selector)) {
      const next = e.nextElementSibling;
      if (!next || !next.matches(selector) || e.hidden || next.hidden) continue;
      const [a, b] = [e.getBoundingClientRect(), next.getBoundingClientRect()];
      if (a.right > b.left + 1 && b.right > a.left + 1 && a.bottom > b.top + 1 && b.bottom > a.top + 1)
        found.push(`overlap: ${e.outerHTML.slice(0, 80)}`);
    }
  }
  return found;
}"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """A small report of photographs in colour with rejects, and one of the digits with answers."""
    folder = tmp_path_factory.mktemp("browser")
    images = write_images(
        folder / "data", shape=(16, 16, 3), classes=("a cat with a long name", "dog", "<b>"), count=30
    )
    (images / "dog" / "bad.png").write_bytes(b"no image")
    colour = analyse(images, folder / "colour", report=True, rank=8, max_bad_fraction=0.1)
    planted(folder / "copies")
    copies = analyse(folder / "copies", folder / "of copies", report=True, scales=False, permutations=1, rank=8)
    digits, workspace = analyse("digits", folder / "digits", report=True), Workspace(folder / "digits")
    ask_run(workspace, digits, ["brightness"])
    explain_run(workspace, digits, {"kept": np.asarray(digits.scores[:, :3])})
    rewrite_report(workspace, digits.paths)
    return {"colour": colour, "digits": digits, "copies": copies}


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@contextmanager
def opened(browser, run, width=1280, scheme="light", expected="nothing"):
    """A page with the run's report, whose errors, except one with the expected words, and requests fail the test."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    wrong = []
    page.on("console", lambda message: message.type in {"error", "warning"} and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: request.url.startswith(("file:", "data:", "blob:")) or wrong.append(request.url))
    page.route(lambda url: not url.startswith("file:"), lambda route: route.abort())
    page.goto(f"file://{local(run.paths.report)}")
    page.wait_for_selector("html[data-drawn]")
    yield page
    assert [text for text in wrong if expected not in text] == []
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("name", ["colour", "digits", "copies"])
def test_nothing_overlaps_or_stands_out(browser, reports, name, width, scheme):
    with opened(browser, reports[name], width, scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(OVERLAPS) == []
        assert page.locator("#headline").is_visible()
        assert page.locator(".plot canvas").count() >= 3


def test_the_answer_is_on_the_first_screen(browser, reports):
    with opened(browser, reports["digits"]) as page:
        for selector in ("#headline", ".bars", ".checks li >> nth=-1", "#to-fix"):
            box = page.locator(selector).bounding_box()
            assert box["y"] + box["height"] <= 800


@pytest.mark.parametrize("section", ["asked", "layers"])
def test_patterns_behind_an_answer_have_their_pictures_and_open(browser, reports, section):
    with opened(browser, reports["digits"]) as page:
        card = page.locator(f"#{section} button.card").first
        number, image = card.get_attribute("data-pattern"), card.locator("img")
        own = page.locator(f'#pattern-cards button[data-pattern="{number}"] img')
        assert image.get_attribute("src") == own.get_attribute("src")
        assert image.evaluate("image => image.naturalWidth") > 0
        card.click()
        assert page.locator("#details-title").inner_text() == f"Pattern {number}"


def test_a_click_on_a_pattern_shows_its_classes_and_exemplars(browser, reports):
    run = reports["colour"]
    exemplars = run.tables["exemplars"].to_pandas()
    mine = exemplars[exemplars.pattern == 2]
    with opened(browser, run) as page:
        page.click('#pattern-cards button[data-pattern="2"]')
        assert page.inner_text("#details-title") == "Pattern 2"
        shown = page.eval_on_selector_all("#details .row img", "images => images.map((image) => image.alt)")
        assert shown == [*mine[mine.side == "positive"].key, *mine[mine.side == "negative"].key]
        assert page.eval_on_selector_all("#details img", "images => images.every((image) => image.naturalWidth > 0)")
        page.click("#details .effects a >> nth=0")
        assert page.inner_text("#details-title") in run.manifest.classes
        page.keyboard.press("Escape")
        assert not page.is_visible("#details-title")


def copied(page):
    """What the page last wrote to the clipboard, by pasting it into a field."""
    page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), { id: 'paste' }))")
    page.focus("#paste")
    page.keyboard.press("Control+V")
    text = page.input_value("#paste")
    page.evaluate("document.getElementById('paste').remove()")
    return text


def test_issues_lead_to_pairs_whose_images_lead_to_their_files(browser, reports):
    run = reports["copies"]
    paths = {row["key"]: row["path"] for row in run.tables["thumbnails"].to_pylist()}
    with opened(browser, run) as page:
        page.click("#to-fix a[href='#pairs-near-leak']")
        images = page.locator("#pairs-near-leak ~ .pairs >> nth=0").locator("button.open img")
        assert images.evaluate_all("images => images.map((image) => image.alt)") == [
            "train/c/0006.png",
            "test/c/near.png",
        ]
        images.nth(1).click()
        assert page.inner_text("#details-title") == "test/c/near.png"
        assert "Issue: near leak. Suggestion: keep train/c/0006.png." in page.inner_text("#details")
        assert page.inner_text("#details code") == paths["test/c/near.png"]
        link = page.get_attribute("#details .tools a", "href")
        assert Path(unquote(urlsplit(link).path)).read_bytes() == Path(paths["test/c/near.png"]).read_bytes()
        page.click("#details .tools button")
        page.keyboard.press("Escape")
        assert copied(page) == paths["test/c/near.png"]


def test_paths_of_a_kind_are_copied_and_its_list_is_applied(browser, reports, tmp_path):
    run = reports["copies"]
    leaked = [row["path"] for row in run.tables["issues"].to_pylist() if row["kind"] == "leak"]
    with opened(browser, run) as page:
        page.click('[data-copy="leak"]')
        assert copied(page).split("\n") == leaked
        with page.expect_download() as download:
            page.click('[data-download="leak"]')
        download.value.save_as(tmp_path / "leak.csv")
    lines = (tmp_path / "leak.csv").read_text("utf-8-sig").splitlines()
    assert len(lines) == len(leaked) + 1
    assert read_actions(tmp_path / "leak.csv") == []
    (tmp_path / "leak.csv").write_text("\n".join([lines[0], *(f'{line}"drop"' for line in lines[1:])]), "utf-8-sig")
    assert [(found.action, found.cells["path"]) for found in read_actions(tmp_path / "leak.csv")] == [
        ("drop", path) for path in leaked
    ]


def test_chosen_images_are_copied_together(browser, reports):
    with opened(browser, reports["copies"], 390) as page:
        assert not page.is_visible("#chosen")
        boxes = page.locator("#pairs .choose")
        boxes.nth(0).check()
        boxes.nth(1).check()
        assert page.inner_text("#chosen b") == "2 images chosen"
        page.click("#chosen [data-copy]")
        rows = [int(boxes.nth(place).get_attribute("data-row")) for place in (0, 1)]
        known = {row["row"]: row["path"] for row in reports["copies"].tables["thumbnails"].to_pylist()}
        assert copied(page).split("\n") == [known[row] for row in rows]
        page.click("[data-clear]")
        assert not page.is_visible("#chosen")
        assert not boxes.nth(0).is_checked()


def test_a_class_says_what_it_is_mixed_up_with_and_what_to_fix_in_it(browser, reports):
    run = reports["copies"]
    samples = run.tables["samples"].to_pandas()
    mine = samples[(samples.class_name == "c") & samples.likely_class_id.notna()]
    others = mine[mine.likely_class_id != mine.class_id].likely_class_name.astype(str).value_counts()
    with opened(browser, run) as page:
        page.click('#class-cards button[data-class="2"]')
        text = page.inner_text("#details")
        for name, count in others.items():
            assert f"{100 * count / len(mine):.3g} % look more like {name}" in text
        assert "1 near leak" in text
        # Each pair shows the image of c whose label fits worst, and one of the other class.
        pairs = page.locator("#details .mixed")
        assert pairs.count() == len(others)
        worst = mine.loc[mine.label_suspicion.idxmax()]
        pair = pairs.filter(has_text=f"like {worst.likely_class_name}")
        shown = [int(row) for row in pair.locator("button").evaluate_all("all => all.map((one) => one.dataset.row)")]
        assert shown[0] == worst.row
        assert samples.class_name[shown[1]] == worst.likely_class_name


@pytest.mark.parametrize("name", ["digits", "copies", "colour"])
def test_what_it_says_reads_as_the_documentation_must(browser, reports, name):
    # Code stays code in the text of a paragraph, and what is not shown yet is read too.
    spoken = """() => {
      for (const code of document.querySelectorAll("code")) code.textContent = "`" + code.textContent + "`";
      for (const folded of document.querySelectorAll("details")) folded.open = true;
      const all = [...document.querySelectorAll("main :is(h1, h2, h3, p, li, summary, caption), .bars th")];
      return all.filter((one) => !one.closest(".cards")).map((one) => one.innerText);
    }"""
    with opened(browser, reports[name]) as page:
        found = [plain(text) for text in page.evaluate(spoken) if text.strip()]
    pieces = [Text(name, text, running=text.rstrip().endswith(".")) for text in found]
    assert sum(piece.running for piece in pieces) > 15
    assert [fault for piece in pieces for fault in faults(piece)] == []


def test_the_page_runs_no_other_scripts_and_asks_nobody(browser, reports):
    with opened(browser, reports["digits"], expected="violates the following Content Security Policy") as page:
        blocked = page.evaluate("""async () => {
          const blocked = [];
          document.addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
          const script = Object.assign(document.createElement("script"), { textContent: "window.foreign = true" });
          document.body.append(script);
          await new Promise((resolve) => setTimeout(resolve, 100));
          return [blocked, window.foreign ?? null];
        }""")
        assert blocked == [["script-src-elem"], None]


def test_the_keyboard_is_enough(browser, reports):
    with opened(browser, reports["colour"]) as page:
        page.focus("#class-cards button")
        page.keyboard.press("Enter")
        assert page.inner_text("#details-title") == "<b>"
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.dataset.class") == "0"


def test_a_tap_on_the_map_shows_the_pattern(browser, reports):
    with opened(browser, reports["colour"]) as page:
        page.locator("#map .plot").scroll_into_view_if_needed()
        box = page.locator("#map .plot").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_selector("#details-title")
        assert page.inner_text("#details-title").startswith("Pattern ")


def test_sorting_and_filtering(browser, reports):
    run = reports["digits"]
    patterns = run.tables["patterns"].to_pandas()
    with opened(browser, run) as page:
        page.click("#patterns summary")
        page.click("#pattern-table th:nth-child(4) button")
        page.click("#pattern-table th:nth-child(4) button")
        order = page.eval_on_selector_all("#pattern-table tbody tr td:first-child", "c => c.map((e) => +e.textContent)")
        assert order == patterns.sort_values("eta_squared", ascending=False).pattern.tolist()
        assert page.get_attribute("#pattern-table th:nth-child(4)", "aria-sort") == "descending"
        page.select_option("[data-sort]", "eta")
        cards = page.eval_on_selector_all("#pattern-cards li", "c => c.map((e) => +e.dataset.pattern)")
        assert cards == order
        wanted = patterns.top_class[0]
        page.fill("[data-filter=pattern-cards]", str(wanted))
        visible = page.eval_on_selector_all("#pattern-cards li:not([hidden])", "c => c.map((e) => e.dataset.text)")
        assert len(visible) == (patterns.top_class == wanted).sum()
        assert set(visible) == {wanted}


def test_every_picture_has_words_and_every_field_a_label(browser, reports):
    with opened(browser, reports["colour"]) as page:
        assert page.eval_on_selector_all("img", "images => images.filter((image) => !image.alt).length") == 0
        assert page.eval_on_selector_all(".plot", "p => p.filter((e) => !e.getAttribute('aria-label')).length") == 0
        assert page.eval_on_selector_all("input, select", "f => f.filter((e) => !e.labels.length).length") == 0


def random_images(folder, side, classes, count, grain=1):
    """Class folders of noise, which no format makes small, or of blots that are so many pixels wide."""
    random = np.random.default_rng(0)
    for number in range(classes):
        (folder / f"class {number:04d}").mkdir(parents=True)
        for row in range(count):
            pixels = random.integers(0, 255, (side // grain, side // grain, 3), np.uint8)
            image = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
            image.save(folder / f"class {number:04d}" / f"{row}.bmp")
    return folder


@pytest.mark.parametrize(("grain", "least", "most"), [(14, 224, 224), (1, 96, 200)])
def test_large_images_are_shown_with_the_pixels_that_five_megabytes_allow(browser, tmp_path, grain, least, most):
    images = random_images(tmp_path / "data", 224, 10, 7, grain)
    run = analyse(images, tmp_path / "workspace", report=True, rank=64, scales=False, permutations=2)
    assert run.paths.report.size() < 5_000_000
    with opened(browser, run, 390) as page:
        assert page.evaluate(OVERLAPS) == []
        for cards in ("pattern-cards", "class-cards"):
            sizes = page.eval_on_selector_all(f"#{cards} img", "images => images.map((image) => image.naturalWidth)")
            assert least <= min(sizes) == max(sizes) <= most
        page.click("#pattern-cards li:visible button >> nth=1")
        assert page.evaluate("document.querySelector('#details .hero img').naturalHeight") == sizes[0]


def test_a_thousand_classes_and_256_patterns_stay_usable(browser, tmp_path):
    images = random_images(tmp_path / "data", 32, 1000, 2)
    run = analyse(images, tmp_path / "workspace", report=True, rank=256, permutations=1, scales=False)
    assert run.paths.report.size() < 15_000_000
    with opened(browser, run, 390) as page:
        assert page.evaluate(OVERLAPS) == []
        assert page.locator("#class-cards li:visible").count() == 20
        page.fill("[data-filter=class-cards]", "0777")
        assert page.locator("#class-cards li:visible").count() == 1
        page.click("#class-cards li:visible button")
        assert page.inner_text("#details-title") == "class 0777"
