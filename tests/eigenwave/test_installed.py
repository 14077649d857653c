"""Scripts, commands and workers use eigenwave's own packages, also in a folder with packages of the same names."""

import sys

import pytest

from tests.processes import EIGENWAVE

NAMES = ("flows", "storage", "tasks")


def test_a_script_beside_packages_of_the_same_names(python):
    done = python(script="import eigenwave\nprint(eigenwave.plan('digits').solver, eigenwave.Run.__module__)\n")
    assert done.stdout == "gram storage.runs.run\n", done.stderr


@pytest.mark.parametrize("words", [[EIGENWAVE], [sys.executable, "-m", "eigenwave"]], ids=["command", "module"])
def test_the_command_beside_packages_of_the_same_names(python, words):
    run = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    done = python("-c", run, *words, "plan", "digits", PYTHONPATH=".")
    assert done.returncode == 0, done.stderr
    assert "1,450 images of split train" in done.stdout


@pytest.mark.parametrize("place", ["tasks.py", "tasks/__init__.py"])
def test_a_package_of_the_same_name_that_was_imported_is_named(python, foreign, place):
    (foreign / "tasks.py").unlink()
    (foreign / place).parent.mkdir(exist_ok=True)
    (foreign / place).touch()
    for lines in ("import tasks, eigenwave\neigenwave.plan\n", "import eigenwave, tasks\neigenwave.plan\n"):
        done = python(script=lines)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == (
            "ImportError: eigenwave has a package named 'tasks', but this process has imported another package of "
            f"that name from {foreign / place}; rename that package, or use the eigenwave command instead."
        )


def test_packages_that_were_imported_from_the_installation_are_kept(python):
    lines = "import sys\nfrom pathlib import Path\nimport eigenwave\n"
    lines += "sys.path.insert(0, str(Path(eigenwave.__file__).parents[1]))\n"
    lines += "".join(f"import {name}\nthe_{name} = {name}\n" for name in NAMES)
    lines += "eigenwave.plan\n" + "".join(f"assert sys.modules['{name}'] is the_{name}\n" for name in NAMES)
    assert python(script=lines).returncode == 0


def test_the_processes_of_a_check_import_no_other_packages_and_not_the_script(python):
    lines = "import eigenwave\neigenwave.check\nfrom tasks.planning import check\ncheck.WORTH_PROCESSES = 0\n"
    done = python(script=lines + "print(eigenwave.check('digits', workers=2).images)\n")
    assert done.stdout == "1797\n", done.stderr


@pytest.mark.slow
def test_workers_import_no_other_packages_and_not_the_script(python, prefect_server):
    """The script has no `if __name__ == "__main__"`: it would start workers in each worker."""
    lines = "import eigenwave\nprint('begun')\n"
    lines += (
        "run = eigenwave.run('digits', run_id='one', rank=4, scales=False, permutations=1, workers=1)\nprint(run)\n"
    )
    done = python(script=lines, PREFECT_API_URL=prefect_server)
    assert done.returncode == 0, done.stderr
    begun, shown = done.stdout.splitlines()
    assert begun == "begun"
    assert shown.startswith(
        "<Run one: digits, 1,797 images, 1,450 of them fitted, 10 classes, 4 patterns; learnability"
    )
    again = python(script="import eigenwave\nprint(eigenwave.open_run('one'))\n")
    assert again.stdout == shown + "\n"
