"""Errors a user can act on: one sentence that says what is wrong, where, and what to do."""


class EigenwaveError(Exception):
    """A run that failed. The message is shown to the user as it is; the command exits with `exit_code`."""

    exit_code = 1


class DamagedError(EigenwaveError):
    """A file of the workspace that is missing or not as it was written."""


class InputError(EigenwaveError):
    """Wrong usage, bad settings or unreadable input, found before anything was computed."""

    exit_code = 2


class ClusterLostError(EigenwaveError):
    """The machines that computed are gone, not the work: a later attempt continues it."""


class BadImageError(Exception):
    """One image that cannot be used: it is quarantined, the run goes on.

    Attributes
    ----------
    reason
        One of a few fixed words, for counting.
    detail
        What exactly was found.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
