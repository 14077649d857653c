"""The installation that README describes runs what README, docs and notebook show."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.environments import add_packages, make_environment, needed_by, newest, pinned

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def call(*words, cwd, **environment):
    variables = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSAFEPATH"}}
    done = subprocess.run(
        list(map(str, words)), cwd=cwd, env=variables | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
    return done.stdout


def copied(folder):
    """A folder with the project's files, without tests."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    for name in listed.stdout.splitlines():
        if not name.startswith("tests/") and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The project, installed as README says with the Python of the tests."""
    folder = copied(tmp_path_factory.mktemp("checkout") / "eigenwave")
    make_environment(sys.executable, folder / ".venv", pinned("requirements.lock"))
    call("make", "install", f"PYTHON={sys.executable}", cwd=folder)
    # What the page and the notebook show beside eigenwave.
    pins = pinned("requirements-dev.lock")
    shown = {name: pins[name] for name in ("xarray", "polars", "polars-runtime-32")}
    add_packages(folder / ".venv", shown)
    return folder


def python_of(page):
    """The indented Python of a page, in its order."""
    blocks = re.findall(r"(?:^(?:    .*)?\n)+", page.read_text(), flags=re.MULTILINE)
    return [block for block in blocks if re.search(r"^    .*(\beigenwave\.\w+|\brun\.)", block, re.MULTILINE)]


def as_script(blocks):
    return "import eigenwave\n" + "".join(re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks)


def test_the_python_of_readme_and_page_works(checkout, tmp_path, prefect_server):
    python = checkout / ".venv" / "bin" / "python"
    blocks = python_of(checkout / "docs" / "python-api.md")
    assert len(blocks) == 15
    call(python, "-c", as_script(blocks), cwd=tmp_path, PREFECT_API_URL=prefect_server)
    (block,) = [block for block in python_of(checkout / "README.md") if "import eigenwave" in block]
    call(python, "-c", as_script([block.replace("train/cat/7.png", "0010")]), cwd=tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_notebook_works(checkout, tmp_path, prefect_server, monkeypatch):
    """With a kernel as Jupyter brings it, in a folder with packages of the same names."""
    pins = pinned("requirements-dev.lock")
    (tmp_path / "constraints.txt").write_text("\n".join(f"{name}=={version}" for name, version in pins.items()))
    python = checkout / ".venv" / "bin" / "python"
    kernels = needed_by("ipykernel")
    add_packages(checkout / ".venv", {name: version for name, version in pins.items() if name in kernels})
    call(python, "-m", "pip", "install", "-q", "-c", tmp_path / "constraints.txt", "ipykernel", cwd=tmp_path)
    kernel = tmp_path / "jupyter" / "kernels" / "installed"
    kernel.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "installed", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    folder = tmp_path / "project"
    (folder / "storage").mkdir(parents=True)
    for name in ("storage/__init__.py", "tasks.py"):
        (folder / name).write_text("raise RuntimeError('of another project')\n")
    book = nbformat.read(checkout / "docs" / "example.ipynb", as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(book, timeout=600, kernel_name="installed", resources=resources).execute()
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert {"text/html", "image/png", "image/svg+xml"} <= kinds
    pages = [output.get("data", {}).get("text/html", "") for output in outputs]
    for found in ("learnability 0.5", "SEPARABLE BUT HARMLESS", "of the variance of `logits` on unseen images"):
        assert sum(found in page for page in pages) == 1, found  # what is displayed twice is displayed wrongly


def interpreter(version):
    """A Python of a version, or a skipped test that says that there is none."""
    if sys.version.startswith(f"{version}."):
        return sys.executable
    found = shutil.which(f"python{version}")
    if found is None or subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"untested with Python {version}: it is not on this machine")
    return found


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_wheel_works_in_a_folder_with_packages_of_the_same_names(tmp_path, version):
    """In a fresh environment with nothing but the wheel and the versions of the lock."""
    make_environment(interpreter(version), tmp_path / "venv", pinned("requirements.lock"))
    scripts, wheels, folder = tmp_path / "venv" / "bin", tmp_path / "wheels", tmp_path / "project"
    call(scripts / "python", "-m", "ensurepip", cwd=tmp_path)
    pip = [scripts / "python", "-m", "pip", "-q"]
    # Python compiles the few modules that are imported by itself, in less time than pip takes for all.
    call(*pip, "install", "--no-compile", "--require-hashes", "-r", ROOT / "requirements.lock", cwd=tmp_path)
    call(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, copied(tmp_path / "eigenwave"), cwd=tmp_path)
    call(*pip, "install", "--no-deps", *wheels.glob("eigenwave-*.whl"), cwd=tmp_path)
    (folder / "storage").mkdir(parents=True)
    for name in ("storage/__init__.py", "tasks.py", "flows.py"):
        (folder / name).write_text("raise RuntimeError('of another project')\n")
    settings = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    call(scripts / "eigenwave", "run", "digits", "--run-id", "first", "--workers", "1", cwd=folder, **settings)
    code = "import eigenwave; print(eigenwave.open_run('first').tables['patterns'].to_pandas().shape[0])"
    assert int(call(scripts / "python", "-c", code, cwd=folder, **settings)) > 0
    assert "learnability" in call(scripts / "eigenwave", "show", cwd=folder, PYTHONPATH=".", **settings)


def test_it_works_with_the_newest_versions_of_all_packages(tmp_path):
    """As `pip install` takes them today, not those of the lock; in an empty home, in the folder of another project."""
    wheels, folder = tmp_path / "wheels", tmp_path / "project"
    wheel = [sys.executable, "-m", "pip", "-q", "wheel", "--no-deps", "--no-build-isolation", "-w", wheels]
    call(*wheel, copied(tmp_path / "eigenwave"), cwd=tmp_path)
    python = newest(tmp_path / "venv", *wheels.glob("eigenwave-*.whl"))
    (folder / "storage").mkdir(parents=True)
    (folder / "storage" / "__init__.py").write_text("raise RuntimeError('of another project')\n")
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home" / "cache")}
    words = ("run", "digits", "--cluster", "inline", "--json")
    run = json.loads(call(python.parent / "eigenwave", *words, cwd=folder, **home))["run"]
    assert (run["images"], len(run["patterns"]), run["learnability"]["n"]) == (1797, 16, 1450)
    assert run["learnability"]["learnability"] == pytest.approx(0.568949, abs=1e-5)
    assert run["learnability"]["shuffled_max"] == pytest.approx(0.012785, abs=1e-5)
    assert run["patterns"][0]["singular_value"] == pytest.approx(31.94, abs=0.005)
