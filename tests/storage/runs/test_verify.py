import pytest

from storage.runs import verify as module
from storage.runs.manifest import Manifest
from storage.runs.workspace import Workspace


@pytest.mark.parametrize("name", ["../../../secret", "tables/../../../secret", "/etc/passwd"])
def test_no_file_outside_the_run_is_read(tmp_path, monkeypatch, name):
    paths = Workspace(str(tmp_path / "workspace")).run("r-1")
    (tmp_path / "secret").write_text("secret")
    monkeypatch.setattr(module, "digest_of", lambda path: pytest.fail(f"{path} was read"))
    manifest = Manifest.model_construct(files={name: "0" * 64})
    found = list(module._files(paths, manifest))  # noqa: SLF001 - of a manifest that has nothing else
    assert found == [module.Fault(paths.manifest, module.DAMAGED)]
