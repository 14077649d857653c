"""Fan-out over shards: one small interface, so that the same run computes the same bits in one process or on a cluster.

A function is mapped over shards and the results are added up along a tree that depends on nothing but the number of
shards. Floating-point sums depend on their order: with a fixed tree they do not depend on who computes what when.
"""

from collections.abc import Callable
from typing import Protocol, Self, TypeVar

from storage.errors import EigenwaveError


class Summable(Protocol):
    """What a shard gives: something that can be added up."""

    def __add__(self, other: Self, /) -> Self:
        """Both together."""
        ...


BRANCHES = 16

T = TypeVar("T", bound=Summable)


class Fanout(Protocol):
    """A way to compute something for each shard."""

    def map_sum(self, function: Callable[[int], T], shards: range, advance: Callable[[], None]) -> T:
        """The sum of `function(shard)` over the shards, added along the fixed tree.

        Parameters
        ----------
        function
            Must be picklable, and give the same result whenever it is called again.
        shards
            At least one.
        advance
            Called after each shard.

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


def shard_failure(shard: int, error: BaseException) -> EigenwaveError:
    """What to tell about an error in a shard: the error itself if it was made for users."""
    if isinstance(error, EigenwaveError):
        return error
    return EigenwaveError(f"Shard {shard} failed with {type(error).__name__}: {error}")


class InlineFanout:
    """Compute in this process, one shard after the other; at most one sum a level of the tree is held."""

    def map_sum(self, function: Callable[[int], T], shards: range, advance: Callable[[], None]) -> T:
        """See `Fanout`."""
        if len(shards) == 1:
            try:
                result = function(shards[0])
            except Exception as error:
                raise shard_failure(shards[0], error) from error
            advance()
            return result
        first, *others = branches(shards)
        total = self.map_sum(function, first, advance)
        for branch in others:
            total = total + self.map_sum(function, branch, advance)
        return total
