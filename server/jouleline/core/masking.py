"""Blank out CUDA and HIP syntax so that a C++ grammar parses the rest.

Every blanked character becomes a space and line breaks stay, so offsets in the masked text are
offsets in the original. What was blanked is returned beside it: attributes and launch
configurations are read from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from .blanked import Blanked, Marks
from .inner_pragmas import HEAD, REACH, TAIL, inner_pragmas
from .offsets import Offsets
from .source import Edit, difference

_ATTRIBUTE = (
    rb"_(?:global|device|host|shared|constant|managed|grid_constant|restrict|forceinline"
    rb"|noinline|tile_static|cudart_builtin)__\b"
)
# Each alternative starts with a character, so that the search skips to one of these: what comes before
# it is looked at behind it. Empty groups say which alternative it was.
_TOKEN = re.compile(
    rb"//[^\n]*"  # comments and strings are skipped, whatever they contain
    rb"|/\*.*?(?:\*/|\Z)"
    rb'|R(?:(?<!\wR)|(?<=\b[uUL]R)|(?<=\bu8R))"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)"'
    rb'|"(?:[^"\\\n]|\\.)*"'
    rb"|'(?:[^'\\\n]|\\.){1,4}'"
    rb"|_(?<!\w_)" + _ATTRIBUTE + rb"(?P<attribute>)"
    rb"|_(?<!\w_)_(?:(?:launch_bounds|align)__\s*\(|attribute__\s*\((?=\(\s*_*aligned))(?P<bounds>)"
    rb"|<<<(?P<launch>)",
    re.DOTALL,
)
# A macro's call between the attribute and the kernel's name, which can only stand for launch bounds.
_BOUNDS_MACRO = re.compile(
    rb"(?:\s{1,99}[\w:*&]{1,99}){0,4}?\s{1,99}([A-Z][A-Z0-9_]{2,99}\s{0,9}\(([^(){};]{0,200})\))"
    rb"(?=\s{0,99}(?!__|noexcept\b)(?:[\w:*&]{1,99}\s{1,99}){0,3}\w{1,99}\s{0,9}\()"
)
_QUICK = re.compile(rb"__[a-z]|<<<")
_LAUNCH_MARK = re.compile(rb"[()\[\]{};]|>>>")
_HEAD = b"for(;;)"
# What stands at both ends of what was blanked.
_ENDS = {"loop": (_HEAD, b""), "statement": (b";", b""), "pragma": (HEAD, TAIL)}
# What is found by a few lines around it, whether in a comment or not.
_NEAR = ("loop", "pragma")
# From its first underscore on, which the search skips to; what is in front of it is looked at then.
_LOOP_MACRO = re.compile(rb"_(?<=[A-Z0-9]_)[A-Z0-9_]+[ \t]*\(")
_FIRST_WORD = re.compile(rb"(?<!\w)[A-Z][A-Z0-9]*\Z")
_LONGEST_WORD = 99
_AFTER_HEAD = re.compile(rb"\s*\{")
_RAW = b'R"'
_DEFINE = re.compile(rb"define[ \t]+(\w+)((?:[ \t]|\\\r?\n)(?:[^\\\n]|\\\r?\n|\\.)*)")
_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD_BEFORE_STATEMENT = re.compile(rb"\b[A-Za-z_]\w*\b(?=\s*(?:[A-Za-z_}]|//|/\*))")
# Where a string that was not closed is given up.
_ENDED_LINE = re.compile(rb"(?<!\\)\n")
_NOT_BREAK = re.compile(rb"[^\r\n]")
# A launch configuration longer than this is an unclosed bracket in a half-typed file.
_LAUNCH_LIMIT = 2000
_start_of = attrgetter("start")


@dataclass(frozen=True)
class Masked:
    """A text of the same length as the original, and what was blanked, in order.

    ``ends`` are the offsets at which a comment, a string or something blanked ends: whatever the text
    before, what is behind is read alike. It is None where there is nothing to blank. ``has_raw`` says that
    a raw string may be in the text, ``loops`` how many heads of loops, which may stand where a line break
    was. ``defines`` says that macros are defined that end a statement.
    """

    data: bytes
    blanked: Marks = field(hash=False)
    ends: Offsets | None = field(default=None, compare=False, repr=False)
    has_raw: bool = False
    loops: int = 0
    defines: bool = False

    @property
    def starts(self) -> Offsets:
        """Where each of them starts."""
        return self.blanked.starts

    def within(self, start: int, end: int) -> list[Blanked]:
        """What was blanked inside ``start:end``."""
        return self.blanked[self.starts.before(start) : self.starts.before(end)]

    def reaching(self, position: int, end: int) -> int:
        """The first of those before the ``end``-th that ends behind a position; ``end`` if none does."""
        first = self.starts.before(position - _LAUNCH_LIMIT)
        return next((place for place in range(first, end) if self.blanked[place].end > position), end)


def mask(data: bytes) -> Masked:
    """Blank CUDA and HIP attributes and launch configurations in ``data``; give loop macros a head."""
    nearby, has_raw = _nearby(data, 0, len(data)), _RAW in data
    names = _statement_macros(data)
    if not nearby and not names and not _QUICK.search(data):
        return Masked(data, Marks.of(()), has_raw=has_raw)
    found: list[Blanked] = []
    ends: list[int] = []
    _scan(data, 0, found, ends)
    others = [*nearby, *(_statements(data, names) if names else ())]
    text = _blank(data, 0, len(data), found, others)
    marks = Marks.of(_in_order(found, others))
    return Masked(text, marks, Offsets(ends), has_raw, _loops(nearby), bool(names))


def remask(masked: Masked, data: bytes, edit: Edit) -> tuple[Masked, Edit | None]:
    """What ``mask(data)`` gives, where ``edit`` made ``data`` of a text whose mask is known.

    Beside it, the edit that makes the one masked text of the other; None if they are the same.

    Only what stands around the edit is read: how far what is blanked looks ahead is bounded, and behind
    a comment or a string that has an end in both texts, they are read alike.
    """
    if masked.has_raw or _RAW in data[max(0, edit.start - 1) : edit.start + len(edit.replacement) + 1]:
        return _masked_anew(masked, data)  # one that is never closed looks ahead to the end of the text
    changed = (data, edit.start + len(edit.replacement)), (masked.data, edit.end)
    if masked.defines or any(_DEFINE.search(_logical_line(text, edit.start, end)) for text, end in changed):
        return _masked_anew(masked, data)  # what is defined here is used anywhere
    by = len(edit.replacement) - (edit.end - edit.start)
    line = _line_end(data, edit.start + len(edit.replacement)) + 1
    reach = _line_end(data, edit.start + len(edit.replacement) + REACH) + 1
    near = data.rfind(b"\n", 0, max(0, len(data[: edit.start].rstrip()) - _LAUNCH_LIMIT - 1)) + 1
    if masked.ends is None:
        plain = not _QUICK.search(data, near, line) and not _nearby(data, near, reach)
        return (Masked(data, masked.blanked), edit) if plain else _masked_anew(masked, data)
    index = masked.ends.before(near + 1)
    start = masked.ends[index - 1] if index else 0
    if not _ENDED_LINE.search(data, start, edit.start):
        index, start = 0, 0
    found: list[Blanked] = []
    ends: list[int] = []
    last = _scan(data, start, found, ends, (max(line, edit.start), by, masked.ends))
    rest = len(masked.ends) if last is None else masked.ends.before(last - by + 1)
    last = len(data) if last is None else last
    nearby = _nearby(data, near, reach)
    first, behind = min(start, near), max(last, reach)
    low, high = masked.starts.before(first), masked.starts.before(behind - by)
    for item in masked.blanked[low:high]:
        kept, left, right = (nearby, near, reach) if item.kind in _NEAR else (found, start, last)
        if item.start < left:
            kept.append(item)
        elif item.start + by >= right:
            kept.append(item.moved(by))
        else:
            behind = max(behind, item.end + by)
    # Heads of loops and pragmas, and what is in them, may reach into the stretch or out of it.
    while (outer := masked.reaching(first, low)) < low:
        for item in masked.blanked[outer:low]:
            (nearby if item.kind in _NEAR else found).append(item)
        low, first = outer, masked.starts[outer]
    behind = max(behind, *(item.end for item in (*found, *nearby)), 0)
    while high < len(masked.blanked) and masked.starts[high] + by < behind:
        item = masked.blanked[high].moved(by)
        (nearby if item.kind in _NEAR else found).append(item)
        behind = max(behind, item.end)
        high += 1
    again = _blank(data, first, behind, found, nearby)
    gone = _loops(masked.blanked.known[low:high])
    after = Masked(
        masked.data[:first] + again + masked.data[behind - by :],
        masked.blanked.replaced(low, high, _in_order(found, nearby), by),
        masked.ends.replaced(index, rest, ends, by),
        loops=masked.loops - gone + _loops(nearby),
    )
    change = difference(masked.data[first : behind - by], again)
    return after, change.moved(first) if change is not None else None


def _masked_anew(masked: Masked, data: bytes) -> tuple[Masked, Edit | None]:
    after = mask(data)
    return after, difference(masked.data, after.data)


def _scan(
    data: bytes,
    position: int,
    found: list[Blanked],
    ends: list[int],
    known: tuple[int, int, Offsets] | None = None,
) -> int | None:
    """Find what is to be blanked from ``position`` on, which is in no comment and no string.

    ``known`` are offsets at which an earlier text is read as this one from ``known[0]`` on, but for a
    shift: the scan ends at the first of them, and says so.
    """
    while match := _TOKEN.search(data, position):
        position = match.end()
        kind = match.lastgroup
        if kind in ("attribute", "bounds") and _in_definition(data, match.start()):
            pass  # a macro of blanks would take the next lines for its value
        elif kind == "attribute":
            found.append(Blanked("attribute", match.start(), match.end(), match[0]))
            if match[0] == b"__global__" and (macro := _BOUNDS_MACRO.match(data, position)):
                found.append(Blanked("bounds", macro.start(1), macro.end(1), macro[2]))
                position = macro.end(1)
        elif kind == "bounds":
            end = _closing(data, match.end(), b"(", b")")
            found.append(Blanked("bounds", match.start(), end, data[match.end() : end - 1]))
            position = end
        elif kind == "launch":
            end, closed = _launch_end(data, match.end())
            content = data[match.end() : end - 3 if closed else end]
            found.append(Blanked("launch", match.start(), end, content))
            position = end
        ends.append(position)
        if known is not None and position >= known[0]:
            place = known[2].before(position - known[1])
            if place < len(known[2]) and known[2][place] == position - known[1]:
                return position
    return None


def _blank(data: bytes, start: int, end: int, found: Iterable[Blanked], others: Iterable[Blanked]) -> bytes:
    masked = bytearray(data[start:end])
    for kind, first, last, _ in (*found, *others):
        blank = data[first:last]
        is_long = b"\n" in blank or b"\r" in blank  # few have more than one line
        blank = _NOT_BREAK.sub(b" ", blank) if is_long else b" " * len(blank)
        if kind in _ENDS:
            head, tail = _ENDS[kind]
            blank = head + blank[len(head) : len(blank) - len(tail)] + tail
        masked[first - start : last - start] = blank
    return bytes(masked)


def _in_order(found: Iterable[Blanked], others: Iterable[Blanked]) -> list[Blanked]:
    return sorted((*found, *others), key=_start_of)


def _loops(items: Iterable[Blanked]) -> int:
    return sum(item.kind == "loop" for item in items)


def _nearby(data: bytes, first: int, last: int) -> list[Blanked]:
    """What is to be blanked in whole lines that is found by what stands around it."""
    return [*_loop_macros(data, first, last), *inner_pragmas(data, first, last)]


def _loop_macros(data: bytes, first: int, last: int) -> list[Blanked]:
    """Calls of macros in whole lines, inside of functions, after which a block opens."""
    found = []
    for match in _LOOP_MACRO.finditer(data, first, last):
        word = _FIRST_WORD.search(data, max(first, match.start() - _LONGEST_WORD), match.start())
        if word is None:
            continue
        end = _closing(data, match.end(), b"(", b")")
        start = word.start()
        opens = _AFTER_HEAD.match(data, end)
        if opens and end - start >= len(_HEAD) and _starts_statement(data, start):
            found.append(Blanked("loop", start, end, data[start:end]))
    return found


def _statement_macros(data: bytes) -> frozenset[bytes]:
    """The macros without parameters that a text defines and that end a statement."""
    found: set[bytes] = set()
    ends: dict[bytes, list[bytes]] = {}
    for match in _DEFINE.finditer(data):
        if data[data.rfind(b"\n", 0, match.start()) + 1 : match.start()].strip() == b"#":
            body = _COMMENT.sub(b" ", match[2]).replace(b"\\", b" ").strip()
            if body.endswith(b";") or (body.endswith(b"}") and b";" in body):
                found.add(match[1])
            elif body:
                ends.setdefault(body.split()[-1], []).append(match[1])
    waiting = [*found]
    while waiting:
        for name in ends.pop(waiting.pop(), ()):
            found.add(name)
            waiting.append(name)
    return frozenset(found)


def _statements(data: bytes, names: frozenset[bytes]) -> Iterator[Blanked]:
    """Uses of macros that end a statement, where one may start and behind which the next one does."""
    end = 0
    for match in _WORD_BEFORE_STATEMENT.finditer(data):
        if match[0] not in names:
            continue
        start = match.start()
        before = data[max(end, start - _LAUNCH_LIMIT) : start]
        line = before.rfind(b"\n")
        if before[line + 1 :].lstrip().startswith(b"#") or before[: max(0, line)].endswith((b"\\", b"\\\r")):
            continue  # a part of another macro
        if _ends_statement(_COMMENT.sub(b" ", before).rstrip()):
            yield Blanked("statement", *match.span(), match[0])
            end = match.end()


def _ends_statement(before: bytes) -> bool:
    """Whether a statement may start behind a text without comments: another has ended, or a directive."""
    line = before[before.rfind(b"\n") + 1 :]
    return not before or before.endswith((b";", b"{", b"}", b")")) or line.lstrip().startswith(b"#")


def _starts_statement(data: bytes, position: int) -> bool:
    """Whether a statement may begin here; a macro at the start of a line defines something: TEST(a, b) {."""
    before = data[data.rfind(b"\n", 0, position) + 1 : position]
    ahead = before.rstrip(b" \t")
    if not ahead:
        return bool(before)
    return ahead.endswith((b";", b"{", b"}")) and not before.lstrip().startswith(b"#")


def _in_definition(data: bytes, position: int) -> bool:
    line = data.rfind(b"\n", 0, position) + 1
    return data[line:position].lstrip().startswith(b"#")


def _logical_line(data: bytes, start: int, end: int) -> bytes:
    """The line that ``start:end`` is in, with those that a backslash makes a part of it."""
    first, last = data.rfind(b"\n", 0, start), _line_end(data, end)
    while first > 0 and data[max(0, first - 2) : first].endswith((b"\\", b"\\\r")):
        first = data.rfind(b"\n", 0, first)
    while last < len(data) and data[max(end, last - 2) : last].endswith((b"\\", b"\\\r")):
        last = _line_end(data, last + 1)
    return data[first + 1 : last]


def _closing(data: bytes, position: int, opening: bytes, closing: bytes) -> int:
    """The offset after the bracket that closes the one just before ``position``.

    A bracket that is never closed ends at its line's end.
    """
    depth = 1
    for index in range(position, min(len(data), position + _LAUNCH_LIMIT)):
        character = data[index : index + 1]
        if character == opening:
            depth += 1
        elif character == closing:
            depth -= 1
            if depth == 0:
                return index + 1
    return _line_end(data, position)


def _launch_end(data: bytes, position: int) -> tuple[int, bool]:
    """The end of a launch configuration that starts at ``position``, and whether it is closed.

    A ``>>>`` inside brackets closes template arguments, unless the bracket itself is half typed.
    One that is never closed ends with its statement or its line.
    """
    depth, first = 0, None
    for mark in _LAUNCH_MARK.finditer(data, position, position + _LAUNCH_LIMIT):
        if mark[0] == b";":
            break
        if mark[0] == b">>>":
            first = first or mark.end()
            if depth <= 0:
                return mark.end(), True
        else:
            depth += 1 if mark[0] in b"([{" else -1
    if first is not None:
        return first, True
    statement_end = data.find(b";", position, position + _LAUNCH_LIMIT)
    line_end = _line_end(data, position)
    return (line_end if statement_end < 0 else min(line_end, statement_end)), False


def _line_end(data: bytes, position: int) -> int:
    end = data.find(b"\n", position)
    return len(data) if end < 0 else end
