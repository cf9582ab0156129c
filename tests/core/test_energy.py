import logging
import math
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.energy import (
    LOOKS,
    Arm,
    Block,
    Comparison,
    EnergyVerdict,
    MixedMetersError,
    block_orders,
    decide,
    joules,
    log_ratio_interval,
    next_look,
    noise_floor,
    ratio,
    require_same_meter,
    seconds,
    summarise,
)
from jouleline.core.idle import Idle
from jouleline.core.interval import Estimate, t_interval
from jouleline.core.meter import EnergySample, Measured, MeterInfo, Modelled

METER = MeterInfo("test double", "none", Modelled, window_s=0.2, note="")


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - repeatable on purpose


def window(energy: float, wall: float = 1.0, runs: int = 1) -> EnergySample[Modelled]:
    return EnergySample(Modelled, energy, wall, wall, runs)


def block_of(order: tuple[Arm, ...], energy: Callable[[Arm], float]) -> Block[Modelled]:
    return Block(tuple((arm, window(energy(arm))) for arm in order))


def blocks_with(log_ratios: list[float]) -> list[Block[Modelled]]:
    orders = block_orders(seeded(1))
    return [
        block_of(next(orders), lambda arm, value=value: math.exp(value) if arm is Arm.CANDIDATE else 1.0)  # type: ignore[misc]
        for value in log_ratios
    ]


def test_orders_are_balanced_random_and_repeatable() -> None:
    drawn = block_orders(seeded(7))
    orders = ["".join(next(drawn)) for _ in range(400)]
    again = block_orders(seeded(7))
    assert orders == ["".join(next(again)) for _ in range(400)]
    counted = Counter(orders)
    assert set(counted) == {"ABBA", "BAAB"}
    assert 150 < counted["ABBA"] < 250


@given(st.floats(0.01, 100), st.floats(0.1, 10), st.floats(-0.05, 0.05), st.booleans())
def test_a_linear_drift_cancels_within_a_block(base: float, true: float, drift: float, swap: object) -> None:
    order = [Arm.BASELINE, Arm.CANDIDATE, Arm.CANDIDATE, Arm.BASELINE]
    if swap:
        order = [Arm.CANDIDATE if arm is Arm.BASELINE else Arm.BASELINE for arm in order]
    windows = tuple(
        (arm, window(base * (true if arm is Arm.CANDIDATE else 1.0) * (1 + drift * time)))
        for time, arm in enumerate(order)
    )
    assert Block(windows).log_ratio() == pytest.approx(math.log(true), abs=1e-9)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20), st.floats(0.1, 10))
def test_scaling_both_programs_changes_no_ratio(log_ratios: list[float], scale: float) -> None:
    blocks = blocks_with(log_ratios)
    scaled = [
        Block(tuple((arm, window(sample.energy_j * scale)) for arm, sample in block.windows))
        for block in blocks
    ]
    assert ratio(scaled).value == pytest.approx(ratio(blocks).value)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_the_interval_holds_the_estimate_and_exchanging_the_programs_inverts_it(values: list[float]) -> None:
    blocks = blocks_with(values)
    swapped = blocks_with([-value for value in values])
    one, other = ratio(blocks), ratio(swapped)
    assert one.low <= one.value <= one.high
    assert (other.value, other.low, other.high) == pytest.approx((1 / one.value, 1 / one.high, 1 / one.low))


def test_the_t_interval_agrees_with_a_table() -> None:
    # t(0.975, 4) = 2.776 (any statistics table); the sample deviation of 1..5 is sqrt(2.5).
    interval = t_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.776 * math.sqrt(2.5 / 5)
    assert (interval.value, interval.low, interval.high) == pytest.approx((3, 3 - half, 3 + half), rel=1e-3)


def test_one_value_says_nothing_of_its_spread() -> None:
    assert t_interval([2.0]) == Estimate(2.0, -math.inf, math.inf)
    with pytest.raises(ValueError, match="at least one value"):
        t_interval([])


def test_a_window_of_many_runs_counts_each() -> None:
    summary = summarise([window(10.0, 2.0, runs=4), window(5.0, 1.0, runs=2)])
    assert summary.joules.value == pytest.approx(2.5)
    assert summary.seconds.value == pytest.approx(0.5)
    assert summary.watts.value == pytest.approx(5.0)
    assert summary.joule_seconds.value == pytest.approx(1.25)


def test_a_candidate_may_save_energy_and_lose_time() -> None:
    order = next(block_orders(seeded(0)))
    slow = Block(
        tuple((arm, window(0.8, 1.5) if arm is Arm.CANDIDATE else window(1.0, 1.0)) for arm in order)
    )
    done = Comparison(METER, (slow,) * 5, 0.01, EnergyVerdict.IMPROVED)
    assert done.energy_ratio.value == pytest.approx(0.8)
    assert done.reduction.value == pytest.approx(0.2)
    assert done.time_ratio.value == pytest.approx(1.5)
    assert done.power_ratio.value == pytest.approx(0.8 / 1.5)
    assert done.energy_delay_ratio.value == pytest.approx(1.2)
    assert len(done.samples(Arm.BASELINE)) == 10
    assert done.summary(Arm.CANDIDATE).seconds.value == pytest.approx(1.5)


def spread(centre: float, half: float, count: int) -> list[Block[Modelled]]:
    """Blocks whose log ratios alternate around a centre."""
    return blocks_with([centre + (half if place % 2 else -half) for place in range(count)])


@pytest.mark.parametrize(
    ("centre", "half", "verdict"),
    [
        (-0.10, 0.01, EnergyVerdict.IMPROVED),
        (0.10, 0.01, EnergyVerdict.REGRESSED),
        (0.0, 0.001, EnergyVerdict.NO_CHANGE),
        (-0.005, 0.001, EnergyVerdict.NO_CHANGE),
        (0.0, 0.3, None),
    ],
)
def test_the_verdict_at_the_first_look(centre: float, half: float, verdict: EnergyVerdict | None) -> None:
    assert decide(spread(centre, half, LOOKS[0])) is verdict


def test_no_verdict_between_looks() -> None:
    verdicts = {count: decide(spread(-0.1, 0.01, count)) for count in range(1, 21)}
    assert [count for count, verdict in verdicts.items() if verdict] == list(LOOKS)
    assert next_look(0) == 5
    assert next_look(5) == 8
    assert next_look(20) == 20


def test_the_end_without_certainty_is_inconclusive() -> None:
    assert decide(spread(0.0, 0.3, LOOKS[-1])) is EnergyVerdict.INCONCLUSIVE
    assert decide(spread(0.0, 0.3, 6), final=True) is EnergyVerdict.INCONCLUSIVE
    assert decide(spread(-0.1, 0.01, 4), final=True) is EnergyVerdict.INCONCLUSIVE
    assert decide(spread(-0.1, 0.01, 6), final=True) is EnergyVerdict.IMPROVED


def test_a_candidate_that_is_much_worse_is_given_up_early() -> None:
    assert decide(spread(0.7, 0.01, 3)) is EnergyVerdict.REGRESSED
    assert decide(spread(-0.7, 0.01, 3)) is None


def test_an_effect_below_the_noise_floor_is_no_improvement() -> None:
    floor = noise_floor(spread(0.0, 0.05, 8))
    assert 0.03 < floor < 0.06
    assert decide(spread(-0.02, 0.001, 5)) is EnergyVerdict.IMPROVED
    assert decide(spread(-0.02, 0.001, 5), delta=floor) is EnergyVerdict.NO_CHANGE


def test_a_program_that_differs_from_itself_by_half_shows_of_none_that_it_is_unchanged() -> None:
    floor = noise_floor(spread(0.0, 0.4, 5))
    assert floor > 0.3
    assert decide(spread(-0.014, 0.05, 20), delta=floor) is EnergyVerdict.NO_CHANGE
    assert decide(spread(-0.014, 0.25, 20), delta=floor) is EnergyVerdict.INCONCLUSIVE
    assert decide(spread(-0.2, 0.01, 20), delta=floor) is EnergyVerdict.INCONCLUSIVE
    assert decide(spread(-1.5, 0.2, 5), delta=floor) is EnergyVerdict.IMPROVED


def test_windows_that_scatter_have_no_interval_below_zero() -> None:
    summary = summarise([window(1.0, 0.5), window(3.0, 1.5)])
    for figure in (summary.joules, summary.seconds, summary.joule_seconds):
        assert figure.low == 0.0
        assert figure.low < figure.value < figure.high < math.inf
    assert t_interval([1.0, 3.0]).low < 0


def test_modelled_and_measured_joules_never_stand_side_by_side() -> None:
    measured = MeterInfo("rapl", "package-0", Measured, window_s=5, note="")
    require_same_meter([METER, METER])
    with pytest.raises(
        MixedMetersError, match=r"measured joules of rapl .* and modelled joules of test double"
    ):
        require_same_meter([METER, measured])


def test_a_mixture_that_got_past_the_types_is_refused() -> None:
    modelled: Any = window(1.0)
    measured: Any = EnergySample(Measured, 1.0, 1.0, 1.0, 1)
    block: Any = Block(((Arm.BASELINE, modelled), (Arm.CANDIDATE, modelled)))
    sensed: Any = Block(((Arm.BASELINE, measured), (Arm.CANDIDATE, measured)))
    mixtures: list[Callable[[], object]] = [
        lambda: Block(((Arm.BASELINE, modelled), (Arm.CANDIDATE, measured))),
        lambda: summarise([modelled, measured]),
        lambda: summarise([modelled], Idle(measured)),
        lambda: Comparison(METER, (sensed,), 0.01, EnergyVerdict.IMPROVED),
        lambda: Comparison(METER, (block,), 0.01, EnergyVerdict.IMPROVED, idle=Idle(measured)),
        lambda: Comparison(METER, (block,), 0.01, EnergyVerdict.IMPROVED, control=(sensed,)),
    ]
    for mixture in mixtures:
        with pytest.raises(MixedMetersError, match="measured and modelled joules cannot be compared"):
            mixture()


@given(st.lists(st.floats(-0.05, 0.05), min_size=5, max_size=5))
def test_the_interval_that_is_shown_agrees_with_the_verdict(log_ratios: list[float]) -> None:
    blocks = blocks_with(log_ratios)
    verdict = decide(blocks, final=True)
    assert verdict is not None
    shown = Comparison(METER, tuple(blocks), 0.01, verdict).energy_ratio
    if verdict in {EnergyVerdict.IMPROVED, EnergyVerdict.REGRESSED}:
        assert shown.excludes(1.0)
    if verdict is EnergyVerdict.NO_CHANGE:
        assert shown.within(1 / 1.0101, 1.0101)


# The protocol's error rates by simulation: 2% noise on each window and a 3% warm-up drift that dies
# away over about ten windows. `jouleline study measuring` runs the whole protocol so (docs/energy.md).

TRIALS = int(os.environ.get("JOULELINE_TRIALS", "500"))
NOISE = 0.02
DRIFT = 0.03
DRIFT_WINDOWS = 10.0


def simulated_blocks(chance: random.Random, true_log_ratio: float) -> list[Block[Modelled]]:
    time = 0

    def energy(arm: Arm) -> float:
        nonlocal time
        drift = 1 + DRIFT * math.exp(-time / DRIFT_WINDOWS)
        time += 1
        true = true_log_ratio if arm is Arm.CANDIDATE else 0.0
        return math.exp(true + chance.gauss(0, NOISE)) * drift

    orders = block_orders(chance)
    return [block_of(next(orders), energy) for _ in range(LOOKS[-1])]


def sequential(blocks: list[Block[Modelled]]) -> tuple[EnergyVerdict, int]:
    for count in range(1, len(blocks) + 1):
        verdict = decide(blocks[:count])
        if verdict is not None:
            return verdict, count
    raise AssertionError("the last look always decides")


def within_binomial_error(share: float, expected: float) -> float:
    """How many standard errors a simulated share lies above the expected one."""
    return (share - expected) / math.sqrt(expected * (1 - expected) / TRIALS)


@pytest.mark.parametrize("true_change", [0.0, -0.02, 0.05])
def test_simulated_error_rates(true_change: float) -> None:
    chance = seeded(20250)
    true = math.log1p(true_change)
    verdicts: Counter[EnergyVerdict] = Counter()
    covered = covered_at_stop = excluded = used = 0
    bias = 0.0
    for _ in range(TRIALS):
        blocks = simulated_blocks(chance, true)
        verdict, count = sequential(blocks)
        verdicts[verdict] += 1
        used += count
        bias += log_ratio_interval(blocks[:8]).value - true
        covered += not log_ratio_interval(blocks[:8]).excludes(true)
        covered_at_stop += not log_ratio_interval(blocks[:count]).excludes(true)
        excluded += any(log_ratio_interval(blocks[:look], alpha=0.0158).excludes(0.0) for look in LOOKS)
    share = {verdict: verdicts[verdict] / TRIALS for verdict in EnergyVerdict}
    logging.getLogger(__name__).info(
        "true change %+.0f%%: %s; blocks %.1f; excludes 0 at a look %.1f%%; coverage %.1f%% at 8 blocks, "
        "%.1f%% when stopped; bias %+.3f%%",
        100 * true_change,
        ", ".join(f"{verdict} {100 * part:.1f}%" for verdict, part in share.items()),
        used / TRIALS,
        100 * excluded / TRIALS,
        100 * covered / TRIALS,
        100 * covered_at_stop / TRIALS,
        100 * bias / TRIALS,
    )
    assert abs(within_binomial_error(covered / TRIALS, 0.95)) < 3.5
    assert abs(bias / TRIALS) < 0.001
    if true_change == 0.0:
        assert within_binomial_error(excluded / TRIALS, 0.05) < 3
        false = share[EnergyVerdict.IMPROVED] + share[EnergyVerdict.REGRESSED]
        assert within_binomial_error(false, 0.05) < 3
    elif true_change < 0:
        assert share[EnergyVerdict.IMPROVED] > 0.93
        assert share[EnergyVerdict.REGRESSED] < 0.005
    else:
        assert share[EnergyVerdict.REGRESSED] > 0.93


def test_simulated_all_a_then_all_b_is_misled_by_the_same_drift() -> None:
    chance = seeded(3)
    wrong = 0
    for _ in range(400):
        samples = [
            math.exp(chance.gauss(0, NOISE)) * (1 + DRIFT * math.exp(-time / DRIFT_WINDOWS))
            for time in range(20)
        ]
        pairs = zip(samples[:10], samples[10:], strict=True)
        wrong += t_interval([math.log(late / early) for early, late in pairs]).excludes(0.0)
    logging.getLogger(__name__).info("all A, then all B: %.1f%% false positives", wrong / 4)
    assert wrong / 400 > 0.15


def test_the_quantities_are_those_of_one_run() -> None:
    sample = window(6.0, 3.0, runs=3)
    assert (joules(sample), seconds(sample)) == (2.0, 1.0)
