"""Compare what programs print and write, by meaning.

A line is words and numbers. Words must be equal, with runs of white space folded; numbers must agree
within a :class:`Tolerance`; the numbers of a time or a rate are ignored, because no two runs agree on
them and because printed times are no evidence. Which numbers those are is decided from the baseline's
lines alone, so that a candidate cannot declare its results to be times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Final

from .binary import blank, compare_binary, is_binary
from .kept import cached_property
from .numbers import cut, is_nan, number_difference, relative_error, value_of
from .workload import Tolerance

_SHOWN_DIFFERENCES: Final = 3
# A clock does not repeat so many digits from run to run: a number that does is computed.
_CLOCK_NEVER_REPEATS: Final = 6

# What is no text: bytes that are not UTF-8 (kept as surrogates) and most control characters. A few may be
# the fault of a program that prints text.
_STRAY: Final = re.compile(r"[\udc80-\udcff\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_STRAY_SHARE: Final = 0.05

# A sign belongs to its number even where the two touch what is before, as in columns without a gap.
_NUMBER: Final = re.compile(
    r"(?:[+-]|(?<![\w.]))"
    r"(?:(?P<digits>(?:[0-9]+(?P<point>\.?)[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?P<tail>[^\W\d]\w*)?"
    r"|(?P<special>(?i:nan|inf(?:inity)?))(?!\w))"
)
_HEX_TAIL: Final = re.compile(r"[a-fA-F]+")

_SECONDS = r"(?:milli|micro|nano)?sec(?:ond)?s?|[mnuµμ]?s(?:ecs?)?|minutes?"
# Not m/s, rad/s or mol/s: those are physics.
_RATES = (
    r"(?:[a-z]+\s+){0,3}(?:[kmgtp]?i?b|(?!rad|mol|deg|met)[a-z]{3,})\s*(?:/|per)\s*s(?:ec(?:ond)?)?"
    r"|[kmgtp]?flops?|fps|[kmg]?[tu]eps|[kmg]l?ups"
)
_UNIT_AFTER: Final = re.compile(rf"\s*[(\[]?\s*(?:{_SECONDS}|{_RATES})(?!\w)", re.IGNORECASE)
_RATE_AFTER: Final = re.compile(rf"\s*[(\[]?\s*(?:{_RATES})(?!\w)", re.IGNORECASE)
_TIME_WORDS = (
    r"(?:run|wall|exec|kernel)?[ _-]?time(?![ _-]*(?:steps?|stamp|averaged?|dependent|series|levels?|points?)"
    r"|[a-z])|timings?|timers?|elapsed|duration|took|latency"
)
_RATE_WORDS = (
    r"throughput|bandwidth|speed-?up|[kmgtp]?flops?(?:/s)?|[kmgtp]i?b/s(?:ec)?|[kmg]?[tu]eps|[kmg]l?ups"
)
_TIME_BEFORE: Final = re.compile(
    rf"(?<![a-z])(?:{_TIME_WORDS}|{_RATE_WORDS})(?![a-z])|[(\[]\s*(?:{_SECONDS}|{_RATES})\s*[)\]]",
    re.IGNORECASE,
)
_RATE_BEFORE: Final = re.compile(
    rf"(?<![a-z])(?:{_RATE_WORDS})(?![a-z])|[(\[]\s*(?:{_RATES})\s*[)\]]", re.IGNORECASE
)
_CAMEL_TIME: Final = re.compile(r"(?<=[a-z])Time(?![a-z])")
# Enough to believe that a number which differs between two runs of the baseline is a clock's.
_TIME_HINT: Final = re.compile(
    r"(?<![a-z])(?:times|rate|speed|performance|perf|clock|ticks|cycles|seconds)(?![a-z])", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How an output compares with what was expected; equal if there are no ``differences``.

    ``differences`` are sentences, the first few only. ``numbers`` were compared and ``ignored`` are
    times and rates. ``error`` is the largest relative error of a number.
    """

    differences: tuple[str, ...] = ()
    numbers: int = 0
    ignored: int = 0
    error: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether the two mean the same."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class Line:
    """The words and numbers of a line: ``texts[i]`` comes before ``numbers[i]``, one text is last.

    ``ignored`` are the indices of those numbers that are a time or a rate.
    """

    raw: str
    texts: tuple[str, ...]
    numbers: tuple[str, ...]
    ignored: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Expectation:
    """What an output should be: that of one or, better, several runs of the baseline.

    Several runs show which numbers on a line that speaks of time are a clock's. ``form`` is what a
    binary output is declared to be, see :mod:`.binary`; recognised if empty.
    """

    runs: tuple[bytes, ...]
    form: str = ""

    @cached_property
    def lines(self) -> tuple[Line, ...] | None:
        """The lines of text; None if the output is binary."""
        if is_binary(self.runs[0], self.form):
            return None
        texts = [_text(run) for run in self.runs]
        decoded = [text for text in texts if text is not None]
        if len(decoded) < len(texts):
            return None
        runs = [_lines(text) for text in decoded]
        return tuple(_mark_times(runs))

    @property
    def compared(self) -> Iterator[str]:
        """The numbers that count, as they were printed; none in a binary output."""
        for line in self.lines or ():
            for index, number in enumerate(line.numbers):
                if index not in line.ignored:
                    yield number

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd in it, as sentences; the first few only."""
        notes = (
            f"line {place}: the baseline itself gives {number}"
            for place, line in enumerate(self.lines or (), start=1)
            for number in _not_numbers(line)
        )
        return tuple(islice(notes, _SHOWN_DIFFERENCES))


def compare(expectation: Expectation, actual: bytes, tolerance: Tolerance) -> Comparison:
    """Compare an output with what it should be: text by meaning, images and arrays within the tolerance."""
    lines = expectation.lines
    text = _text(actual)
    if lines is None or text is None:
        differences, error = compare_binary(expectation.runs[0], actual, tolerance, expectation.form)
        return Comparison(differences, error=error)
    return _compare_lines(lines, _raw_lines(text), tolerance)


def compare_text(expected: str, actual: str, tolerance: Tolerance) -> Comparison:
    """Compare two texts by meaning."""
    return compare(Expectation((_bytes(expected),)), _bytes(actual), tolerance)


def zeros_pass(expected: Expectation | str, tolerance: Tolerance) -> bool:
    """Whether an output with the same words and nothing but zeros would be accepted.

    True also when there is no number to compare: such an output proves nothing about results.
    """
    if isinstance(expected, str):
        expected = Expectation((_bytes(expected),))
    if expected.lines is None:
        zeros = blank(expected.runs[0], expected.form)
        return (
            not any(expected.runs[0])
            or not compare_binary(expected.runs[0], zeros, tolerance, expected.form)[0]
        )
    return all(number_difference(number, "0", tolerance) is None for number in expected.compared)


def is_zero(number: str) -> bool:
    """Whether a printed number is zero."""
    value = value_of(number)
    return value is not None and value == 0


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(data: bytes) -> str | None:
    """The text of an output; None if it is binary. Stray bytes are kept, so that they still differ."""
    if b"\0" in data:
        return None
    text = data.decode("utf-8", "surrogateescape")
    if len(_STRAY.findall(text)) > _STRAY_SHARE * len(text):
        return None
    return text


def _raw_lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _lines(text: str) -> list[Line]:
    return [_line(raw) for raw in _raw_lines(text)]


def _line(raw: str) -> Line:
    texts: list[str] = []
    numbers: list[str] = []
    position = 0
    for match in _NUMBER.finditer(raw):
        if _is_word(match):
            continue
        texts.append(_folded(raw[position : match.start()]))
        tail = match["tail"] or ""
        position = match.end() - len(tail)
        numbers.append(raw[match.start() : position])
    texts.append(_folded(raw[position:]))
    return Line(raw, tuple(texts), tuple(numbers))


def _is_word(match: re.Match[str]) -> bool:
    """Whether what begins like a number is a word, such as the hash 3fa9b2."""
    tail = match["tail"]
    if tail is None:
        return False
    if any(character.isdigit() for character in tail):
        return True
    return not match["point"] and _HEX_TAIL.fullmatch(tail) is not None


def _folded(text: str) -> str:
    return " ".join(text.split())


def _mark_times(runs: Sequence[Sequence[Line]]) -> Iterator[Line]:
    """The first run's lines, with the numbers marked that are times and rates."""
    under_heading = False
    for line, *others in zip_longest(*runs):
        if line is None:
            return
        same_shape = [
            other for other in others if other is not None and len(other.numbers) == len(line.numbers)
        ]
        timed = _speaks_of_time(line)
        if not line.numbers:
            # The heading of a table of times, which lasts until an empty line or another heading.
            under_heading = timed
        ignored = frozenset(
            index
            for index, number in enumerate(line.numbers)
            if _is_time(line, index, [other.numbers[index] for other in same_shape])
            or ((timed or under_heading) and any(other.numbers[index] != number for other in same_shape))
        )
        yield Line(line.raw, line.texts, line.numbers, ignored)


def _speaks_of_time(line: Line) -> bool:
    whole = " # ".join(line.texts)
    return (
        _TIME_BEFORE.search(whole) is not None
        or _CAMEL_TIME.search(whole) is not None
        or _TIME_HINT.search(whole) is not None
        or any(_UNIT_AFTER.match(after) for after in line.texts[1:])
    )


def _is_time(line: Line, index: int, others: Sequence[str]) -> bool:
    """Whether a number is a time or a rate by the words next to it."""
    before, after = line.texts[index], line.texts[index + 1]
    if index:
        # "3.2 GB/s with N = 5": the unit belongs to the number before it.
        before = _without_unit(before)
    if _RATE_AFTER.match(after) or _RATE_BEFORE.search(before):
        # Rates may repeat: a short time in whole microseconds does, and so does what it divides.
        return True
    if not (_UNIT_AFTER.match(after) or _TIME_BEFORE.search(before) or _CAMEL_TIME.search(before)):
        return False
    number = line.numbers[index]
    repeats = bool(others) and all(other == number for other in others)
    return not (repeats and _significant_digits(number) >= _CLOCK_NEVER_REPEATS)


def _significant_digits(number: str) -> int:
    mantissa = re.split("[eE]", number)[0].lstrip("+-")
    digits = mantissa.replace(".", "").lstrip("0")
    return len(digits.rstrip("0"))


def _compare_lines(lines: Sequence[Line], actual: Sequence[str], tolerance: Tolerance) -> Comparison:
    differences: list[str] = []
    numbers = ignored = 0
    error = 0.0
    for place, (expected, raw) in enumerate(zip(lines, actual, strict=False), start=1):
        numbers += len(expected.numbers) - len(expected.ignored)
        ignored += len(expected.ignored)
        if raw == expected.raw:
            continue
        line = _line(raw)
        error = max(error, _line_error(expected, line))
        difference = _line_difference(expected, line, tolerance)
        if difference is not None:
            differences.append(f"line {place}: {difference}")
            if len(differences) == _SHOWN_DIFFERENCES:
                break
    if len(lines) != len(actual) and len(differences) < _SHOWN_DIFFERENCES:
        differences.append(f"expected {_count(len(lines))}, got {_count(len(actual))}")
    return Comparison(tuple(differences), numbers, ignored, error)


def _line_error(expected: Line, actual: Line) -> float:
    pairs = zip(expected.numbers, actual.numbers, strict=False)
    errors = (relative_error(*pair) for place, pair in enumerate(pairs) if place not in expected.ignored)
    return max(errors, default=0.0)


def _count(lines: int) -> str:
    return f"{lines} line" if lines == 1 else f"{lines} lines"


def _not_numbers(line: Line) -> Iterator[str]:
    for index, number in enumerate(line.numbers):
        if index not in line.ignored and is_nan(number):
            yield number


def _line_difference(expected: Line, actual: Line, tolerance: Tolerance) -> str | None:
    if len(expected.numbers) != len(actual.numbers) or not _same_words(expected, actual):
        return f"expected {_shown(expected.raw)}, got {_shown(actual.raw)}"
    for index, (number, other) in enumerate(zip(expected.numbers, actual.numbers, strict=True)):
        if index not in expected.ignored:
            difference = number_difference(number, other, tolerance)
            if difference is not None:
                return difference
    return None


def _same_words(expected: Line, actual: Line) -> bool:
    if expected.texts == actual.texts:
        return True
    # A program may print a shorter time in a smaller unit.
    return all(
        text == other or (index - 1 in expected.ignored and _without_unit(text) == _without_unit(other))
        for index, (text, other) in enumerate(zip(expected.texts, actual.texts, strict=True))
    )


def _without_unit(text: str) -> str:
    unit = _UNIT_AFTER.match(text)
    return f"# {text[unit.end() :]}" if unit else text


def _shown(text: str) -> str:
    return f'"{cut(_folded(text))}"' if text.strip() else "an empty line"
