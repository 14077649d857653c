"""The order of test files for several processes that each take a file at a time."""

from tests.structure import ROOT

# The files that take longest, the longest first. One of them that began last would keep the other processes waiting.
LONGEST = (
    "deploy/test_procfile.py",
    "deploy/test_real_slurm.py",
    "flows/test_stages.py",
    "faults/test_signals.py",
    "flows/test_report_in_browser.py",
    "eigenwave/test_installation.py",
    "flows/hooks/test_to_mlflow.py",
    "faults/test_servers.py",
    "test_benchmarks.py",
    "flows/test_deployments.py",
    "flows/test_in_sight.py",
    "flows/test_monitor.py",
    "flows/test_analysis.py",
    "deploy/test_slurm.py",
    "faults/test_object_store.py",
    "faults/test_workers.py",
    "faults/test_hosts.py",
    "faults/test_decoders.py",
    "flows/tracking/test_plain.py",
    "flows/tracking/test_session.py",
    "flows/workers/test_client.py",
    "flows/test_layouts.py",
    "flows/test_upkeep.py",
    "storage/formats/test_bad_inputs.py",
    "test_docs.py",
)
FILES = [ROOT / "tests" / name for name in LONGEST]


def longest_first(items):
    """Sort tests so that the files that take longest come first, and all else stays in its order."""
    places = {path: place for place, path in enumerate(FILES)}
    items.sort(key=lambda item: places.get(item.path, len(places)))
