"""Fan-out over shards: one small interface, so that a run computes the same bits in one process or on a cluster.

A function is mapped over shards, and the results are added along a tree that depends only on the number of shards.
Floating-point sums depend on their order. With a fixed tree they do not depend on when and where a shard is computed.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol, Self, TypeVar

from storage.arrays.scratch import drop_scratch, keep_freed_memory
from storage.errors import EigenwaveError, UnexpectedError
from storage.stores.retrying import tried_again


class Summable(Protocol):
    """The result of a shard, which can be added to others."""

    def __add__(self, other: Self, /) -> Self:
        """Sum of both."""
        ...


BRANCHES = 16

T = TypeVar("T", bound=Summable)


class Fanout(Protocol):
    """A way to compute something for each shard."""

    @property
    def dashboard(self) -> str | None:
        """Address where the workers can be watched, if there is one."""
        ...

    @property
    def worker_memory(self) -> int | None:
        """Memory in bytes that computing a shard may take; None if that is not known."""
        ...

    def check(self, complaint: Callable[[], str | None]) -> None:
        """Check that every process that takes part can do the work.

        Parameters
        ----------
        complaint
            Called in each process; returns None, or what is wrong as the rest of a sentence that begins with the
            process's name. Must be picklable.

        Raises
        ------
        EigenwaveError
            If a process has a problem; the sentence names the process.
        """
        ...

    def map_sum(self, function: Callable[[int], T], shards: range, advance: Callable[[], None], result_bytes: int) -> T:
        """The sum of `function(shard)` over the shards, added along the fixed tree.

        Parameters
        ----------
        function
            Must be picklable, and return the same result for a shard on every call.
        shards
            At least one.
        advance
            Called after each shard.
        result_bytes
            Size of one result; small results may be added many at a time.

        Raises
        ------
        EigenwaveError
            If a shard fails; the sentence names it.
        """
        ...


def branches(shards: range) -> list[range]:
    """The branches of the tree at a node, summed from left to right.

    There are many branches, so that the tree has few levels: the walk holds one sum per level in memory.
    """
    size = 1
    while size * BRANCHES < len(shards):
        size *= BRANCHES
    return [shards[start : start + size] for start in range(0, len(shards), size)]


def compute(function: Callable[[int], T], shard: int) -> T:
    """Compute the function for a shard; an unexpected error becomes one that names the shard.

    If a network disk was away for a moment, the whole shard is computed again.
    """
    keep_freed_memory()
    try:
        return tried_again(partial(function, shard))
    except EigenwaveError:
        raise
    except Exception as error:
        raise UnexpectedError.of(error, f"Shard {shard} failed with") from error


class InlineFanout:
    """Compute in this process, one shard after the other, and hold at most one sum per level of the tree."""

    dashboard: str | None = None
    worker_memory: int | None = None

    def check(self, complaint: Callable[[], str | None]) -> None:
        """See `Fanout`."""
        if found := complaint():
            raise EigenwaveError(f"This process {found}.")

    def map_sum(self, function: Callable[[int], T], shards: range, advance: Callable[[], None], result_bytes: int) -> T:  # noqa: ARG002 - one at a time
        """See `Fanout`."""
        try:
            return self._tree(function, shards, advance)
        finally:
            drop_scratch()

    def _tree(self, function: Callable[[int], T], shards: range, advance: Callable[[], None]) -> T:
        if len(shards) == 1:
            result = compute(function, shards[0])
            advance()
            return result
        first, *others = branches(shards)
        total = self._tree(function, first, advance)
        for branch in others:
            total = total + self._tree(function, branch, advance)
        return total
