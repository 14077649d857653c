"""Allow one writer in an object store, by a lock object that is only changed with compare-and-swap.

No clocks are compared. The owner rewrites the object every few seconds. A process that finds the lock held watches it.
If the object changes, the owner is alive, and the watcher gives up. If it does not change, the owner is presumed dead,
and the watcher takes the lock over; of several watchers, only the first write succeeds. An owner on the same machine is
looked up among the processes, without waiting.

An owner wrongly presumed dead loses work, never results. Each change of owner raises the fencing token. Before an owner
commits anything, it must renew the lock from the state that it wrote last. That fails once another process has written.
"""

import json
import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import obstore
import psutil
from obstore.exceptions import AlreadyExistsError, PreconditionError

from storage.errors import EigenwaveError, InputError, TakenOverError

if TYPE_CHECKING:
    from obstore import UpdateVersion as Seen

BEAT_SECONDS = 10.0  # between signs of life
PATIENCE_SECONDS = 35.0  # without a sign of life, on the watcher's own stopwatch
LOOK_SECONDS = 1.0  # between two reads of a lock that is watched


@dataclass(frozen=True)
class State:
    """The content of the lock object.

    Attributes
    ----------
    token
        Fencing token, raised each time the lock changes owner.
    held
        Whether the lock is held.
    beat
        Counter, raised by each sign of life.
    owner
        Description of the owner, for messages.
    machine, process
        Identifiers that together distinguish the owner from every other process on any machine.
    """

    token: int
    held: bool
    beat: int
    owner: str
    machine: str
    process: str

    @classmethod
    def mine(cls, token: int) -> Self:
        """The state of a lock that this process holds."""
        owner = f"process {os.getpid()} on {platform.node()}"
        return cls(token, held=True, beat=0, owner=owner, machine=_machine(), process=_process(os.getpid()))

    @property
    def dead(self) -> bool:
        """Whether the owner ran on this machine and has ended."""
        return self.machine == _machine() and self.process != _process(int(self.process.split()[0]))

    @property
    def alive(self) -> bool:
        """Whether the owner runs on this machine."""
        return self.machine == _machine() and not self.dead

    def encode(self) -> bytes:
        """Return the state as JSON, as it is stored."""
        return json.dumps(asdict(self)).encode()


class ObjectLease:
    """The lock of an object store, held by this process; see `storage.stores.store.Lease`.

    Parameters
    ----------
    objects, key
        Client of the object store, and key of the lock object.
    address
        Address of the workspace, for messages.
    translating
        Context manager that turns the client's errors into an EigenwaveError with a one-sentence message.

    Raises
    ------
    InputError
        If another process holds the lock.
    """

    def __init__(
        self,
        objects: obstore.store.ObjectStore,
        key: str,
        address: str,
        translating: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._objects, self._key, self._address, self._translating = objects, key, address, translating
        self._guard, self._ended = threading.Lock(), threading.Event()
        self._state, self._tag = self._acquired()
        self._beats = threading.Thread(target=self._keep, daemon=True)
        self._beats.start()

    def require(self) -> None:
        """Renew the lock, which only its owner can do."""
        with self._guard, self._translating():
            self._renew()

    def release(self) -> None:
        """Release the lock. Does nothing if another process took it over."""
        self._ended.set()
        self._beats.join()
        try:
            self._replace(replace(self._state, held=False), self._tag)
        except PreconditionError:
            return

    def _keep(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            with self._guard:
                try:
                    self._renew()
                except EigenwaveError:
                    return  # the next call of require raises it again
                except Exception:  # noqa: BLE001, S112 - the network may come back
                    continue

    def _renew(self) -> None:
        beaten = replace(self._state, beat=self._state.beat + 1)
        try:
            self._tag = self._replace(beaten, self._tag)
        except PreconditionError:
            state, tag = self._look()
            # If the answer to a write is lost, the client sends it again; that is refused if the first succeeded.
            if state != beaten:
                raise TakenOverError(
                    f"The workspace {self._address} was taken over by {state.owner} while this run was out of reach; "
                    "to continue this run, repeat its command when the other run has finished."
                ) from None
            self._tag = tag
        self._state = beaten

    def _acquired(self) -> "tuple[State, Seen]":
        while True:
            try:
                found, tag = self._look()
            except FileNotFoundError:
                found, tag = None, None
            if found and found.held and not found.dead:
                self._wait_for_death(found, tag)
            mine = State.mine(found.token + 1 if found else 1)
            try:
                return mine, self._replace(mine, tag)
            except (PreconditionError, AlreadyExistsError):
                continue  # another newcomer was first

    def _wait_for_death(self, found: State, tag: "Seen | None") -> None:
        """Return once the lock is free or its owner is presumed dead; refuse if the owner is alive."""
        started = time.monotonic()
        while not found.alive and time.monotonic() - started < PATIENCE_SECONDS:
            time.sleep(LOOK_SECONDS)
            state, seen = self._look()
            if not state.held:
                return
            if seen != tag:
                break
        else:
            if not found.alive:
                return
        raise InputError(
            f"The workspace {self._address} is in use by {found.owner}; wait for it or choose another with --workspace."
        )

    def _look(self) -> "tuple[State, Seen]":
        answer = obstore.get(self._objects, self._key)
        return State(**json.loads(answer.bytes().to_bytes())), _seen(answer.meta)

    def _replace(self, state: State, tag: "Seen | None") -> "Seen":
        """Write the state if the object still has this tag, or, without a tag, if there is no object yet."""
        return _seen(obstore.put(self._objects, self._key, state.encode(), mode="create" if tag is None else tag))


def _seen(result: "obstore.PutResult | obstore.ObjectMeta") -> "Seen":
    """The identifier of an object's version: its tag on S3 and Azure, its generation on Google Cloud Storage."""
    seen: Seen = {"e_tag": result["e_tag"]}
    if result["version"] is not None:
        seen["version"] = result["version"]
    return seen


def _machine() -> str:
    """Identifier of this boot of the machine and of the container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _process(number: int) -> str:
    """Identifier of a process: its number and its start time, since numbers are used again."""
    try:
        return f"{number} {psutil.Process(number).create_time()}"
    except psutil.NoSuchProcess:
        return f"{number} gone"
