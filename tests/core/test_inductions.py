"""What a loop changes: fixed steps are told from changes that happen only sometimes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.inductions import Changes, LoopBody
from jouleline.core.syntax import descendants, parse, text_of

# Statements with what they add to x: as text with its sign, or None for what is no fixed step.
STEPS = {
    "x++;": "1",
    "--x;": "-1",
    "x += k;": "k",
    "x -= 2 * k;": "-2 * k",
    "x = x + k;": "k",
    "x = k;": None,
    "x *= 2;": None,
}
AROUND = ("{ %s }", "if (k > 3) %s", "for (int j = 0; j < k; j++) %s", "do %s while (k);")


def body(loop: str) -> LoopBody:
    node = next(descendants(parse(f"void f() {{ {loop} }}".encode()).root, "for_statement"))
    return LoopBody.of(node)


def step_texts(found: LoopBody, name: str) -> list[str] | None:
    steps = found.updates[name]
    if steps is None:
        return None
    return [("-" if one.sign < 0 else "") + (text_of(one.amount) or "1") for one in steps]


@given(st.lists(st.tuples(st.sampled_from(list(STEPS)), st.sampled_from(AROUND)), min_size=1, max_size=5))
def test_steps_are_fixed_where_each_happens_once_a_round(statements: list[tuple[str, str]]) -> None:
    text = " ".join(around % statement for statement, around in statements)
    found = body(f"for (int i = x = 7; i < n; i++) {{ {text} }}")
    steps = [STEPS[statement] for statement, _ in statements]
    always = all(around == AROUND[0] for _, around in statements)
    assert step_texts(found, "x") == (steps if always and None not in steps else None)
    assert step_texts(found, "i") == ["1"]
    assert found.nests == any(around in AROUND[2:] for _, around in statements)


def test_what_is_set_before_the_loop_or_is_no_variable_is_not_changed_by_it() -> None:
    found = body("for (i = 0, m = 4; i < n; i += 2) { a[i]++; p->x = 3; }")
    assert found.updates.keys() == {"i"}
    assert not found.nests


def test_one_walk_finds_what_each_loop_changes_whatever_is_around_it() -> None:
    text = (
        b"void f() { int s = 0; while (s < 9) { s += 2; for (int i = k = 0; i < n; i++) { s = i; m--; } } }"
    )
    root = parse(text).root
    found = Changes(root)
    loops = list(descendants(root, "while_statement", "for_statement"))
    assert found.names == {"s", "i", "k", "m"}
    assert [found.loops[loop.id] for loop in loops] == [LoopBody.of(loop) for loop in loops]
    assert [found.loops[loop.id].nests for loop in loops] == [True, False]
    assert step_texts(found.loops[loops[1].id], "m") == ["-1"]
    assert found.loops[loops[0].id].updates == dict.fromkeys(("s", "i", "k", "m"))


def test_changes_are_found_wherever_they_are_in_an_expression() -> None:
    text = (
        "void f() { int a = b = 1, c[] = {d++}; g(e == 2, h |= 4); x = y == z ? (p -= 1) : q[--r]; "
        'auto l = [&](int w) { s and_eq w; }; /* t = 5 */ u <= v; const char *n = "m = 6"; }'
    )
    assert Changes(parse(text.encode()).root).names == {*"bdhxprs"}
