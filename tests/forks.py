"""Processes forked from one that has imported what they need, which takes longer than most of them run."""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
# None of these imports Prefect, which reads the environment when it is imported.
COMMANDS = ["flows.cli.command", "flows.cli.finished", "flows.cli.inputs", "flows.cli.upkeep"]
FORKS.set_forkserver_preload(["tests.faults.driver", "tests.commands", *COMMANDS])
