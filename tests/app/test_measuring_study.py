import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline import wiring
from jouleline.app.measuring_report import study_json, study_table, targets
from jouleline.app.measuring_study import SETTINGS, USUAL, WORLDS, Batch, Trial, batches, trials_of
from jouleline.app.virtual_machine import IDLE_W, RUN_S, Drift, Setting, VirtualMachine
from jouleline.core.energy import EnergyVerdict
from jouleline.core.interval import share_interval

ROOT = Path(__file__).resolve().parents[2]
STEADY = Setting(noise=0.0, drift=Drift.NONE, period_s=0.05, effect=-0.02)


def machine(setting: Setting = STEADY) -> VirtualMachine:
    return VirtualMachine(setting, random.Random(1))  # noqa: S311 - repeatable on purpose


@given(st.lists(st.just(0.0) | st.floats(1e-4, 3.0), min_size=1, max_size=50), st.floats(0.01, 0.1))
def test_the_counter_lags_behind_by_less_than_a_period(naps: list[float], period_s: float) -> None:
    simulated = machine(Setting(0.0, Drift.NONE, period_s, 0.0))
    for nap in naps:
        before = simulated.energy()[0].energy_j
        simulated.sleep(nap)
        counted = simulated.energy()[0].energy_j
        assert counted >= before
        lag_j = IDLE_W * simulated.clock() - counted
        assert -1e-6 <= lag_j <= IDLE_W * period_s + 1e-6


def test_looks_that_would_see_nothing_are_passed_over_and_no_others() -> None:
    simulated = machine()
    simulated.sleep(0.07)  # past the first movement, wherever it is
    begun, movements, looks = simulated.clock(), 0, 0
    counted = simulated.energy()
    while simulated.clock() < begun + 1:
        simulated.sleep(0.001)
        looks += 1
        movements += simulated.energy() != counted
        counted = simulated.energy()
    assert movements in {20, 21}
    assert looks <= movements + 1


def test_the_real_meter_measures_the_simulated_machine() -> None:
    (found,) = trials_of(Batch(STEADY, seed=1, first=0, trials=1), wiring.simulated_meter)
    assert found.verdict is EnergyVerdict.IMPROVED
    assert found.blocks == 5
    # The idle seconds at both ends of a window are no part of the true change, and next to nothing.
    assert abs(found.error) < 0.0003


def test_the_meter_finds_the_period_and_the_power() -> None:
    simulated = machine(Setting(0.0, Drift.NONE, 0.1, 0.0))
    meter = wiring.simulated_meter(simulated)
    assert meter.check().period_s == pytest.approx(0.1, rel=0.05)
    meter.start()
    simulated.sleep(RUN_S)
    idle = meter.stop([])
    assert idle.energy_j / idle.wall_s == pytest.approx(IDLE_W, rel=0.001)


def test_a_seed_repeats_a_trial_whatever_batch_it_is_in() -> None:
    whole = trials_of(Batch(USUAL, seed=7, first=0, trials=4), wiring.simulated_meter)
    part = trials_of(Batch(USUAL, seed=7, first=2, trials=2), wiring.simulated_meter)
    other = trials_of(Batch(USUAL, seed=8, first=2, trials=2), wiring.simulated_meter)
    assert whole[2:] == part != other


def test_the_batches_hold_every_trial_once() -> None:
    pieces = batches(seed=1, trials=45, size=20)
    for setting in SETTINGS:
        numbers = [
            one
            for batch in pieces
            if batch.setting == setting
            for one in range(batch.first, batch.first + batch.trials)
        ]
        assert numbers == list(range(45))


def trial(verdict: EnergyVerdict, *, held: bool = True) -> Trial:
    return Trial(verdict, 5, held, held, held, 0.001, 0.002)


def test_what_is_asked_is_counted() -> None:
    found = {
        setting: [
            trial(EnergyVerdict.IMPROVED if setting.effect < 0 else EnergyVerdict.REGRESSED, held=number > 0)
            for number in range(10)
        ]
        for setting in SETTINGS
    }
    false, shown, unchanged, fixed, less, more = targets(found)
    assert (false.share.value, false.met) == (1.0, False)
    assert (shown.share.value, shown.met) == (0.9, False)
    assert unchanged.share.value == fixed.share.value == 0.9
    assert less.met
    assert more.met
    document = study_json(found, seed=1, trials=10)
    assert document["settings"][0]["verdicts"]["regressed"] == 1.0
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert len(study_table(document).splitlines()) == 2 + len(WORLDS)


def test_a_share_has_an_interval_that_knows_its_ends() -> None:
    # 5 of 100 by Wilson's formula: any calculator gives 2.15% to 11.2%.
    some = share_interval(5, 100)
    assert (some.low, some.high) == pytest.approx((0.02154, 0.11175), abs=1e-4)
    assert share_interval(0, 20).low == 0.0 < share_interval(0, 20).high
    assert share_interval(20, 20).high == 1.0
    with pytest.raises(ValueError, match="at least one trial"):
        share_interval(0, 0)


def committed() -> dict[str, object]:
    document = json.loads((ROOT / "docs/results/measuring.json").read_text("utf-8"))
    assert isinstance(document, dict)
    return document


def test_the_study_in_the_documentation_meets_what_is_asked() -> None:
    document = committed()
    assert document["schema"] == "jouleline/measuring-study/1"
    asked = document["targets"]
    assert isinstance(asked, list)
    assert [one["name"] for one in asked if not one["met"]] == []
    for one in asked:
        assert one["met"] == (
            one["share"] <= one["at_most"] if "at_most" in one else one["share"] >= one["at_least"]
        )


def test_the_page_shows_the_table_of_the_committed_study() -> None:
    page = (ROOT / "docs/energy.md").read_text("utf-8")
    assert study_table(committed()) in page
