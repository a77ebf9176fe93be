"""The simulation notices each change of the protocol that would let an order be sent twice, or wrong."""

import pytest

from simulation.mutants import MUTANTS
from simulation.mutation import Mutant, MutantNotApplied, applied
from simulation.world import World


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_the_simulation_notices_code_that(mutant, summary):
    with applied(mutant):
        killed_by = next((seed for seed in range(mutant.within) if World.of_seed(seed, **mutant.given).run()), None)
    assert killed_by is not None, f"no seed below {mutant.within} notices that the code {mutant.name}"
    summary.append(f"noticed by seed {killed_by}")


def test_a_mutant_whose_code_is_gone_fails():
    with pytest.raises(MutantNotApplied), applied(Mutant("is gone", "core.sending", "no such text", "")):
        pass


def test_a_mutant_that_changes_no_function_fails():
    with (
        pytest.raises(MutantNotApplied),
        applied(Mutant("a comment", "core.sending", '"""The send decision', '"""A decision')),
    ):
        pass
