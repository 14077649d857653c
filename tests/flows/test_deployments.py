"""The deployments of deploy/prefect.yaml, deployed to a real server and run by a real process worker."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
from contextlib import contextmanager

import pytest
import yaml

from flows.workers.local_cluster import free_port
from storage.runs.run import open_run
from tasks.compare.gates import Gate
from tests.datasets import write_images
from tests.processes import ask, dask_processes, tasks_of
from tests.runs import night
from tests.structure import ROOT

pytestmark = pytest.mark.slow
DEPLOY = ROOT / "deploy"


def prefect_command(server, folder, *words):
    environment = os.environ | {
        "PREFECT_API_URL": server,
        "EIGENWAVE_SOURCE": "digits",
        "EIGENWAVE_WORKSPACE": str(folder / "workspace"),
        "EIGENWAVE_CLUSTER": "tls://scheduler:8786",
        "EIGENWAVE_TLS": "/etc/eigenwave/tls",
        "PREFECT_HOME": str(folder / "home"),
    }
    return [sys.executable, "-m", "prefect", *map(str, words)], environment


def do(server, folder, *words):
    command, environment = prefect_command(server, folder, *words)
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def worker(server, folder):
    command, environment = prefect_command(server, folder, "worker", "start", "--pool", "eigenwave")
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def start(server, deployment, **parameters):
    found = ask(server, f"deployments/name/{deployment}")
    return ask(server, f"deployments/{found['id']}/create_flow_run", {"parameters": found["parameters"] | parameters})


def wait_for(server, run, state, seconds=120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ask(server, f"flow_runs/{run['id']}")["state"]
        if found["type"] == state:
            return found
        assert found["type"] not in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}, found
        time.sleep(0.5)
    return pytest.fail(f"the run is {found['type']}, not {state}")


@pytest.fixture(scope="module")
def deployed(prefect_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployed")
    do(prefect_server, folder, "work-pool", "create", "eigenwave", "--type", "process")
    do(prefect_server, folder, "--no-prompt", "deploy", "--all", "--prefect-file", DEPLOY / "prefect.yaml")
    with worker(prefect_server, folder):
        yield prefect_server, folder


def test_settings_are_a_form(deployed):
    server, _ = deployed
    schema = ask(server, "deployments/name/analysis/on-demand")["parameter_openapi_schema"]
    groups = {name: schema["definitions"][name.title()] for name in schema["definitions"]["Settings"]["properties"]}
    assert groups["decomposition"]["properties"]["solver"]["enum"] == ["auto", "krylov", "gram", "dual"]
    assert groups["coefficients"]["properties"]["level"]["minimum"] == 1
    fields = [field for group in groups.values() for field in [group, *group["properties"].values()]]
    assert all("description" in field for field in [*fields, *schema["properties"].values()])


def test_every_deployment_of_the_file_is_there(deployed):
    server, _ = deployed
    declared = yaml.safe_load((DEPLOY / "prefect.yaml").read_text())["deployments"]
    found = {entry["name"]: entry for entry in ask(server, "deployments/filter", {})}
    assert found.keys() == {entry["name"] for entry in declared}
    assert found["on-cluster"]["parameters"]["settings"]["execution"]["cluster"] == "tls://scheduler:8786"
    assert found.pop("columns")["parameters"]["by"] == ["properties"]
    assert {entry["parameters"]["source"] for entry in found.values()} == {"digits"}


def test_the_nightly_audit_is_scheduled_and_its_gates_are_a_form(deployed):
    server, _ = deployed
    nightly = ask(server, "deployments/name/audit/nightly")
    (schedule,) = nightly["schedules"]
    assert (schedule["schedule"]["cron"], schedule["active"]) == ("0 3 * * *", True)
    assert nightly["global_concurrency_limit"]["limit"] == 1
    assert all(Gate.parse(gate) for gate in nightly["parameters"]["fail_if"])
    fields = nightly["parameter_openapi_schema"]["properties"]
    assert fields["fail_if"]["type"] == "array"
    assert all("description" in field for field in fields.values())


def test_a_night_that_fails_its_gate(deployed, tmp_path):
    server, _ = deployed
    images = write_images(tmp_path / "data")
    night(images, tmp_path, "before")
    write_images(images, classes=("emu",))
    given = {"source": str(images), "workspace": str(tmp_path / "workspace"), "settings": {"cluster": "inline"}}
    found = wait_for(server, start(server, "audit/nightly", **given), "FAILED")
    assert re.fullmatch(r"Run r-\S+ fails the gate .*new_classes>0 \(it is 1\).* before\.", found["message"])
    assert len(list((tmp_path / "workspace").glob("runs/*/manifest.json"))) == 2


def test_on_demand_run(deployed):
    server, folder = deployed
    # By name, as before settings had groups, and in a group.
    run = start(server, "analysis/on-demand", settings={"workers": 2, "decomposition": {"rank": 12}})
    wait_for(server, run, "COMPLETED")
    assert open_run(folder / "workspace" / "latest").manifest.learnability["rank"] == 12


@pytest.mark.parametrize(
    "settings",
    [{"workers": 0}, {"execution": {"workers": 0}}, {"wrokers": 2}, {"cluster": "tls://me:canary@host:8786"}],
)
def test_wrong_settings_are_refused_before_they_are_kept(deployed, settings):
    server, _ = deployed
    with pytest.raises(urllib.error.HTTPError) as refused:
        start(server, "analysis/on-demand", settings=settings)
    assert refused.value.code == 409


def test_a_cancelled_run_stops_its_tasks_and_can_be_continued(deployed, tmp_path):
    server, folder = deployed
    images = write_images(tmp_path / "data", count=2000)
    workspace = tmp_path / "workspace"
    with dask_processes(tmp_path, free_port(0)) as (address, _):
        settings = {"cluster": address, "shard_size": 2**15, "rank": 3}
        given = {"source": str(images), "workspace": str(workspace), "settings": settings}
        run = start(server, "analysis/on-cluster", **given)
        while not list(workspace.rglob("parts/*")):
            time.sleep(0.05)
        do(server, folder, "flow-run", "cancel", run["id"])
        wait_for(server, run, "CANCELLED")
        deadline = time.monotonic() + 20
        while tasks_of(address) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert tasks_of(address) == 0
        done = len(list(workspace.rglob("parts/*")))
        assert not list(workspace.rglob("manifest.json"))
        again = start(server, "analysis/on-cluster", **given)
        wait_for(server, again, "COMPLETED")
    (manifest,) = workspace.rglob("runs/*/manifest.json")
    assert 0 < done < len(json.loads(manifest.read_text())["shards"])
