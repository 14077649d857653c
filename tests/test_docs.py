import re
import subprocess
from pathlib import Path

from storage.tables import COMPARISONS, TABLES

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
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
