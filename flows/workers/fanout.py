"""Fan-out over shards: one small interface, so that the same run computes the same bits in one process or on a cluster.

A function is mapped over shards and the results are added up along a tree that depends on nothing but the number of
shards. Floating-point sums depend on their order: with a fixed tree they do not depend on who computes what when.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol, Self, TypeVar

from storage.arrays.scratch import drop_scratch, keep_freed_memory
from storage.errors import EigenwaveError, UnexpectedError
from storage.stores.retrying import tried_again


class Summable(Protocol):
    """What a shard gives: something that can be added up."""

    def __add__(self, other: Self, /) -> Self:
        """Both together."""
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
        """Bytes that computing a shard may take; None if that is not known."""
        ...

    def check(self, complaint: Callable[[], str | None]) -> None:
        """Ask every process that takes part whether it can, and refuse those that cannot.

        Parameters
        ----------
        complaint
            Gives what is wrong, to follow the process's name, or None; must be picklable.

        Raises
        ------
        EigenwaveError
            If a process has something to complain about; the sentence names it.
        """
        ...

    def map_sum(self, function: Callable[[int], T], shards: range, advance: Callable[[], None], result_bytes: int) -> T:
        """The sum of `function(shard)` over the shards, added along the fixed tree.

        Parameters
        ----------
        function
            Must be picklable, and give the same result whenever it is called again.
        shards
            At least one.
        advance
            Called after each shard.
        result_bytes
            Size of one result: small ones may be added many at a time.

        Raises
        ------
        EigenwaveError
            If a shard fails; the sentence names it.
        """
        ...


def branches(shards: range) -> list[range]:
    """The branches of the tree at a node, summed from left to right.

    There are many, so that the tree is low: while it is walked, one sum is held for each of its levels.
    """
    size = 1
    while size * BRANCHES < len(shards):
        size *= BRANCHES
    return [shards[start : start + size] for start in range(0, len(shards), size)]


def compute(function: Callable[[int], T], shard: int) -> T:
    """What the function gives for a shard; an error that was not made for users becomes one that names the shard.

    Where a network disk was away for a moment, all of the shard is computed again.
    """
    keep_freed_memory()
    try:
        return tried_again(partial(function, shard))
    except EigenwaveError:
        raise
    except Exception as error:
        raise UnexpectedError.of(error, f"Shard {shard} failed with") from error


class InlineFanout:
    """Compute in this process, one shard after the other; at most one sum a level of the tree is held."""

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
