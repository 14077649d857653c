import shutil
import subprocess

import pytest

from flows.cli.command import COMMANDS, status

COMPLETED = {"eigenwave iss": "issues", "eigenwave check data --unl": "--unlabelled", "eigenwave list --qu": "--quiet"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell_names_all_commands(shell, capsys):
    assert status(["completion", shell], debug=True) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in COMMANDS)
    assert "label-column" in script
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize("line", COMPLETED)
def test_bash_completes_a_line(line, tmp_path, capsys):
    status(["completion", "bash"], debug=True)
    (tmp_path / "script").write_text(capsys.readouterr().out)
    words = line.split()
    code = (
        f'. {tmp_path}/script; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _eigenwave; echo "${{COMPREPLY[@]}}"'
    )
    found = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)  # noqa: S607
    assert found.stdout.split() == [COMPLETED[line]]


def test_another_shell_is_refused(capsys):
    assert status(["completion", "tcsh"], debug=False) == 2
    assert "tcsh" in capsys.readouterr().err
