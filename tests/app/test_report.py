import asyncio
from dataclasses import replace
from pathlib import Path

from jouleline.app.measure import EnergyComparison, Plan, compare
from jouleline.app.outcome import Attempt, Outcome, SearchCost
from jouleline.app.report import details, fate, headline
from jouleline.core.candidate import Candidate, Rewrite
from jouleline.core.energy import EnergyVerdict
from jouleline.core.meter import EnergySample, Measured
from jouleline.core.verdict import GateResult, Verdict
from tests.support.metering import FormulaRunner, SensorDouble, program

CANDIDATE = Candidate("tile", (Rewrite("tile", 3, "tile the loops", "less traffic", ()),), {"main.cu": b""})
ATTEMPTS = (Attempt(CANDIDATE, Verdict((GateResult("build", passed=True, reason="it builds"),))),)


def told(energy: EnergyComparison[Measured], attempts: tuple[Attempt, ...] = ATTEMPTS) -> str:
    """The report of an outcome with this comparison."""
    cost = SearchCost(0, 0, 0, 0)
    return details(
        Outcome(
            improved=True,
            headline="",
            details="",
            candidate=CANDIDATE,
            energy=energy,
            attempts=attempts,
            base={},
            edits={},
            record=Path("/nowhere"),
            cost=cost,
            notes=(),
        )
    )


def throttled(_: int, sample: EnergySample[Measured]) -> EnergySample[Measured]:
    return replace(sample, warnings=("the GPU was throttled (power cap)",))


def compared(meter: SensorDouble) -> EnergyComparison[Measured]:
    plan = Plan(idle_s=0.01)
    return asyncio.run(compare(FormulaRunner(), meter, program(1.0), program(0.5), plan=plan))


def test_a_warning_stands_beside_the_figure_wherever_that_is_shown() -> None:
    doubtful, sound = compared(SensorDouble(dress=throttled)), compared(SensorDouble())
    assert "measured with a warning, see the report" in headline(CANDIDATE, doubtful, ATTEMPTS)
    assert "Warning: the GPU was throttled (power cap)." in told(doubtful)
    assert "warning" not in headline(CANDIDATE, sound, ATTEMPTS)
    assert "Warning" not in told(sound)


def test_energy_net_of_idle_stands_beside_gross() -> None:
    text = told(compared(SensorDouble(load_w=200, idle_w=(50,))))
    assert "| energy (measured) | 250 J | 125 J |" in text
    assert "| energy net of idle (measured) | 200 J | 100 J |" in text


def test_the_proof_is_of_the_answer_that_passed_not_of_an_earlier_one_by_the_same_line_of_thought() -> None:
    refused = GateResult("edit", passed=False, reason="the lines do not occur")
    first = Attempt(Candidate(CANDIDATE.name, (), {}), Verdict((refused,)))
    assert "Verified: build (it builds)." in told(compared(SensorDouble()), (first, *ATTEMPTS))


def test_what_could_not_be_told_in_the_time_given_is_not_said_to_save_nothing() -> None:
    plan = Plan(idle_s=0.01, budget_s=1e-6)
    one_block = asyncio.run(compare(FormulaRunner(), SensorDouble(), program(1.0), program(0.5), plan=plan))
    attempts = (replace(ATTEMPTS[0], energy=one_block),)
    assert headline(None, None, attempts) == (
        "No candidate was shown to use less energy: 1 candidate tried, 0 refused by the verifier, "
        "1 undecided in the time given."
    )
    assert fate(attempts[0]) == (
        "inconclusive, −50% (from one block, so without an interval) energy, measured by sensor test double: "
        "the budget ended it after 1 block, before the first look at 5"
    )
    said = told(one_block, attempts)
    assert "What the budget ended more time can decide, `seconds` or `joules` in `[measure]`" in said
    assert "varied too much" not in said
    assert "can decide" not in told(compared(SensorDouble()))


def test_what_varied_too_much_is_not_said_to_have_been_ended_by_the_budget() -> None:
    one = compared(SensorDouble())
    blocks = (one.comparison.blocks * 4)[:20]
    undecided = replace(one.comparison, blocks=blocks, verdict=EnergyVerdict.INCONCLUSIVE)
    said = told(one, (replace(ATTEMPTS[0], energy=replace(one, comparison=undecided)),))
    assert "What varied too much from block to block a quieter machine can decide." in said
    assert "budget" not in said
