from storage.formats.tree import TreeSource
from storage.formats.walk import Entry, Walked


class Listed(TreeSource):
    """Files that are only named."""

    def __init__(self, *paths):
        super().__init__("data")
        self.paths = paths

    def _entries(self):
        return (Entry(path, path, None, None, None) for path in self.paths)

    def text(self, path):
        raise FileNotFoundError(path)


def test_every_file_is_a_sample_or_is_counted():
    paths = ["10/a.png", "9/b.JPG", "9/._b.JPG", ".git/c.png", "readme.md", "9/b.txt", "d.png"]
    source = Listed(*paths)
    assert source.samples()["key"].to_pylist() == ["9/b.JPG", "10/a.png"]
    assert source.classes == ("9", "10")
    found = {each.kind: each.count for each in source.findings.ignored}
    assert found == {"other files": 2, "hidden files": 2, "loose images": 1}
    assert source.others == ["9/b.txt", "readme.md"]
    assert len(source.samples()) + source.findings.skipped == len(paths)


def test_a_walk_keeps_counts_of_files_that_may_lie_beside_each_image():
    walked = Walked()
    assert list(walked.images(Entry(f"{row}.txt", "", None, None, None) for row in range(3000))) == []
    assert list(walked.images(Entry(f"a/{row}.txt", "", None, None, None) for row in range(2))) == []
    assert (walked.endings[".txt"], len(walked.others)) == (3002, 102)
