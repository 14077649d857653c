import math
import re
from typing import get_args

import pytest

from flows.cli.upkeep import GateFlags
from storage.errors import InputError
from tasks.compare.gates import Gate, gate_failure

SUMMARY = {"learnability_drop": 0.02, "new_classes": 0, "largest_psi": math.nan}


def failure(*gates):
    return gate_failure([Gate.parse(gate) for gate in gates], SUMMARY, "a", "b")


def test_a_gate_that_holds_says_nothing():
    assert failure("new_classes>0", "learnability_drop>0.02", "learnability_drop>=2.1e-2") is None


def test_a_gate_that_fails_is_told_with_its_bound_and_the_value():
    assert failure("learnability_drop > 0.01", "new_classes>=0", "new_classes>0") == (
        "Run b fails the gate learnability_drop>0.01 (it is 0.02), new_classes>=0 (it is 0) against run a."
    )


def test_what_cannot_be_told_passes_no_gate():
    assert failure("largest_psi>1e9") == "Run b fails the gate largest_psi>1e9 (it is unknown) against run a."
    assert failure("leaked_fraction>0.01") == "Run b fails the gate leaked_fraction>0.01 (it is unknown) against run a."


@pytest.mark.parametrize("gate", ["nothing>1", "learnability_drop<1", "learnability_drop", "largest_psi>1e", ""])
def test_other_gates_are_refused(gate):
    with pytest.raises(InputError, match=r"is not a gate: use NAME>NUMBER with one of the names learnability_drop,"):
        Gate.parse(gate)


def test_the_gates_that_help_names_exist():
    (text,) = [part.help for part in get_args(GateFlags) if hasattr(part, "help")]
    named = re.findall(r"[a-z_]+>[0-9.]*[0-9]", text)
    assert len(named) == 6
    assert all(Gate.parse(gate) for gate in named)
