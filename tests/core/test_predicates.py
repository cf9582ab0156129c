"""Instructions with a predicate run for as many threads as their lines."""

import pytest

from jouleline.core.line_visits import LineVisits
from jouleline.core.predicates import EVEN, active_shares
from jouleline.core.visits import SourceLoop, Visits
from tests.support.machine import FILE, code


def shares(visits: Visits, *lines: str) -> list[float]:
    return active_shares(code(*lines).instructions, LineVisits(visits, visits.entered))


def test_a_line_that_runs_less_often_than_the_block_has_its_share() -> None:
    visits = Visits({(FILE, 2): 1000, (FILE, 3): 10}, entered=1000)
    assert shares(visits, "2| FADD R0, R0, R1", "3| @P0 FADD R0, R0, R1") == [1.0, 0.01]


def test_a_line_that_runs_as_often_has_all_unless_it_decides_itself() -> None:
    visits = Visits({(FILE, 2): 1000, (FILE, 3): 1000, (FILE, 4): 1000}, (), frozenset({(FILE, 4)}), 1000)
    assert shares(visits, "2| FADD R0, R0, R1", "3| @P0 FADD R0, R0, R1", "4| @P1 FADD R0, R0, R1") == [
        1.0,
        1.0,
        EVEN,
    ]


def test_what_was_written_out_of_a_loop_is_compared_with_its_like() -> None:
    loop = SourceLoop(FILE, 2, 4, 1000, 7000)
    visits = Visits({(FILE, 3): 7000, (FILE, 5): 1000, (FILE, 6): 500}, (loop,), entered=1000)
    found = shares(visits, *["3| FADD R0, R0, R1"] * 7, "5| FADD R0, R0, R1", "6| @P0 FADD R0, R0, R1")
    assert found[-1] == pytest.approx(0.5)


def test_a_function_that_is_called_in_two_places_runs_as_often_as_each_call() -> None:
    visits = Visits({(FILE, 9): 1250, (FILE, 2): 1000, (FILE, 3): 250}, entered=1000)
    found = shares(visits, "9<2| FADD R0, R0, R1", "9<3| @P0 FADD R0, R0, R1")
    assert found == [1.0, pytest.approx(0.25)]


def test_a_predicate_that_is_always_or_never_true_is_taken_at_its_word() -> None:
    assert shares(Visits(), "@PT FADD R0, R0, R1", "@!PT FADD R0, R0, R1") == [1.0, 0.0]


def test_of_a_line_that_nothing_is_known_of_half_the_threads_run() -> None:
    assert shares(Visits(), "2| @P0 FADD R0, R0, R1") == [EVEN]
