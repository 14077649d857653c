import re
import shlex
import subprocess
from pathlib import Path

from storage.tables.schemas import COMPARISONS, TABLES
from tests.conftest import write_images

ROOT = Path(__file__).parent.parent


def test_every_column_is_in_the_data_schema():
    text = (ROOT / "docs" / "data-schema.md").read_text()
    for name, schema in {**TABLES, **COMPARISONS}.items():
        section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
        rows = re.findall(r"^\| (\w+) \| (.+?) \| (.+?) \|$", section, flags=re.MULTILINE)
        described = [(field.name, str(field.type), field.metadata[b"description"].decode()) for field in schema]
        assert rows == [("column", "type", "what it is"), *described]


def test_make_targets_of_the_readme_exist():
    targets = set(re.findall(r"^    make ([a-z-]+)", (ROOT / "README.md").read_text(), flags=re.MULTILINE))
    assert targets == {"demo", "test", "test-all", "bench"}
    for target in targets:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)  # noqa: S607


def test_links_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def commands(page):
    """Commands that a page shows on lines of their own, without what is said of them behind three spaces."""
    lines = re.findall(r"^    (?:\.venv/bin/)?eigenwave (.+)$", page.read_text(), flags=re.MULTILINE)
    return [re.split(r" {3,}", line)[0] for line in lines]


def test_every_command_of_the_docs_works(eigenwave, tmp_path):
    """In their order: the first makes the run that the others are about."""
    found = [line for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] for line in commands(page)]
    assert len(found) >= 8
    images = write_images(tmp_path / "dataset", count=30)
    meant = {"path/to/dataset": str(images), "KEY": "cat/000.png", "A": "latest", "B": "latest"}
    for line in found:
        words = [meant.get(word, word) for word in shlex.split(line)]
        words += ["--cluster", "inline", "--rank", "40"] if words[0] in {"run", "audit"} else []
        done = eigenwave(*words)
        assert done.returncode == 0, f"{line}: {done.stderr}"
