"""Errors that a user can act on. Each message is one sentence: what is wrong, where, and what to do."""


class EigenwaveError(Exception):
    """A run failed. The user sees the message unchanged, and the command exits with `exit_code`."""

    exit_code = 1


class DamagedError(EigenwaveError):
    """A file of the workspace is missing, or its bytes differ from those written."""


class InputError(EigenwaveError):
    """Usage, settings or input are wrong. Found before anything was computed."""

    exit_code = 2


class ClusterLostError(EigenwaveError):
    """The cluster's machines were lost. Finished work is kept, and a later attempt continues it."""


class BadImageError(Exception):
    """An image cannot be used. It is quarantined, and the run continues.

    Attributes
    ----------
    reason
        Category of the problem, one of a few fixed words; rejects are counted by it.
    detail
        Exact description of the problem.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
