"""Hosts that are network namespaces of this machine: each has an address of its own, and they share its files.

Only root can make them, and not in every container.
"""

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.processes import listens, wait_for
from tests.structure import ROOT

NETWORK = "10.213.8"
HERE = f"{NETWORK}.1"  # this host's address among them
SCHEDULER_PORT = 18787
SILENCE = "11s"  # after which Dask gives a connection up: the least it allows, and 30 s if nothing is said
SLOW = {"delay": 0.1, "loss": 0.02}  # seconds, and the share of frames that are lost


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=True)  # noqa: S607


def require_namespaces():
    """Skip the test where hosts and cables cannot be made."""
    probe = f"probe{os.getpid() % 10**6}"
    try:
        ip("netns", "add", probe)
        ip("link", "add", probe, "type", "veth", "peer", "name", "eth0", "netns", probe)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"there are no network namespaces here: {getattr(error, 'stderr', error)}")
    finally:
        with suppress(OSError):
            subprocess.run(["ip", "netns", "delete", probe], capture_output=True, check=False)  # noqa: S607


@contextmanager
def namespaces(*names):
    """Make network namespaces for the time of the block."""
    require_namespaces()
    with ExitStack() as stack:
        for name in names:
            ip("netns", "add", name)
            stack.callback(ip, "netns", "delete", name)
            ip("-n", name, "link", "set", "lo", "up")
        yield


@contextmanager
def process(folder, kind, *words, inside=None):
    """A scheduler or worker, in a namespace if one is given."""
    code = f"from distributed.cli.dask_{kind} import main; main()"
    place = ["ip", "netns", "exec", inside] if inside else []
    command = [*place, sys.executable, "-c", code, *words, "--no-dashboard"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": SILENCE}
    with (folder / "dask.log").open("ab") as log:
        running = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


class Hosts:
    """Hosts joined by a switch, to which this machine is connected too.

    Attributes
    ----------
    names
        The namespaces; the one at position i has the address NETWORK.(i + 2).
    """

    def __init__(self, stack, count):
        self._stack = stack
        mark = os.getpid() % 10**5
        self._switch = f"switch{mark}"
        self.names = [f"host{mark}x{number}" for number in range(count)]
        stack.enter_context(namespaces(*self.names))
        ip("link", "add", self._switch, "type", "bridge")
        stack.callback(ip, "link", "delete", self._switch)
        ip("addr", "add", f"{HERE}/24", "dev", self._switch)
        ip("link", "set", self._switch, "up")
        for number, name in enumerate(self.names):
            ip("link", "add", self.plug(name), "type", "veth", "peer", "name", "eth0", "netns", name)
            stack.callback(
                ip, "link", "delete", self.plug(name)
            )  # a namespace that is deleted keeps its own for a while
            ip("link", "set", self.plug(name), "master", self._switch, "up")
            ip("-n", name, "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")

    @staticmethod
    def address(number):
        return f"{NETWORK}.{number + 2}"

    @staticmethod
    def plug(name):
        """This machine's end of a host's cable."""
        return name.replace("host", "plug")

    def unplug(self, number):
        """The host is gone from one moment to the next."""
        ip("link", "set", self.plug(self.names[number]), "down")

    def slow_down(self, number):
        """From now on all that the host sends and gets is late, and some of it is lost."""
        plug = self.plug(self.names[number])
        near, far = plug.replace("plug", "near"), plug.replace("plug", "far")
        ip("link", "add", near, "type", "veth", "peer", "name", far)
        self._stack.callback(ip, "link", "delete", near)
        ip("link", "set", near, "up")
        ip("link", "set", plug, "nomaster")
        command = [sys.executable, "-m", "tests.cable", plug, near, str(SLOW["delay"]), str(SLOW["loss"])]
        cable = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self._stack.callback(_end, cable)
        assert cable.stdout.readline() == "connected\n"
        ip("link", "set", far, "master", self._switch, "up")


def _end(process):
    process.kill()
    process.wait()
    process.stdout.close()


@contextmanager
def hosts(count):
    """Make hosts for the time of the block."""
    with ExitStack() as stack:
        yield Hosts(stack, count)


@contextmanager
def cluster(hosts, folder):
    """A scheduler on the first host and a worker on each other; gives its address."""
    with ExitStack() as stack:
        address = f"tcp://{hosts.address(0)}:{SCHEDULER_PORT}"
        words = ["--host", hosts.address(0), "--port", str(SCHEDULER_PORT)]
        scheduler = stack.enter_context(process(folder, "scheduler", *words, inside=hosts.names[0]))
        for number, name in enumerate(hosts.names[1:], 1):
            words = [address, "--host", hosts.address(number), "--nthreads", "1", "--no-nanny"]
            stack.enter_context(process(folder, "worker", *words, inside=name))
        wait_for(lambda: listens(hosts.address(0), SCHEDULER_PORT), scheduler, folder / "dask.log")
        yield address
