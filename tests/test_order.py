from types import SimpleNamespace

from tests.order import FILES, longest_first
from tests.structure import ROOT


def test_the_files_are_there_and_come_first():
    assert [path for path in FILES if not path.is_file()] == []
    others = [ROOT / "tests" / "test_z.py", ROOT / "tests" / "test_a.py"]
    items = [SimpleNamespace(path=path) for path in [*others, *reversed(FILES)]]
    longest_first(items)
    assert [item.path for item in items] == [*FILES, *others]
