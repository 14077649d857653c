"""Seeds of the tests that only `make soak` runs: rare, random or long ones.

The day gives the first seed, so that each day tries something else; EIGENWAVE_SOAK_SEED gives another. Each test makes
rounds, with a seed each, for EIGENWAVE_SOAK_SECONDS, and at least one. To repeat a round that failed, give the seed
that it printed, and 0 seconds.
"""

import itertools
import os
import time
from datetime import UTC, datetime

SEED = int(os.environ.get("EIGENWAVE_SOAK_SEED") or f"{datetime.now(UTC):%Y%m%d}000")
SECONDS = float(os.environ.get("EIGENWAVE_SOAK_SECONDS") or 120)


def rounds():
    """The seed of each round of a test, until its time is over."""
    end = time.monotonic() + SECONDS
    for seed in itertools.count(SEED):
        print(f"EIGENWAVE_SOAK_SEED={seed} EIGENWAVE_SOAK_SECONDS=0 repeats this round")  # noqa: T201 - beside a failure
        yield seed
        if time.monotonic() >= end:
            return
