"""Files for Docker, Kubernetes and Slurm, checked against published schemas and each other, without those systems."""

import copy
import importlib.util
import json
import os
import re
import subprocess
from datetime import timedelta
from functools import partial
from importlib import resources
from pathlib import Path

import pytest
import yaml
from click import UsageError
from jsonschema import Draft7Validator, Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from flows.monitor import RETENTION

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
SCHEMAS = ROOT / ".schemas"  # make test-all installs it
CRDS = SCHEMAS / "dask_kubernetes" / "operator" / "deployment" / "helm" / "dask-kubernetes-operator" / "crds"
KUBERNETES = SCHEMAS / "kubernetes_validate" / "kubernetes-json-schema" / "v1.33.0-local-strict"
KINDS = {  # of a manifest: where its schema is
    "Deployment": "deployment-apps-v1",
    "NetworkPolicy": "networkpolicy-networking-v1",
    "PersistentVolumeClaim": "persistentvolumeclaim-v1",
}
TLS = ["--tls-ca-file", "--tls-cert", "--tls-key"]


def documents(*names):
    return [document for name in names for document in yaml.safe_load_all((DEPLOY / name).read_text())]


def problems(schema, document, validator=Draft202012Validator):
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator(schema).iter_errors(document)]


@pytest.fixture(scope="module")
def compose():
    return documents("compose.yaml")[0]


def test_compose_file_is_one(compose):
    schema = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    published = json.loads(schema.read_text())
    assert problems(published, compose, Draft7Validator) == []
    wrong = copy.deepcopy(compose)
    wrong["services"]["server"]["healthcheck"]["intervals"] = "5s"
    assert problems(published, wrong, Draft7Validator)


def test_nothing_in_the_containers_is_open_to_others(compose):
    for name, service in compose["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        if name not in {"postgres", "redis"}:
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    for name in ("scheduler", "dask-workers"):
        assert [word for word in compose["services"][name]["command"] if word.startswith("--")] == TLS


def variables(text):
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def test_every_variable_is_in_the_example(compose):
    example = variables((DEPLOY / ".env.example").read_text())
    used = set(re.findall(r"\$\{?([A-Z][A-Z_]+)(?!\w*:-)\b", (DEPLOY / "compose.yaml").read_text()))
    used |= set(re.findall(r"\$\{?([A-Z][A-Z_]+)(?!\w*:-)\b", (DEPLOY / "Procfile").read_text()))
    used |= set(re.findall(r"\$(EIGENWAVE_\w+)", (DEPLOY / "prefect.yaml").read_text()))
    assert used - {"EIGENWAVE_IMAGES"} <= example.keys()
    assert compose["x-eigenwave"]["environment"].keys() <= example.keys()
    assert "change-me" in example["PREFECT_SERVER_API_AUTH_STRING"]
    assert example["PREFECT_SERVER_API_AUTH_STRING"] == example["PREFECT_API_AUTH_STRING"]


def test_every_setting_of_prefect_exists():
    """A misspelt variable would be ignored in silence."""
    from prefect.settings.legacy import _get_settings_fields  # noqa: PLC0415 - there is no other list

    names = variables((DEPLOY / ".env.example").read_text()).keys()
    names |= {
        entry["name"]
        for chart in documents("helm/prefect-server.yaml")
        for entry in chart["server"]["env"] + chart["backgroundServices"]["env"] + containers()["eigenwave-runs"]["env"]
    }
    from prefect.settings import Settings  # noqa: PLC0415 - slow to import

    known = set(_get_settings_fields(Settings))
    known |= {"PREFECT_REDIS_MESSAGING_URL"}  # of prefect-redis
    assert {name for name in names if name.startswith("PREFECT_")} <= known


def test_every_server_removes_old_runs_and_events_alike():
    example = variables((DEPLOY / ".env.example").read_text())
    chart = documents("helm/prefect-server.yaml")[0]["backgroundServices"]["env"]
    assert RETENTION.items() <= example.items()
    assert {entry["name"]: entry["value"] for entry in chart} == RETENTION


def test_the_retention_is_what_prefect_makes_of_it(monkeypatch):
    from prefect.settings import Settings  # noqa: PLC0415 - slow to import

    for name, value in RETENTION.items():
        monkeypatch.setenv(name, value)
    server = Settings().server
    assert server.services.db_vacuum.enabled_vacuum_types == {"events", "flow_runs", "orphans"}
    assert server.services.db_vacuum.retention_period == timedelta(days=90)
    assert server.events.retention_period == timedelta(days=7)


def containers():
    """Containers of all manifests by the name of what they are in."""
    found = {}
    for document in documents("helm/daskcluster.yaml", "helm/runs.yaml"):
        name, spec = document["metadata"]["name"], document["spec"]
        if document["kind"] == "DaskCluster":
            found |= {f"{name}-{role}": spec[role]["spec"]["containers"][0] for role in ("worker", "scheduler")}
        elif document["kind"] == "Deployment":
            found[name] = spec["template"]["spec"]["containers"][0]
    return found


def kubernetes(name):
    """The schema that Kubernetes publishes for a kind of object; unknown fields are forbidden."""

    def retrieve(uri):
        return Resource.from_contents(json.loads((KUBERNETES / uri.rpartition("/")[2]).read_text()), DRAFT7)

    return partial(
        problems, {"$ref": f"{name}.json"}, validator=partial(Draft7Validator, registry=Registry(retrieve=retrieve))
    )


def published():
    if not CRDS.exists():
        pytest.skip("no .schemas; make test-all installs what Kubernetes and Dask's operator publish")


def strict(schema):
    """The schema with unknown fields forbidden, as the API server drops them in silence."""
    if isinstance(schema, dict):
        schema = {name: strict(value) for name, value in schema.items()}
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        schema = [strict(value) for value in schema]
    return schema


@pytest.mark.parametrize("name", ["helm/daskcluster.yaml", "helm/runs.yaml"])
def test_manifests_are_what_kubernetes_and_dask_take(name):
    published()
    for document in documents(name):
        if document["kind"] in KINDS:
            assert kubernetes(KINDS[document["kind"]])(document) == []
            continue
        crd = yaml.safe_load((CRDS / "daskcluster.yaml").read_text())
        (version,) = crd["spec"]["versions"]
        assert document["apiVersion"] == f"{crd['spec']['group']}/{version['name']}"
        schema = strict(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
        assert problems(schema, document["spec"]) == []
        for role in ("worker", "scheduler"):
            assert kubernetes("podspec-v1")(document["spec"][role]["spec"]) == []
        wrong = copy.deepcopy(document["spec"])
        wrong["worker"]["spec"]["containers"][0]["argss"] = []
        for found in (problems(schema, wrong), kubernetes("podspec-v1")(wrong["worker"]["spec"])):
            assert [error for error in found if "'argss' was unexpected" in error] == found != []


def test_pods_are_locked_and_speak_tls():
    found = containers()
    assert found.keys() == {"eigenwave-worker", "eigenwave-scheduler", "eigenwave-runs"}
    for name, container in found.items():
        words = [word for word in container["args"] if word.startswith("--tls")]
        assert words == ([] if name == "eigenwave-runs" else TLS)
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def commands():
    """What containers run, by their names."""
    services = documents("compose.yaml")[0]["services"].items()
    composed = {name: [*service.get("entrypoint", []), *service.get("command", [])] for name, service in services}
    return composed | {name: container["args"] for name, container in containers().items()}


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deploy") / "tls"
    subprocess.run([DEPLOY / "certificates.sh", folder], check=True)
    return folder


@pytest.mark.parametrize("name", ["scheduler", "dask-workers", "eigenwave-scheduler", "eigenwave-worker"])
def test_dask_understands_its_words(name, tls):
    from distributed.cli import dask_scheduler, dask_worker  # noqa: PLC0415 - slow to import

    dask, role, *words = (word.replace("/etc/eigenwave/tls", str(tls)) for word in commands()[name])
    main = {"scheduler": dask_scheduler, "worker": dask_worker}[role].main
    given = main.make_context(dask, words).params
    assert given["tls_key"] == str(tls / "tls.key")
    with pytest.raises(UsageError):
        main.make_context(dask, [*words, "--tls-keys", "x"])


def test_prefect_is_told_what_the_procfile_tells_it():
    """Whose words a test runs."""
    procfile = (DEPLOY / "Procfile").read_text().replace("127.0.0.1", "0.0.0.0")  # noqa: S104
    for name in ("server", "services", "worker", "eigenwave-runs"):
        assert f"exec {' '.join(commands()[name])}" in procfile


@pytest.fixture
def values():
    return documents("helm/prefect-server.yaml")[0]


def test_the_chart_starts_the_version_that_is_locked(values):
    version, _, variant = values["global"]["prefect"]["image"]["prefectTag"].partition("-")
    assert f"\nprefect=={version} " in (ROOT / "requirements.lock").read_text()
    assert variant == "python3.11"


def test_values_fit_the_chart(values):
    charts = os.environ.get("EIGENWAVE_CHARTS")
    if charts is None:
        pytest.skip("EIGENWAVE_CHARTS names no copy of charts/ of prefect-helm, which publishes its schema only there")
    schema = json.loads((Path(charts) / "prefect-server" / "values.schema.json").read_text())
    assert problems(schema, values) == []
    assert problems(schema, values | {"server": {"basicAuthentication": {}}})


def test_the_image_copies_what_is_there_and_installs_from_the_lock():
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    copied = [line.split()[1:-1] for line in lines.splitlines() if line.startswith("COPY") and "--from" not in line]
    assert all((ROOT / name).exists() for names in copied for name in names)
    assert {"flows", "tasks", "storage"} <= {name for names in copied for name in names}
    assert "--require-hashes -r requirements.lock" in lines
    assert lines.index("\nUSER 1000") > lines.rindex("\nRUN")
    assert "prefect-redis==" in (ROOT / "requirements.lock").read_text()


def test_prefect_understands_its_files():
    from prefect.cli.deploy._models import PrefectYamlModel  # noqa: PLC0415 - the schema that it publishes
    from prefect.events.schemas.automations import AutomationCore  # noqa: PLC0415 - slow to import

    parsed = PrefectYamlModel.model_validate(documents("prefect.yaml")[0])
    for deployment in parsed.deployments:
        module = deployment.entrypoint.rpartition(".")[0]
        assert importlib.util.find_spec(module) is not None
    (automation,) = documents("automations.yaml")[0]["automations"]
    AutomationCore.model_validate(automation)
    assert f"silent='{automation['name']}'" in (DEPLOY / "register.sh").read_text()
