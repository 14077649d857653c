import re
import shlex
import subprocess

import pytest

from storage.tables.schemas import ASSOCIATIONS, COMPARISONS, EXPLANATIONS, HISTORY, TABLES
from tests.datasets import write_images
from tests.structure import ROOT, files

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")]
PATH = r"(?<![\w/.-])(?:eigenwave|flows|tasks|storage|tests|benchmarks)/[\w/.-]*\w"


def test_every_column_is_in_the_data_schema():
    text = (ROOT / "docs" / "data-schema.md").read_text()
    for name, schema in {**TABLES, **COMPARISONS, **ASSOCIATIONS, **EXPLANATIONS, "history": HISTORY}.items():
        section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
        rows = re.findall(r"^\| (\w+) \| (.+?) \| (.+?) \|$", section, flags=re.MULTILINE)
        described = [(field.name, str(field.type), field.metadata[b"description"].decode()) for field in schema]
        assert rows == [("column", "type", "what it is"), *described]


def test_make_targets_of_the_readme_exist():
    targets = set(re.findall(r"^    make ([a-z-]+)", (ROOT / "README.md").read_text(), flags=re.MULTILINE))
    assert targets == {"demo", "test", "test-all", "soak", "bench"}
    for target in targets:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)  # noqa: S607


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_files_that_docs_name_exist():
    """Those of today: the changelog is about what was."""
    for page in PAGES:
        if page.name != "CHANGELOG.md":
            named = re.findall(PATH, page.read_text())
            missing = {name for name in named if "NAME" not in name and not (ROOT / name).exists()}
            assert not missing, f"{page.name} names {missing}"


def test_every_room_is_named_for_newcomers():
    text = "".join((ROOT / page).read_text() for page in ("docs/design.md", "CONTRIBUTING.md"))
    rooms = {path.parent.relative_to(ROOT).as_posix() for path in files(ROOT)}
    assert {room for room in rooms if f"`{room}/`" not in text} == set()


def commands(page):
    """Commands that a page shows on lines of their own, without what is said of them behind three spaces."""
    lines = re.findall(r"^    (?:\.venv/bin/)?eigenwave (.+)$", page.read_text(), flags=re.MULTILINE)
    return [re.split(r" {3,}", line)[0] for line in lines]


@pytest.mark.slow
def test_every_command_of_the_docs_works(eigenwave, tmp_path):
    """In their order: the first makes the run that the others are about."""
    found = [line for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] for line in commands(page)]
    assert len(found) >= 8
    images = write_images(tmp_path / "dataset", count=30)
    meant = {"path/to/dataset": str(images), "SOURCE": str(images), "KEY": "cat/000.png", "A": "latest", "B": "latest"}
    keys = [path.relative_to(images).as_posix() for path in sorted(images.rglob("*.png"))]
    (tmp_path / "sites.csv").write_text("key,site\n" + "".join(f"{key},{key[-5]}\n" for key in keys))
    (tmp_path / "features.csv").write_text("key,first\n" + "".join(f"{key},{key[-5]}\n" for key in keys))
    meant |= {"RUN": "latest", "COLUMN": "site", "FILE": str(tmp_path / "sites.csv")}
    meant["FEATURES"] = str(tmp_path / "features.csv")
    for line in found:
        words = [meant.get(word, word) for word in shlex.split(line)]
        if words[0] == "open":
            continue  # it serves a page until it is ended: tests/flows/cli/test_explorer.py
        words += ["--cluster", "inline", "--rank", "40"] if words[0] in {"run", "audit"} else []
        done = eigenwave(*words)
        assert done.returncode == 0, f"{line}: {done.stderr}"
