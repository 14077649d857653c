"""One writer in an object store: a lock object, changed only by whoever has seen its last state.

No clock is read and none is compared. The owner writes the object anew every few seconds. Who finds it held watches:
an owner that is alive changes it meanwhile, and the newcomer leaves; one that does not is taken to be dead, and its
lock is taken over by a write that only the first of several newcomers can make. An owner on the same machine is looked
for among its processes, without waiting. To be taken for dead by mistake costs an owner its work, never its results:
each change of hands raises the fencing token, and an owner must renew its lock with the state it wrote last before it
commits anything, which it cannot after another did. Dead and slow cannot
be told apart from afar without a sign of life.
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

from storage.errors import EigenwaveError, InputError

if TYPE_CHECKING:
    from obstore import UpdateVersion as Seen

BEAT_SECONDS = 10.0  # between signs of life
PATIENCE_SECONDS = 35.0  # without a sign of life, on the watcher's own stopwatch
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class State:
    """What the lock object says.

    Attributes
    ----------
    token
        Raised each time the lock changes hands.
    held
        Whether it is.
    beat
        Raised by each sign of life.
    owner
        For people.
    machine, process
        What tells the owner's process from any other, wherever it runs.
    """

    token: int
    held: bool
    beat: int
    owner: str
    machine: str
    process: str

    @classmethod
    def mine(cls, token: int) -> Self:
        """Held by this process."""
        owner = f"process {os.getpid()} on {platform.node()}"
        return cls(token, held=True, beat=0, owner=owner, machine=_machine(), process=_process(os.getpid()))

    @property
    def dead(self) -> bool:
        """Whether the owner ran on this machine and does no more."""
        return self.machine == _machine() and self.process != _process(int(self.process.split()[0]))

    @property
    def alive(self) -> bool:
        """Whether the owner runs on this machine."""
        return self.machine == _machine() and not self.dead

    def encode(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self)).encode()


class ObjectLease:
    """The lock of an object store, held by this process; see `storage.stores.store.Lease`.

    Parameters
    ----------
    objects, key
        The lock object.
    address
        Of the workspace, for people.
    telling
        Makes a block tell what the store answers in one sentence.

    Raises
    ------
    InputError
        If another process holds it.
    """

    def __init__(
        self,
        objects: obstore.store.ObjectStore,
        key: str,
        address: str,
        telling: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._objects, self._key, self._address, self._telling = objects, key, address, telling
        self._guard, self._ended = threading.Lock(), threading.Event()
        self._state, self._tag = self._acquired()
        self._beats = threading.Thread(target=self._keep, daemon=True)
        self._beats.start()

    def require(self) -> None:
        """Renew the lock: only its owner can."""
        with self._guard, self._telling():
            self._renew()

    def release(self) -> None:
        """Let others have it; nothing if it was lost."""
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
                    return  # whoever requires the lock next is told
                except Exception:  # noqa: BLE001, S112 - a network that comes back is no reason to stop
                    continue

    def _renew(self) -> None:
        beaten = replace(self._state, beat=self._state.beat + 1)
        try:
            self._tag = self._replace(beaten, self._tag)
        except PreconditionError:
            state, tag = self._look()
            # A write whose answer was lost is sent again, and then refused for having succeeded.
            if state != beaten:
                raise EigenwaveError(
                    f"The workspace {self._address} was taken over by {state.owner} after this run was out of reach "
                    "for a while; the same command continues it when the other has finished."
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
        """Return when the lock has shown no sign of life for long enough, or was freed."""
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
        """Write the state if the last one is still the one seen, or if there is none and none was seen."""
        return _seen(obstore.put(self._objects, self._key, state.encode(), mode="create" if tag is None else tag))


def _seen(result: "obstore.PutResult | obstore.ObjectMeta") -> "Seen":
    """What tells this state of an object from any other: a tag on S3 and Azure, a generation on Google's."""
    seen: Seen = {"e_tag": result["e_tag"]}
    if result["version"] is not None:
        seen["version"] = result["version"]
    return seen


def _machine() -> str:
    """The machine since it was started, and the container on it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _process(number: int) -> str:
    """The process with this number, told from earlier ones by its start."""
    try:
        return f"{number} {psutil.Process(number).create_time()}"
    except psutil.NoSuchProcess:
        return f"{number} gone"
