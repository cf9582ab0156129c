"""Read from a Makefile, without running it, how its ``run`` target starts the program."""

from __future__ import annotations

import re
import shlex

_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*(?::|\?|\+)?=\s*(.*?)\s*$")
_REFERENCE = re.compile(r"\$[({]([A-Za-z_]\w*)[)}]")
_PROGRAM = re.compile(r"^(?:\./|\$\(|/)\S*$|^\S+\.(?:out|exe)$")
_MAX_EXPANSIONS = 20


def run_command(makefile: str) -> str | None:
    """The command of the ``run`` target that starts the program; None if there is none."""
    variables: dict[str, str] = {}
    recipe: list[str] = []
    inside = False
    for line in re.sub(r"\\\r?\n", " ", makefile).splitlines():
        if line.startswith("\t"):
            if inside:
                recipe.append(line.strip().lstrip("@-+"))
            continue
        inside = line.split(":")[0].split() == ["run"] and ":" in line and ":=" not in line
        if assigned := _ASSIGNMENT.match(line):
            variables.setdefault(assigned[1], assigned[2].split("#")[0].strip())
    for command in recipe:
        expanded = _expand(command, variables)
        if any(_PROGRAM.match(word) for word in _words(expanded)):
            return expanded
    return None


def run_arguments(command: str) -> tuple[str, ...]:
    """The program's arguments in a command line; launchers such as ``srun`` are passed over."""
    words = _words(command)
    for index, word in enumerate(words):
        if _PROGRAM.match(word):
            return tuple(words[index + 1 :])
    return ()


def _expand(text: str, variables: dict[str, str]) -> str:
    for _ in range(_MAX_EXPANSIONS):
        expanded = _REFERENCE.sub(lambda match: variables.get(match[1], ""), text)
        if expanded == text:
            break
        text = expanded
    return text


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return command.split()
