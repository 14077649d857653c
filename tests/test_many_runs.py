"""docs/many-runs.md asks many runs in SQL and in polars; both say what straightforward code says."""

import ast
import re
import shutil
from collections import Counter
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from flows import stages
from flows.workers.fanout import InlineFanout
from storage.runs.run import open_run
from storage.runs.workspace import Workspace
from storage.settings import Settings
from storage.tables.schemas import TABLES
from tasks.run.begin import begin_run
from tests.datasets import smooth_images
from tests.runs import analyse, local
from tests.structure import ROOT

PAGE = ROOT / "docs" / "many-runs.md"
SMALL = {"rank": 3, "solver": "krylov", "permutations": 1, "scales": False, "judge_space": "none"}
NIGHTS = ("night-1", "night-2", "night-3")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Three nights of a dataset that changes, a run of another whose classes are numbers, and an unfinished one."""
    folder = tmp_path_factory.mktemp("many")
    data, workspace = folder / "data", folder / "eigenwave-workspace"
    smooth_images(data / "train", count=40)
    smooth_images(data / "test", count=10, start=900, seed=5)
    shutil.move(data / "train/c/0003.png", data / "train/a/wrong.png")
    analyse(data, workspace, run_id="night-1", **SMALL)
    shutil.move(data / "train/b/0004.png", data / "train/c/moved.png")
    analyse(data, workspace, run_id="night-2", **SMALL)
    smooth_images(data / "train", count=5, start=500, seed=8)
    shutil.copy(data / "train/b/0007.png", data / "test/b/leaked.png")
    (data / "train/c/0019.png").unlink()
    analyse(data, workspace, run_id="night-3", **SMALL)
    for number, name in enumerate("abc"):
        shutil.copytree(data / "train" / name, folder / "other" / str(number))
    analyse(folder / "other", workspace, run_id="other", **SMALL)
    job = begin_run(str(data), Settings(**SMALL).but(rank=2), Workspace(workspace), "unfinished")
    stages.compute(job, InlineFanout())
    assert job.paths.table("issues").exists()
    return workspace


@pytest.fixture(scope="module")
def runs(workspace):
    """The finished runs with their number and age, in the order of source and number."""
    found = [open_run(workspace / "runs" / name) for name in (*NIGHTS, "other")]
    return [(run, number, age) for run, number, age in zip(found, (1, 2, 3, 1), (2, 1, 0, 0), strict=True)]


def rows(runs, name):
    """The rows of a table of all runs, with the columns that the page adds."""
    return [
        row | {"source": run.manifest.source, "number": number, "age": age}
        for run, number, age in runs
        for row in run.tables[name].to_pylist()
    ]


def chosen(found, *columns):
    return sorted(tuple(row[column] for column in columns) for row in found)


def learnability(runs):
    return chosen(rows(runs, "learnability"), "source", "number", "learnability", "shuffled_max")


def kinds(runs):
    counts = Counter(chosen(rows(runs, "issues"), "source", "number", "kind"))
    return sorted((*key, count) for key, count in counts.items())


def always_suspicious(runs):
    found = [row for row in rows(runs, "issues") if row["kind"] == "wrong label"]
    nights = Counter(run.manifest.source for run, _, _ in runs)
    answer = set()
    for source, key in chosen(found, "source", "key"):
        same = [row["severity"] for row in found if (row["source"], row["key"]) == (source, key)]
        if len(same) == nights[source]:
            answer.add((source, key, min(same)))
    return sorted(answer)


def new_leaks(runs):
    leaks = [row for row in rows(runs, "issues") if row["kind"] == "leak"]
    before = chosen((row for row in leaks if row["age"] == 1), "source", "key")
    now = [row for row in leaks if row["age"] == 0 and (row["source"], row["key"]) not in before]
    return chosen(now, "source", "key", "other_key")


def gone_issues(runs):
    before, now = (
        chosen((row for row in rows(runs, "issues") if row["age"] == age), "source", "kind", "key") for age in (1, 0)
    )
    return [issue for issue in before if issue not in now]


def added_images(runs):
    (before,), (now,) = (
        [run.tables["samples"].to_pylist() for run, _, age in runs[:3] if age == wanted] for wanted in (1, 0)
    )
    known = {row["digest"] for row in before if row["valid"]}
    source = runs[0][0].manifest.source
    return sorted((source, row["key"]) for row in now if row["valid"] and row["digest"] not in known)


def changed_classes(runs):
    answer, source = set(), runs[0][0].manifest.source
    for (earlier, *_), (later, *_) in pairwise(runs[:3]):
        for before in earlier.tables["samples"].to_pylist():
            for now in later.tables["samples"].to_pylist():
                same = before["valid"] and now["valid"] and before["digest"] == now["digest"]
                if same and before["class_name"] != now["class_name"]:
                    answer.add((source, now["key"], before["class_name"], now["class_name"]))
    return sorted(answer)


def in_several_datasets(runs):
    one, other = (run.tables["samples"].to_pylist() for run, _, age in runs if age == 0)
    source = runs[3][0].manifest.source
    return sorted(
        (first["key"], source, second["key"])
        for first in one
        for second in other
        if first["valid"] and second["valid"] and first["digest"] == second["digest"]
    )


def growth_of_suspects(runs):
    found = rows(runs, "classes")
    answer = [
        (now["source"], now["class_name"], now["suspect_share"] - before["suspect_share"])
        for now in found
        for before in found
        if (now["source"], now["class_name"], now["age"], 1)
        == (before["source"], before["class_name"], 0, before["number"])
    ]
    return sorted(answer, key=lambda row: (-row[2], *row[:2]))


def strength(runs):
    answer = []
    for run, number, _ in runs:
        table = run.tables["patterns"].to_pylist()
        significant = [row for row in table if row["q_value"] < 0.05]
        answer.append((run.manifest.source, number, max(row["eta_squared"] for row in table), len(significant)))
    return answer


NAIVE = (
    learnability,
    kinds,
    always_suspicious,
    new_leaks,
    gone_issues,
    added_images,
    changed_classes,
    in_several_datasets,
    growth_of_suspects,
    strength,
)


def sections():
    """The heading of each section of the page, its SQL, and its Python."""
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        (sql,), (python,) = (re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL) for kind in ("sql", "python"))
        yield section.splitlines()[0], sql, python


def answers(workspace, patch):
    """The answers to each question, by DuckDB and by polars."""
    patch.chdir(workspace.parent)
    (_, sql, python), *questions = sections()
    names = {}
    exec(python, names)  # noqa: S102 - of the page
    with duckdb.connect() as database:
        database.execute(sql)
        for heading, sql, python in questions:
            tree = ast.parse(python)
            last = tree.body.pop()
            exec(compile(tree, heading, "exec"), names)  # noqa: S102
            frame = eval(compile(ast.Expression(last.value), heading, "eval"), names).collect()  # noqa: S307
            relation = database.sql(sql)
            assert relation.columns == frame.columns
            yield heading, relation.fetchall(), frame.rows()


def test_all_ten_answers_are_those_of_straightforward_code(workspace, runs, monkeypatch):
    found = list(answers(workspace, monkeypatch))
    assert len(found) == len(NAIVE) == 10
    for (heading, by_sql, by_polars), naive in zip(found, NAIVE, strict=True):
        expected = naive(runs)
        assert expected, f"{heading} has no answer here, so nothing is tested"
        assert by_sql == by_polars == expected, heading


def test_tables_of_all_datasets_have_the_same_types(workspace):
    for name in TABLES:
        schemas = [pq.read_schema(path) for path in sorted(workspace.glob(f"runs/*/tables/{name}.parquet"))]
        assert len(schemas) in {0, 5}
        for schema in schemas:
            assert schema.equals(TABLES[name]), name


def test_columns_that_an_earlier_version_did_not_write_are_null(workspace, tmp_path, monkeypatch):
    shutil.copytree(workspace, tmp_path / workspace.name, ignore=shutil.ignore_patterns("shards", "*.zarr", "work"))
    path = Workspace(tmp_path / workspace.name).run("night-1").table("issues")
    pq.write_table(pq.read_table(local(path)).drop_columns(["other_key", "digest"]), local(path))
    monkeypatch.chdir(tmp_path)
    _, sql, python = next(sections())
    names = {}
    exec(python, names)  # noqa: S102
    frame = names["results"]("issues").collect()
    with duckdb.connect() as database:
        database.execute(sql)
        digests = database.sql("SELECT run_id, digest FROM results('issues') ORDER BY ALL").fetchall()
    assert sorted(frame.select("run_id", "digest").rows(), key=str) == sorted(digests, key=str)
    unknown = {run_id for run_id, digest in digests if digest is None}
    assert unknown == {"night-1"}


def test_every_tool_opens_a_run_as_documented(workspace, monkeypatch):
    monkeypatch.chdir(workspace / "runs" / "night-3")
    text = (ROOT / "docs" / "data-schema.md").read_text()
    commands = re.findall(r"^\| [\w, ]+ \| `(\w+\.\w.*?|next.*?)` \| `", text, re.MULTILINE)
    assert len(commands) == 8
    tools = {name: import_module(name) for name in ("xarray", "zarr", "duckdb", "polars", "pandas", "csv")}
    for command in commands:
        assert len(eval(command, tools | {"Path": Path})) > 0, command  # noqa: S307 - of the page
