"""The format in which a model answers with edits: read leniently, applied strictly.

An answer holds a few fields (``TITLE:``, ``WHY:``, ``ROUNDING:``) and, for each file, its name after
``FILE:`` and either blocks that replace a piece of the text or the whole new text in a code fence:

    FILE: main.cpp
    <<<<<<< SEARCH
    the lines as they are now
    =======
    the lines as they should be
    >>>>>>> REPLACE

An answer of ``NOTHING`` proposes nothing. Reading forgives what models do to such formats (longer or
shorter marks, fences around blocks, names in bold or headings); applying forgives nothing but white space
at the ends of lines: a piece must be found exactly once. docs/models.md documents the format.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

_FIELD: Final = re.compile(
    r"^[\s>*_#-]*(TITLE|WHY|ROUNDING|FILE)\s*[*_]*\s*:\s*[*_]*\s*(.*?)\s*$", re.IGNORECASE
)
_NOTHING: Final = re.compile(r"^[\s>*_#`-]*NOTHING[\s.*_`]*$")
_SEARCH: Final = re.compile(r"^\s*<{5,9}\s*(SEARCH|ORIGINAL|HEAD)?\s*$", re.IGNORECASE)
_DIVIDER: Final = re.compile(r"^\s*={5,9}\s*$")
_REPLACE: Final = re.compile(r"^\s*>{5,9}\s*(REPLACE|UPDATED)?\s*$", re.IGNORECASE)
_FENCE: Final = re.compile(r"^\s*(`{3,}|~{3,})\s*([\w+.#/-]*)[^`]*$")
# A file's name on a line of its own: as a heading, in bold, in backticks, with or without a colon.
_NAME: Final = re.compile(r"^[\s>#*_`]*([\w./+-]+\.[A-Za-z]\w*)[\s*_`:]*$")
_NEAR: Final = 0.6
_SHOWN_LINES: Final = 6


class EditFormatError(ValueError):
    """An answer that holds no edits that can be applied; the message is one the model can act on."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """Lines to be found exactly once, and the lines to take their place."""

    search: str
    replace: str


@dataclass(frozen=True, slots=True)
class FileEdit:
    """What is to become of one file: replacements, or a whole new text.

    ``name`` is empty where the answer names no file.
    """

    name: str
    replacements: tuple[Replacement, ...] = ()
    whole: str | None = None


@dataclass(frozen=True, slots=True)
class EditAnswer:
    """An answer as it was read. Without edits it proposes nothing.

    ``rounding`` says that results may differ in the last digits, as the model declares it; None where
    it says nothing of that.
    """

    title: str
    why: str
    edits: tuple[FileEdit, ...]
    rounding: bool | None = None


def read_edits(text: str) -> EditAnswer:
    """Read a model's answer.

    Raises:
        EditFormatError: if it neither proposes edits nor says that there are none, or breaks off.
    """
    reader = _Reader(text)
    reader.read()
    answer = EditAnswer(
        title=reader.fields.get("TITLE", "").strip("`*_ "),
        why=reader.fields.get("WHY", "").strip("*_ "),
        edits=tuple(reader.edits()),
        rounding=_yes(reader.fields.get("ROUNDING")),
    )
    if not answer.edits and not reader.nothing:
        raise EditFormatError(
            "the answer holds no edit: name each file after FILE: and give SEARCH/REPLACE blocks or its "
            "whole new text in a code fence; answer NOTHING if there is nothing to improve"
        )
    return answer


def _yes(text: str | None) -> bool | None:
    word = (text or "").strip("*_` .").lower()
    return {"yes": True, "true": True, "no": False, "false": False}.get(
        word.split(maxsplit=1)[0] if word else ""
    )


class _Reader:
    """One pass over the lines of an answer."""

    def __init__(self, text: str) -> None:
        self._lines = text.replace("\r\n", "\n").split("\n")
        self._place = 0
        self._file = ""
        self._taken = False
        self._closings: set[int] = set()
        self._replacements: dict[str, list[Replacement]] = {}
        self._whole: dict[str, str] = {}
        self.fields: dict[str, str] = {}
        self.nothing = False

    def edits(self) -> Iterator[FileEdit]:
        for name in dict.fromkeys((*self._replacements, *self._whole)):
            replacements = tuple(self._replacements.get(name, ()))
            # Beside blocks, a plain fence only shows something: how to compile, or the code before.
            yield FileEdit(name, replacements, None if replacements else self._whole.get(name))

    def read(self) -> None:
        while self._place < len(self._lines):
            line = self._lines[self._place]
            self._place += 1
            if self._place - 1 in self._closings:
                continue
            if _SEARCH.match(line):
                self._replacement()
            elif fence := _FENCE.match(line):
                self._fenced(fence[1], fence[2])
            elif field := _FIELD.match(line):
                self._field(field[1].upper(), field[2])
            elif name := _NAME.match(line):
                self._name(name[1])
            elif _NOTHING.match(line):
                self.nothing = True

    def _field(self, name: str, value: str) -> None:
        if name == "FILE":
            self._name(value.strip("`*_ "))
        else:
            self.fields.setdefault(name, value)

    def _name(self, file: str) -> None:
        self._file, self._taken = file, False

    def _replacement(self) -> None:
        self._taken = True
        search = self._until(_DIVIDER, "=======")
        replace = self._until(_REPLACE, ">>>>>>> REPLACE")
        self._replacements.setdefault(self._file, []).append(Replacement(search, replace))

    def _until(self, mark: re.Pattern[str], wanted: str) -> str:
        start = self._place
        while self._place < len(self._lines):
            line = self._lines[self._place]
            self._place += 1
            if mark.match(line):
                return _joined(self._lines[start : self._place - 1])
        raise EditFormatError(
            f"the answer breaks off inside a SEARCH/REPLACE block of {self._file or 'a file'}: no line "
            f"{wanted} follows; answer again with fewer or smaller blocks"
        )

    def _fenced(self, fence: str, info: str) -> None:
        """A fence holds replacements, or fields and names, or the whole text of a file."""
        start = self._place
        end = next(
            (
                place
                for place in range(start, len(self._lines))
                if (close := _FENCE.match(self._lines[place])) and not close[2] and close[1].startswith(fence)
            ),
            None,
        )
        inside = self._lines[start:end]
        if any(_SEARCH.match(line) for line in inside):
            # Its lines are read as if there were no fence.
            self._closings |= set() if end is None else {end}
            return
        if end is None:
            raise EditFormatError(
                f"the answer breaks off inside the text of {self._file or 'a file'}: its code fence is not "
                "closed; answer again with SEARCH/REPLACE blocks instead of the whole file"
            )
        self._place = end + 1
        named = info if _NAME.match(info) else ""
        if inside and not (named or self._file) and (first := _NAME.match(inside[0].lstrip("/# "))):
            named = first[1]
        # The text of a file is the first thing that follows its name.
        if named or (not self._taken and (self._file or _looks_like_a_program(inside))):
            self._whole.setdefault(named or self._file, _joined(inside))
            self._taken = True


def _looks_like_a_program(lines: list[str]) -> bool:
    text = "\n".join(lines)
    return "#include" in text and "main" in text


def _joined(lines: list[str]) -> str:
    return "".join(line + "\n" for line in lines)


def apply_edits(
    answer: EditAnswer, files: Mapping[str, bytes], permitted: Collection[str]
) -> dict[str, bytes]:
    """The new texts of the files that an answer changes.

    ``files`` are the program's, ``permitted`` the names of those that may change or be added. An edit
    that names no file means the only one that is permitted.

    Raises:
        EditFormatError: if a file is not permitted, or a piece is not found exactly once.
    """
    changed: dict[str, bytes] = {}
    for edit in answer.edits:
        name = _file_of(edit, permitted)
        data = changed.get(name, files.get(name))
        if edit.whole is not None:
            text = edit.whole
        elif data is None:
            raise EditFormatError(f"{name} does not exist yet: give its whole text in a code fence")
        else:
            text = data.decode("utf-8", "surrogateescape")
        text = text.replace("\r\n", "\n")
        for replacement in edit.replacements:
            text = _replaced(name, text, replacement)
        changed[name] = _with_ends_of(data or b"", text.encode("utf-8", "surrogateescape"))
    return {name: new for name, new in changed.items() if new != files.get(name)}


def _with_ends_of(old: bytes, new: bytes) -> bytes:
    """The new text, with the old one's line ends: a line that was there keeps its own."""
    dos = old.count(b"\r\n")
    if dos in (0, old.count(b"\n")):
        return new.replace(b"\n", b"\r\n") if dos else new
    before, after = old.split(b"\n"), new.split(b"\n")
    usual = b"\r" if 2 * dos > old.count(b"\n") else b""
    ends = [usual] * len(after)
    plain = [line.removesuffix(b"\r") for line in before]
    for start, at, size in SequenceMatcher(a=plain, b=after, autojunk=False).get_matching_blocks():
        ends[at : at + size] = [line[len(text) :] for line, text in zip(before, plain, strict=True)][
            start : start + size
        ]
    ends[-1] = b""
    return b"\n".join(line + end for line, end in zip(after, ends, strict=True))


def _file_of(edit: FileEdit, permitted: Collection[str]) -> str:
    name = edit.name.removeprefix("./")
    if name in permitted:
        return name
    listed = ", ".join(sorted(permitted))
    if not name:
        if len(permitted) == 1:
            return next(iter(permitted))
        raise EditFormatError(f"an edit names no file: write FILE: and one of {listed} before it")
    # A model often leaves out or makes up the folder; a name that can mean one file only does.
    base = name.rsplit("/", 1)[-1]
    meant = [one for one in permitted if one.rsplit("/", 1)[-1] == base]
    if "/" not in name and len(meant) == 1:
        return meant[0]
    raise EditFormatError(f"{name} may not be changed; you may change {listed}")


def _replaced(name: str, text: str, replacement: Replacement) -> str:
    if not replacement.search.strip():
        raise EditFormatError(
            f"a SEARCH block of {name} is empty: quote the lines that are to be replaced, or those beside "
            "the place where new ones are to stand"
        )
    lines = text.split("\n")
    wanted = replacement.search.removesuffix("\n").split("\n")
    plain = [line.rstrip() for line in lines]
    sought = [line.rstrip() for line in wanted]
    places = [
        place for place in range(len(plain) - len(sought) + 1) if plain[place : place + len(sought)] == sought
    ]
    if len(places) == 1:
        new = replacement.replace.removesuffix("\n").split("\n") if replacement.replace else []
        return "\n".join([*lines[: places[0]], *new, *lines[places[0] + len(sought) :]])
    quoted = "\n".join(wanted[:_SHOWN_LINES])
    if places:
        raise EditFormatError(
            f"these lines occur {len(places)} times in {name}, so it is not clear which are meant; quote "
            f"more lines around them:\n{quoted}"
        )
    raise EditFormatError(f"these lines do not occur in {name} as quoted:\n{quoted}{_nearest(plain, sought)}")


def _nearest(lines: list[str], sought: list[str]) -> str:
    """The place that was probably meant, so that a second answer can quote it."""
    first = max(sought, key=len).strip()
    best, place = 0.0, 0
    matcher = SequenceMatcher(b=first, autojunk=False)
    for number, line in enumerate(lines):
        matcher.set_seq1(line.strip())
        if (
            matcher.real_quick_ratio() > best
            and matcher.quick_ratio() > best
            and (near := matcher.ratio()) > best
        ):
            best, place = near, number
    if best < _NEAR:
        return ""
    around = "\n".join(lines[max(place - 2, 0) : place + 3])
    return f"\nThe nearest lines are:\n{around}"
