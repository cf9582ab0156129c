"""What stands in a text is where it would be, had each edit moved it at once."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.offsets import Moving, Offsets

EDITS = st.lists(
    st.tuples(
        st.floats(0, 1), st.integers(0, 3), st.lists(st.integers(1, 9), max_size=3), st.integers(0, 20)
    ),
    max_size=8,
)


@given(st.lists(st.integers(1, 9), max_size=30), EDITS, st.integers(-5, 200))
def test_offsets_after_edits_are_those_that_were_moved_at_once(
    gaps: list[int], edits: list[tuple[float, int, list[int], int]], asked: int
) -> None:
    plain = [sum(gaps[: index + 1]) for index in range(len(gaps))]
    offsets = Offsets(plain)
    for share, removed, new_gaps, by in edits:
        low = int(share * len(plain))
        high = min(len(plain), low + removed)
        first = plain[low - 1] if low else 0
        new = [first + sum(new_gaps[: index + 1]) for index in range(len(new_gaps))]
        offsets = offsets.replaced(low, high, new, by + sum(new_gaps))
        plain = plain[:low] + new + [offset + by + sum(new_gaps) for offset in plain[high:]]
        assert list(offsets) == plain
    assert offsets == Offsets(plain)
    assert [offsets[index] for index in range(-len(plain), len(plain))] == plain + plain
    assert [offsets[:at] + offsets[at:] == plain for at in range(len(plain) + 1)] == [True] * (len(plain) + 1)
    assert all(a < b for a, b in pairwise(plain))
    assert offsets.before(asked) == sum(offset < asked for offset in plain)


@dataclass(frozen=True)
class Word:
    """Something that stands somewhere."""

    start: int


class Words(Moving[Word]):
    """Some of them."""

    def moved(self, one: Word, by: int) -> Word:
        return Word(one.start + by)


def test_what_is_asked_for_is_moved_to_where_it_starts_now() -> None:
    words = Words([Word(1), Word(5)], Offsets([1, 5]).replaced(1, 1, [], 7))
    assert words[1] == words[-1] == Word(12)
    assert list(words) == words[:] == [Word(1), Word(12)]
    assert words == Words([Word(1), Word(12)], Offsets([1, 12]))
    assert words != Words([Word(1)], Offsets([1]))
