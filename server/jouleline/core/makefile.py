"""Read from a Makefile, without running it, how it starts the program and which macros it defines."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import NamedTuple

# Blanks are looked at from the first one alone: a run of them with nothing behind is read once.
_CONTINUED = re.compile(r"(?<![ \t])[ \t]*(?:\\\r?\n[ \t]*)+")
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*(?::|\?|\+)?=(.*)")
_REFERENCE = re.compile(r"\$[({]([A-Za-z_]\w*)[)}]")
_PROGRAM = re.compile(r"^(?:\./|\$\(|/)\S*$|^\S+\.(?:out|exe)$")
_LAUNCHERS = frozenset(
    "mpirun mpiexec orterun srun prun prterun aprun jsrun flux env time timeout numactl nice".split()
)
_CALL = re.compile(r"\$\([a-z]+ [^()]*\)")
_WORD = re.compile(r"\S+")
# Up to where the shell does something else: a redirection, a pipe, a comment, another command.
_ARGUMENTS = re.compile(r"""(?:[^\s;|&<>"'\\]|\s+(?!\#)|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|["'])*""")
_DESCRIPTOR = re.compile(r"(?<=\s)\d$")
_CALLED = "$?"  # what a function of make gives is not known
_UNKNOWN = re.compile(r"[$`]")
_MAX_EXPANSIONS = 20
_LONGEST_TEXT = 65536
_FLAGS = re.compile(r"^\s*(?:override\s+|export\s+)?([A-Za-z_]\w*)\s*(:?:|\?|\+)?=(.*)")
_CONDITION = re.compile(r"^\s*(else\s+)?(ifeq|ifneq|ifdef|ifndef)\b(.*)")
_COMPARED = re.compile(r"\((.*?)\s*,\s*(.*)\)$|[\"'](.*?)[\"']\s+[\"'](.*?)[\"']$")
_MACRO = re.compile(r"(?<!\S)-D\s*([A-Za-z_]\w*)(?:=(\S*))?")
_OPENMP = re.compile(r"(?<!\S)-(?:f|q|fi|x)?openmp\b|(?<!\S)-mp\b")
_FAST_MATH = re.compile(r"(?<!\S)(?:-ffast-math|-Ofast|--?use_fast_math)(?!\S)")
_IMPLICIT = ("CPPFLAGS", "CFLAGS", "CXXFLAGS", "NVCCFLAGS", "NVCC_FLAGS")


def run_command(makefile: str) -> str | None:
    """The command of the ``run`` target that starts the program; None if there is none."""
    variables: dict[str, str] = {}
    recipe: list[str] = []
    inside = False
    for line in _CONTINUED.sub(" ", makefile).splitlines():
        if line.startswith("\t"):
            if inside:
                recipe.append(line.strip().lstrip("@-+"))
            continue
        if not line.strip() or line.lstrip().startswith("#"):
            continue  # neither ends a rule
        inside = line.split(":")[0].split() == ["run"] and ":" in line and ":=" not in line
        if assigned := _ASSIGNMENT.match(line):
            variables.setdefault(assigned[1], assigned[2].split("#")[0].strip())
    for command in recipe:
        expanded = _expand(command, variables)
        if run_line(expanded) is not None:
            return expanded
    return None


def defined_macros(makefile: str) -> dict[str, str]:
    """The macros that the compiler's command line defines, by what the Makefile tells of itself.

    Conditions are decided with the values that its own variables have; ``-DNAME`` gives ``1``. Among them are
    those that compilers define themselves, for OpenMP and for fast math.
    """
    variables: dict[str, str] = {}
    recipes: list[str] = []
    taken: list[tuple[bool, bool]] = []  # for each open condition: whether this branch counts, and one did
    for line in _CONTINUED.sub(" ", makefile).splitlines():
        word = line.strip()
        if found := _CONDITION.match(line):
            holds = _holds(found[2], found[3].strip(), variables)
            if found[1] and taken:
                taken[-1] = (holds and not taken[-1][1], holds or taken[-1][1])
            else:
                taken.append((holds, holds))
        elif re.match(r"else\b", word) and taken:
            taken[-1] = (not taken[-1][1], True)
        elif re.match(r"endif\b", word) and taken:
            taken.pop()
        elif not all(now for now, _ in taken):
            continue
        elif line.startswith("\t"):
            recipes.append(word)
        elif assigned := _FLAGS.match(line):
            _assign(variables, assigned[1], assigned[2] or "", assigned[3].split("#")[0].strip())
    flags = [variables.get(name, "") for name in _IMPLICIT]
    text = " ".join(_expand(line, variables) for line in (*recipes, *flags))
    macros = {found[1]: (found[2] or "1").strip("\"'\\") for found in _MACRO.finditer(text)}
    told = {"_OPENMP": "201511"} if _OPENMP.search(text) else {}
    return macros | told | ({"__FAST_MATH__": "1"} if _FAST_MATH.search(text) else {})


def written_out(makefile: str) -> str:
    """The lines of a Makefile with its own variables in their places; the last value of each counts."""
    lines = _CONTINUED.sub(" ", makefile).splitlines()
    variables: dict[str, str] = {}
    for line in lines:
        if assigned := _FLAGS.match(line):
            _assign(variables, assigned[1], assigned[2] or "", assigned[3].split("#")[0].strip())
    return "\n".join(_expand(line, variables) if "$" in line else line for line in lines)


def _holds(word: str, rest: str, variables: Mapping[str, str]) -> bool:
    if word in ("ifdef", "ifndef"):
        return bool(variables.get(rest)) == (word == "ifdef")
    compared = _COMPARED.match(rest)
    if compared is None:
        return False
    left, right = (_expand(part or "", variables).strip() for part in _sides(compared))
    return (left == right) == (word == "ifeq")


def _sides(compared: re.Match[str]) -> tuple[str | None, str | None]:
    return (compared[1], compared[2]) if compared[1] is not None else (compared[3], compared[4])


def _assign(variables: dict[str, str], name: str, operator: str, text: str) -> None:
    if operator == "+":
        variables[name] = f"{variables.get(name, '')} {text}"
    elif operator.endswith(":"):
        variables[name] = _expand(text, variables)
    elif operator != "?" or name not in variables:
        variables[name] = text


class RunLine(NamedTuple):
    """A command line that starts the program: what stands up to it, its arguments, and what stands behind."""

    start: str
    arguments: str
    rest: str

    @property
    def words(self) -> tuple[str, ...]:
        """The program's arguments; none where it takes a shell or make to know them."""
        return () if _UNKNOWN.search(self.arguments) else tuple(_words(self.arguments))


def run_line(command: str) -> RunLine | None:
    """A command line taken apart, launchers such as ``srun`` passed over; None if no program is in it."""
    for word in _WORD.finditer(command):
        if _is_program(word[0].strip("\"'")):
            before, behind = command[: word.end()], command[word.end() :]
            stretch = _ARGUMENTS.match(behind)
            arguments = stretch[0] if stretch is not None else ""
            if behind[len(arguments) :].startswith(("<", ">")):
                arguments = _DESCRIPTOR.sub("", arguments)  # 2>&1
            return RunLine(before, arguments.strip(), behind[len(arguments) :].strip())
    return None


def run_arguments(command: str) -> tuple[str, ...]:
    """The program's arguments in a command line, as far as they are written there."""
    line = run_line(command)
    return line.words if line is not None else ()


def _is_program(word: str) -> bool:
    """Whether a word starts the program itself, not what launches it: a launcher lies nowhere near."""
    folder, _, name = word.rpartition("/")
    return _PROGRAM.match(word) is not None and (folder == "." or name.partition(".")[0] not in _LAUNCHERS)


def _expand(text: str, variables: Mapping[str, str]) -> str:
    for _ in range(_MAX_EXPANSIONS):
        if sum(len(variables.get(name, "")) for name in _REFERENCE.findall(text)) > _LONGEST_TEXT:
            break  # a variable that is made of itself, many times over
        expanded = _REFERENCE.sub(lambda match: variables.get(match[1], ""), _CALL.sub(_CALLED, text))
        if expanded == text:
            break
        text = expanded
    return text


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return command.split()
