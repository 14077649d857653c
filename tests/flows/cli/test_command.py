import importlib
import inspect
import logging
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from flows.cli.command import COMMANDS, app, status
from flows.cli.examples import EXAMPLES
from flows.cli.flags import FIRST, FIRST_TO_READ
from flows.cli.terminal import note
from storage.settings import Settings, setting_fields
from tests.datasets import write_images
from tests.processes import EIGENWAVE
from tests.schemas import checked


def error_of(finished):
    """The one sentence of a refused command."""
    assert finished.returncode == 2, finished.stderr
    assert "Traceback" not in finished.stderr
    lines = finished.stderr.strip().splitlines()
    assert len(lines) == 1, finished.stderr
    return lines[0]


@pytest.fixture(scope="module")
def workspace(prefect_server, tmp_path_factory):
    """A workspace with one finished run of the digits, and what the command printed."""
    folder = tmp_path_factory.mktemp("command")
    environment = os.environ | {"PREFECT_API_URL": prefect_server, "COLUMNS": "120"}
    command = [EIGENWAVE, "run", "digits", "--run-id", "first"]
    finished = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return folder, finished


def test_run_prints_what_it_found(workspace):
    folder, finished = workspace
    assert finished.returncode == 0, finished.stderr
    printed = " ".join(finished.stdout.split())
    assert re.search(r"learnability 0\.5[5-9]\d+ 0\.0110 0\.0\d+ 0\.0[01]\d+", printed)
    assert "patterns with q < 0.05 16 of 16" in printed
    assert re.search(r"Labels account for 5\d\.\d % of the separation .* so the association is real", printed)
    assert "eigenwave-workspace/runs/first" in printed
    assert (folder / "eigenwave-workspace" / "runs" / "latest").read_text() == "first"
    assert "residual at most" in printed
    assert "(gram, 1 pass)" in printed
    for stage in ("transform", "project"):
        assert stage in finished.stderr
    assert "ERROR" not in finished.stderr
    assert "Traceback" not in finished.stderr


def test_list_and_show(workspace, eigenwave):
    folder, finished = workspace
    listed = eigenwave("list", cwd=folder).stdout
    assert re.search(
        r"digits\n.*\n.*\n +first +\d{4}-\d\d-\d\d \d\d:\d\d +1,797 +0\.5\d+ +0\.01\d+ +latest *\n", listed
    )
    assert max(map(len, listed.splitlines())) <= 80
    for words in (["show"], ["show", "first"], ["show", "latest"], ["show", "eigenwave-workspace/runs/first"]):
        assert eigenwave(*words, cwd=folder).stdout == finished.stdout


def test_the_environment_names_the_workspace(tmp_path, workspace, eigenwave):
    environment = {"EIGENWAVE_WORKSPACE": str(workspace[0] / "eigenwave-workspace")}
    assert " first " in eigenwave("list", **environment).stdout
    assert "has no runs" in eigenwave("list", "--workspace", tmp_path / "other", **environment).stdout


def test_list_names_unfinished_runs(tmp_path, eigenwave):
    assert "has no runs" in eigenwave("list").stdout
    (tmp_path / "eigenwave-workspace" / "runs" / "r-1").mkdir(parents=True)
    assert re.search(r"r-1\s+unfinished", eigenwave("list").stdout)


def test_a_dataset_that_does_not_exist_can_be_planned(eigenwave):
    words = ["plan", "--images", "1e9", "--image-size", "224", "--memory-limit", "1GiB"]
    printed = " ".join(eigenwave(*words).stdout.split())
    assert "images 1,000,000,000 of 224 x 224 pixels, 3 channels, 10 classes" in printed
    assert "9,009,010 of up to 111 images; too many for a scheduler: set --shard-size 5743MiB or more" in printed
    assert re.search(r"memory 1\.\d GiB a process, in the stage solve; 1\.0 GiB are allowed: too few", printed)
    assert "transform 9,009,010 414.4 TiB 550.9 TiB" in printed
    printed = eigenwave(*words, "--shard-size", "5743MiB", "--channels", "1", "--classes", "1000").stdout
    assert "1 channel, 1,000 classes" in " ".join(printed.split())
    assert "scheduler" not in printed
    assert "of 64 x 64 pixels" in eigenwave(*words, "--size", "64").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Give a SOURCE to plan for, or else both --images and --image-size."),
        (["digits", "--images", "5"], "Give a SOURCE"),
        (["--images", "5"], "Give a SOURCE"),
        (["--images", "nan", "--image-size", "32"], "--images nan is not possible: give a whole number from 2 to 1e"),
        (["--images", "inf", "--image-size", "32"], "--images inf is not possible"),
        (["--images", "1e4", "--image-size", "1"], "--image-size 1 is not possible"),
        (["--images", "1e4", "--image-size", "3"], "Level 2 is too deep for images of 3 x 3 pixels"),
    ],
)
def test_what_cannot_be_planned_is_refused(words, message, capsys):
    assert status(["plan", *words], debug=False) == 2
    assert message in capsys.readouterr().err


def test_plan_computes_nothing(tmp_path, eigenwave, class_folders):
    printed = " ".join(eigenwave("plan", class_folders, "--rank", 3).stdout.split())
    assert "24 of 8 x 8 pixels, 3 channels, 2 classes" in printed
    assert "192 an image, 0.0 MiB in all" in printed
    assert "dual, exact" in printed or "gram, exact" in printed
    assert re.search(r"memory [\d.]+ MiB a process, in the stage \w+; [\d.]+ [MG]iB are allowed", printed)
    assert re.search(r"krylov 2 \S+ \S+ s gram 1 \S+ \S+ s", printed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset"]


def test_everything_but_run_leaves_prefect_and_dask_alone():
    code = (
        "import sys\n"
        "from flows.cli.command import status\n"
        "for words in (['plan', 'digits'], ['list'], ['--help'], ['show']):\n"
        "    status(words, debug=False)\n"
        "print(sorted({'prefect', 'distributed', 'dask', 'sklearn'} & set(sys.modules)))\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == "[]"


def test_help_names_every_setting(eigenwave):
    printed = eigenwave("run", "--help").stdout
    printed, everywhere = printed.split("╭─ On every command ")
    assert re.findall(r"^│ --([a-z]+)", everywhere, re.MULTILINE) == ["json", "quiet", "verbose", "debug"]
    flags = re.findall(r"^│ (?:\*  )?--([a-z-]+)", printed, re.MULTILINE)
    assert [*FIRST] == [flag.replace("-", "_") for flag in flags[4:14]]
    assert sorted(name for _, name, _ in setting_fields()) == sorted(flag.replace("-", "_") for flag in flags[4:])
    titles = re.findall(r"^╭─ (.*?) ─", printed, re.MULTILINE)
    assert titles[3:] == [field.title for field in Settings.model_fields.values()]
    assert everywhere.index("╰") < everywhere.index("Examples:") < everywhere.index("eigenwave run digits")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "/nowhere: give a folder, a file, a URL, or a known name such as digits; eigenwave run"),
        (
            ["empty"],
            "empty holds no images, and no files that hold images; docs/inputs.md shows what datasets look like.",
        ),
        (["one"], "one has images of only one class (cat, split train); association needs two or more."),
        (
            ["mixed"],
            "have different sizes: 8 x 8 (24), 5 x 5 (2) among 26 sampled images; set --size to resize all to one.",
        ),
        (["dataset", "--wavelet", "mexh"], "no discrete wavelet is called 'mexh'"),
        (
            ["dataset", "--level", "5"],
            "Level 5 is too deep for images of 8 x 8 pixels and the wavelet haar: set --level",
        ),
        (["dataset", "--rank", "0"], "Setting rank = 0 (from the command line) is not allowed"),
        (["dataset", "--rank", "100"], "Rank 100 is out of range: 24 images of 192 coefficients allow --rank from 1"),
        (["dataset", "--workspace", "dataset/cat/000.png"], "cannot be used: "),
        (["dataset", "--workspace", "/sys/read-only"], "cannot be used: "),
        (["dataset", "--cluster", "nowhere"], "neither auto, nor local, nor inline, nor an address"),
        (["dataset", "--run-id", "../x"], "The run id '../x' is not allowed"),
        (["dataset", "--config", "none.toml"], "The settings file none.toml cannot be read"),
        (["dataset", "--bogus"], "Unknown option"),
        ([], "SOURCE"),
    ],
)
@pytest.mark.usefixtures("class_folders")
def test_bad_input_is_one_sentence_and_leaves_nothing(tmp_path, eigenwave, words, message):
    (tmp_path / "empty").mkdir()
    write_images(tmp_path / "one", classes=("cat",), count=2)
    write_images(tmp_path / "mixed")
    write_images(tmp_path / "mixed" / "cat" / "more", shape=(5, 5, 3), count=1)
    assert message in error_of(eigenwave("run", *words))
    runs = tmp_path / "eigenwave-workspace" / "runs"
    assert not runs.exists() or not list(runs.iterdir())


def test_bad_fraction_fails_the_run_with_status_1(eigenwave, class_folders):
    (class_folders / "cat" / "000.png").write_bytes(b"")
    finished = eigenwave("run", class_folders, "--cluster", "inline")
    assert finished.returncode == 1
    assert "1 of 24 images cannot be used (1 empty; cat/000.png: the file has no bytes)" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.slow  # Dask tries for ten seconds
def test_no_scheduler_is_wrong_input(eigenwave, class_folders):
    finished = eigenwave("run", class_folders, "--cluster", "tcp://127.0.0.1:9")
    assert finished.returncode == 2
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.slow
def test_ctrl_c_ends_the_run_soon_even_if_its_temporary_server_dies_of_it(tmp_path):
    folder = write_images(tmp_path / "many", count=3000)
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    run = subprocess.Popen(
        [EIGENWAVE, "run", folder, "--shard-size", "64KiB", "--workers", "1"],
        cwd=tmp_path,
        env=environment | {"PREFECT_HOME": str(tmp_path / "prefect")},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list((tmp_path / "eigenwave-workspace").rglob("parts/*")):
        assert run.poll() is None
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)
    errors = run.communicate(timeout=20)[1]
    assert run.returncode == 130
    assert "interrupted; the same command continues the run." in errors


def test_settings_come_from_file_and_environment(tmp_path, eigenwave, class_folders):
    (tmp_path / "settings.toml").write_text("rank = 3\nlevel = 1\n")
    printed = eigenwave("plan", class_folders, "--config", "settings.toml", EIGENWAVE_RANK="2").stdout
    assert re.search(r"patterns\s+2,", printed)


def test_reconstruct_writes_a_picture(eigenwave, tmp_path):
    notify = ("--notify", "sh -c 'cat > notified.json'")
    done = eigenwave("run", "digits", "--cluster", "inline", "--rank", "8", "--json", "--quiet", *notify)
    assert (tmp_path / "notified.json").read_text() == done.stdout
    assert len(checked("run", done.stdout)["run"]["patterns"]) == 8
    assert done.stderr == ""
    done = eigenwave("reconstruct", "--sample", "0010", "--steps")
    assert done.stdout.startswith("0010-steps.png: 0010 from 8 patterns, ")
    assert done.stdout.endswith(" dB\n")
    with Image.open(tmp_path / "0010-steps.png") as strip:
        assert strip.width > 500
    done = eigenwave("reconstruct", "--sample", "0010", "--rank", "3", "--output", "nowhere/one.png")
    assert done.returncode == 1
    refusal = "nowhere/one.png cannot be written: No such file or directory; choose another place."
    assert done.stderr == f"eigenwave: {refusal}\n"
    done = eigenwave("reconstruct", "--sample", "none")
    assert done.returncode == 2
    assert "has no image 'none'" in done.stderr


@pytest.mark.parametrize("verb", COMMANDS)
def test_help_lists_the_first_line_of_a_command(verb):
    function, line = COMMANDS[verb]
    module, _, name = function.partition(":")
    assert line == inspect.getdoc(getattr(importlib.import_module(module), name)).splitlines()[0]


@pytest.mark.parametrize("verb", COMMANDS)
def test_help_fits_into_80_columns_and_ends_with_examples(verb, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert status([verb, "--help"], debug=True) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    examples = lines[lines.index("Examples:") :]
    for words, what in EXAMPLES[verb]:
        assert f"    eigenwave {words}" in examples
        assert f"    # {what}" in examples
    assert {"[default: ()]", "[default: {}]", "[default: False]"}.isdisjoint(
        re.findall(r"\[default: .*?\]", " ".join(lines))
    )


@pytest.mark.parametrize("words", [words for each in EXAMPLES.values() for words, _ in each])
def test_the_examples_can_be_parsed(words):
    quietly = {"exit_on_error": False, "print_error": False}
    _, bound, _ = app.meta.parse_args(shlex.split(words.partition(" > ")[0]), **quietly)
    app.parse_args(bound.args, **quietly)


def test_help_of_check_shows_first_what_says_how_to_read_a_dataset(capsys):
    status(["check", "--help"], debug=True)
    first = capsys.readouterr().out.split("Settings to begin with")[1].split("╰")[0]
    flags = re.findall(r"^│ --([a-z-]+)", first, re.MULTILINE)
    assert tuple(flag.replace("-", "_") for flag in flags) == FIRST_TO_READ


def test_quiet_prints_no_progress_and_verbose_the_time(capsys, monkeypatch):
    # What --verbose changes would stay so for all later tests.
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    note("unseen")
    status(["list", "--quiet"], debug=True)
    note("unseen")
    assert "unseen" not in capsys.readouterr().err.replace("unseen", "", 1)
    status(["list", "--verbose"], debug=True)
    note("seen")
    assert re.search(r"took [\d.]+ s and at most [\d,]+ MiB a process\nseen", capsys.readouterr().err)


def test_the_commands_are_listed_without_what_they_import():
    code = (
        "import sys\n"
        "from flows.cli.command import status\n"
        "status(['--help'], debug=False)\n"
        "print(sorted({'pydantic', 'numpy', 'pywt', 'pyarrow', 'rich.markdown'} & set(sys.modules)))\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == "[]"
