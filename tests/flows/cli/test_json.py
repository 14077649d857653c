"""The document of each command, as the command prints it, is what its schema says."""

import csv
import shutil

import numpy as np
import pytest

from flows.cli.command import COMMANDS, status
from tests.datasets import smooth_images
from tests.runs import SMALL, analyse, local
from tests.schemas import checked

# Commands that start servers: see test_command.py, test_audit.py, test_explorer.py and test_monitor.py.
SERVERS = {"run", "audit", "open", "monitor"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a dataset that has a conflict, two runs of it, and files to ask about them."""
    folder = tmp_path_factory.mktemp("json")
    source = smooth_images(folder / "data", count=30)
    analyse(source, folder / "eigenwave-workspace", run_id="first", **SMALL)
    shutil.copy(source / "a" / "0002.png", source / "b" / "conflict.png")
    run = analyse(source, folder / "eigenwave-workspace", run_id="second", **SMALL)
    keys = run.tables["samples"]["key"].to_pylist()
    (folder / "sites.csv").write_text("key,site\n" + "".join(f"{key},{key[0]}\n" for key in keys))
    np.save(folder / "features.npy", np.asarray(run.scores[:])[:, :2])
    with local(run.paths.issues).open(encoding="utf-8-sig", newline="") as file:
        rows = [row | {"action": "drop"} for row in csv.DictReader(file) if row["kind"] == "conflict"]
    with (folder / "to-do.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    return folder


# A call of each command that ends by itself and starts no server.
CALLS = {
    "check": ["data"],
    "plan": ["data"],
    "issues": ["--top", "2"],
    "associate": ["--by", "site", "--table", "sites.csv"],
    "explain": ["latest", "features.npy"],
    "apply": ["to-do.csv", "data", "--to", "fixed"],
    "decide": ["to-do.csv"],
    "export": ["--to", "csv", "--output", "exported"],
    "verify": [],
    "repair": [],
    "gc": ["--dry-run", "--grace", "0"],
    "history": ["data"],
    "tag": ["first", "good"],
    "prune": ["--keep", "last=1", "--dry-run"],
    "compare": ["first", "second", "--fail-if", "conflicts>100"],
    "list": [],
    "show": [],
    "report": [],
    "completion": ["bash"],
    "reconstruct": ["--sample", "a/0001.png", "--rank", "2"],
}


def test_every_command_is_called():
    assert CALLS.keys() | SERVERS == COMMANDS.keys()


@pytest.mark.parametrize("command", CALLS)
def test_the_output_is_a_document_of_the_schema(place, command, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert status([command, *CALLS[command], "--json"], debug=True) == 0
    found = checked(command, capsys.readouterr().out)
    assert found["command"] == command
