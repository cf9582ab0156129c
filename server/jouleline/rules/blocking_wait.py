"""A host that spins while the device works: let it sleep until the device is done."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.declarations import Declared
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, descendants, text_of

from .analysis import (
    definitions,
    has_branches,
    identifiers,
    indentation,
    is_dead,
    is_macro_body,
    line_of,
    newline,
    sources_of,
)
from .scope import Types

_WAITS = tuple(
    f"{word}{call}"
    for word in ("cuda", "hip")
    for call in ("DeviceSynchronize", "StreamSynchronize", "EventSynchronize", "Memcpy")
)
_DECIDED = re.compile(
    rb"(?:cuda|hip)(?:SetDevice|DeviceSchedule|DeviceReset|GLSet|D3D)|\bcu[A-Z]\w*\(|\bhip(?:Ctx|Init)"
)
"""The program itself chooses a device, or how to wait for it."""
_CONTAINER = re.compile(r"std::(?:vector|array|string|map|unordered_map|set|pair|atomic|mutex)\b")


@dataclass(frozen=True)
class BlockingWait:
    """``main`` begins with ``cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync)``."""

    name: str = "blocking-wait"
    title: str = "Let the host sleep while it waits for the device"
    rationale: str = (
        "By default a host thread that waits for the device may spin on a core at full power. With this flag "
        "it sleeps, at the price of some microseconds per wait. It is set first of all in main, where the "
        "program chooses no flags or device itself and nothing touches the device before main."
    )
    smell: str = "The host spins at full power whenever it waits for the device: let it sleep."

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite in the file that defines main."""
        mains = definitions(program).get("main", ())
        if len(mains) != 1 or mains[0].source is not source or mains[0].body is None:
            return []
        main, body = mains[0].node, mains[0].body
        words = {name[:3] for name in _WAITS if any(True for _ in identifiers(main, name))}
        if len(words) != 1 or main.has_error or is_dead(main) or is_macro_body(main) or has_branches(main):
            return []
        if any(_DECIDED.search(item.text.data) for item in sources_of(program)):
            return []
        if not _is_quiet_before_main(program):
            return []
        prefix = "cuda" if words == {"cud"} else "hip"
        first = body.named_children[0]
        at = body.start_byte + 1
        call = f"{prefix}SetDeviceFlags({prefix}DeviceScheduleBlockingSync);"
        call = f"(void){call}" if prefix == "hip" else call
        text = newline(source) + indentation(source, first.start_byte) + call.encode()
        edit = Edit(at, at, text)
        return [Rewrite(self.name, line_of(source, at), self.title, self.rationale, (edit,))]


def _is_quiet_before_main(program: ProgramFacts) -> bool:
    """Whether no global variable runs code of the program or of a device library when it is made."""
    types = Types(program)
    return all(
        _is_inert(declared, types)
        for facts in program.files.values()
        for declared in facts.variables.values()
    )


def _is_inert(declared: Declared, types: Types) -> bool:
    if declared.value is not None and _runs(declared.value):
        return False
    text = declared.type.rstrip("*").strip()
    if _CONTAINER.match(text) or ("*" in declared.type and not declared.extents):
        return True
    if types.of_text(text) is None:
        return False
    struct = types.program.classes.get(text.removeprefix("struct "))
    return struct is None or not any(True for _ in descendants(struct, "function_declarator"))


def _runs(value: Node) -> bool:
    return any(
        text_of(item) for item in descendants(value, "call_expression", "new_expression", "lambda_expression")
    )
