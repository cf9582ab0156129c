"""What a walk over host code finds at each launch and at each region that runs on a device."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tree_sitter import Node

from .directives import directives, opens_kernel, statement_after
from .evaluate import split_arguments
from .hostcalls import HostCalls
from .hostvalues import NUMBER, Buffer, Callee, Cell, HostValue, Pointer, Record
from .kernel import Launch
from .programfacts import ProgramFacts
from .syntax import ParsedSource, Place, text_of
from .visit import Argument, Extent, Known, Memory, Visit

MOST_VISITS: Final = 4
"""Different ways of reaching one kernel that are kept."""
MOST_INSTANCES: Final = 16
"""Different template arguments of one region or launch that are kept."""
_WORDS: Final = re.compile(r"[A-Za-z_]\w*")
_STARTERS: Final = frozenset(
    "pragma hipLaunchKernelGGL cudaLaunchKernel hipLaunchKernel cudaLaunchCooperativeKernel "
    "hipLaunchCooperativeKernel cudaLaunchKernelEx".split()
)
_SECTION: Final = re.compile(r"(\w+)\s*\[([^:\]]*):([^\]]*)\]")
_MAP_TYPE: Final = re.compile(r"^\s*(?:always\s*,\s*)?(?:to|from|tofrom|alloc|release|delete)\s*:")
FindLaunches = Callable[[ParsedSource], Sequence[Launch]]


@dataclass
class LaunchSites:
    """The visits so far to kernels of a ``program``.

    ``find`` gives the launches in a text, and ``spot`` is the call of a macro. While ``supposing``, a way
    is walked that the program does not take: what it reaches counts where no way does that is taken.
    """

    find: FindLaunches = lambda _: ()
    program: ProgramFacts = field(default_factory=lambda: ProgramFacts({}))
    visits: list[Launch] = field(default_factory=list)
    regions: dict[tuple[int, int], list[Visit]] = field(default_factory=dict)
    spot: Place | None = None
    supposing: bool = False
    _sites: list[tuple[int, int]] = field(default_factory=list)
    _supposed: list[tuple[tuple[int, int], Launch]] = field(default_factory=list)
    _supposed_regions: dict[tuple[int, int], list[Visit]] = field(default_factory=dict)
    _regions: int = 0
    _harmless: set[str] = field(default_factory=set)
    _reaching: dict[int, bool] = field(default_factory=dict)
    _buffers: dict[Buffer, int] = field(default_factory=dict)
    _launches: dict[int, tuple[ParsedSource, list[Launch], list[int]]] = field(default_factory=dict)
    _known_regions: dict[int, list[int]] = field(default_factory=dict)
    _seen: dict[tuple[object, ...], list[tuple[object, ...]]] = field(default_factory=dict)
    _visited: set[tuple[int, int]] = field(default_factory=set)

    def _of(self, source: ParsedSource) -> tuple[ParsedSource, list[Launch], list[int]]:
        known = self._launches.get(id(source.text))
        if known is None:
            found = sorted(self.find(source), key=lambda launch: launch.anchor)
            known = self._launches[id(source.text)] = source, found, [launch.anchor for launch in found]
        return known

    def within(self, source: ParsedSource, node: Node) -> list[Launch]:
        """The launches that a statement holds itself, not in the body of a lambda."""
        _, launches, anchors = self._of(source)
        low = bisect_left(anchors, node.start_byte)
        if low == len(anchors) or anchors[low] > node.end_byte:  # most hold none
            return []
        high = bisect_left(anchors, node.end_byte + 1)
        return [launch for launch in launches[low:high] if _directly(launch.place, node)]

    def may_reach(self, source: ParsedSource, node: Node) -> bool:
        """Whether a stretch of code holds a launch, or may reach a kernel by what it names."""
        if node.id not in self._reaching:
            *_, anchors = self._of(source)
            low, high = bisect_left(anchors, node.start_byte), bisect_left(anchors, node.end_byte + 1)
            self._reaching[node.id] = low < high or self.may_launch(text_of(node))
        return self._reaching[node.id]

    def unseen(self, source: ParsedSource, node: Node) -> bool:
        """Whether a stretch of code holds a kernel that was not reached."""
        root = id(source.text)
        _, launches, anchors = self._of(source)
        low = bisect_left(anchors, node.start_byte)
        high = bisect_left(anchors, node.end_byte + 1)
        if any((root, launch.anchor) not in self._visited for launch in launches[low:high]):
            return True
        if root not in self._known_regions:
            self._known_regions[root] = [
                item.start_byte for directive, item in directives(source) if opens_kernel(directive)
            ]
        starts = self._known_regions[root]
        low, high = bisect_left(starts, node.start_byte), bisect_left(starts, node.end_byte)
        return any((root, start) not in self.regions for start in starts[low:high])

    def may_launch(self, text: str) -> bool:
        """Whether code holds a kernel, or names a function from which one may be reached."""
        named: set[str] = set()
        waiting = [text]
        while waiting:
            words = set(_WORDS.findall(waiting.pop())) - self._harmless - named
            if not words.isdisjoint(_STARTERS) or any(map(self._holds, words)):
                return True
            named |= words
            waiting += [inner for word in words for inner in self._texts(word)]
        self._harmless |= named
        return False

    def _texts(self, name: str) -> list[str]:
        """The code that a name stands for, but for kernels': what these say of others are launches."""
        functions = self.program.overloads.get(name, ())
        macro = self.program.function_macros.get(name)
        bodies = [macro.body] if macro is not None else []
        bodies += [
            table[name] for table in (self.program.macros, self.program.types.aliases) if name in table
        ]
        if (variable := self.program.variables.get(name)) is not None:
            bodies.append(text_of(variable.value))
        bodies.append(text_of(self.program.classes.get(name)))
        return [*bodies, *(text_of(one.node) for one in functions if not one.is_kernel)]

    def _holds(self, name: str) -> bool:
        """Whether a launch stands in a macro or a function of a name, or the macro makes other names."""
        macro = self.program.function_macros.get(name)
        text = self.program.macros.get(name, "") if macro is None else macro.body
        if any(mark in text for mark in ("<<<", "_Pragma", "##")):
            return True
        for one in self.program.overloads.get(name, ()):
            *_, anchors = self._of(one.source)
            low = bisect_left(anchors, one.node.start_byte)
            if low < len(anchors) and anchors[low] < one.node.end_byte:
                return True
        return False

    def region(self, run: HostCalls, source: ParsedSource, node: Node) -> None:
        """Visit an OpenMP region, if it is new as its template arguments are here."""
        regions = self._supposed_regions if self.supposing else self.regions
        found = regions.setdefault((id(source.text), node.start_byte), [])
        if len(found) < MOST_INSTANCES and all(visit.template != run.template for visit in found):
            for name in self.program.variables.keys() & _WORDS.findall(text_of(statement_after(node))):
                run.global_cell(name)  # which is made when it is first asked for
            used = tuple(run.used.values())
            self._regions += 1
            found.append(Visit(self._regions - 1, self._names(run), used=used, template=dict(run.template)))

    def visits_of(self, source: ParsedSource, start: int) -> Sequence[Visit]:
        """The visits to the region whose directive starts at an offset, the first one first."""
        return self.regions.get((id(source.text), start), ())

    def reached(self, source: ParsedSource, launch: Launch) -> bool:
        """Whether a launch was visited."""
        return (id(source.text), launch.anchor) in self._visited

    def launch(self, run: HostCalls, source: ParsedSource, launch: Launch) -> None:
        """Visit a launch: its configuration and arguments are worth what they are worth now.

        It is kept if it is one of the first and differs from those before.
        """
        site = (id(source.text), launch.anchor)
        if not self.supposing:
            self._visited.add(site)
        grid, block = extent(run.evaluate_text(launch.grid)), extent(run.evaluate_text(launch.block))
        values = [run.evaluate_text(text) for text in launch.arguments]
        kernel, template = launch.kernel, launch.template_arguments
        cell = run.names.get(kernel)
        if cell is not None and isinstance(cell.value, Callee) and cell.value.name:
            kernel, template = cell.value.name, cell.value.template
        elif template:
            template = run.template_arguments(", ".join(template))
        template = run.deduced(kernel, values, template)
        spot = self.spot
        if spot is not None:
            launch = replace(
                launch,
                line=spot.node.start_point.row + 1,
                start=spot.start,
                end=spot.end,
                anchor=spot.end,
                where=spot,
            )
        key = (launch.place.id, launch.anchor, self.supposing)
        seen = self._seen.setdefault(key, [])
        shape = (kernel, tuple(template), grid, block)
        instances = {one[:2] for one in seen}
        room = len(seen) < MOST_VISITS or (shape[:2] not in instances and len(instances) < MOST_INSTANCES)
        if room and shape not in seen:
            seen.append(shape)
            visit = Visit(
                len(self.visits),
                self._names(run),
                grid,
                block,
                tuple(self._argument(value) for value in values),
                launch.written,
                tuple(run.used.values()),
            )
            found = replace(launch, kernel=kernel, template_arguments=tuple(template), visit=visit)
            if self.supposing:
                self._supposed.append((site, found))
            else:
                self.visits.append(found)
                self._sites.append(site)
        for value in values if not self.supposing else ():
            if isinstance(value, Pointer) and isinstance(value.target, Buffer):
                run.forget(value.target)

    def conclude(self) -> None:
        """Take what was supposed where nothing else reaches a kernel, or nothing that tells its shape."""
        better = {site for site, launch in self._supposed if _is_known(launch)} - {
            site for site, launch in zip(self._sites, self.visits, strict=True) if _is_known(launch)
        }
        left = [launch for site, launch in zip(self._sites, self.visits, strict=True) if site not in better]
        supposed = self._supposed
        self.visits = left + [one for site, one in supposed if site in better or site not in self._visited]
        self._visited.update(site for site, _ in self._supposed)
        for site, visits in self._supposed_regions.items():
            self.regions.setdefault(site, visits)

    def mapped(self, run: HostCalls, text: str) -> None:
        """Take the sizes of pointers from mapped sections: ``map(to: a[0:n])``."""
        for part in split_arguments(_MAP_TYPE.sub("", text)):
            section = _SECTION.match(part)
            cell = run.cell_of(section[1]) if section else None
            if section is None or cell is None:
                continue
            start, length = run.evaluate_text(section[2] or "0"), run.evaluate_text(section[3])
            if not isinstance(length, int):
                continue
            count = length + start if isinstance(start, int) else length
            target = cell.value.target if isinstance(cell.value, Pointer) else cell.value
            if isinstance(target, Buffer):
                if target.count.value is None:
                    run.write(target.count, count)
            elif cell.kind.code in ("pointer", "?"):
                made = Buffer(section[1], run.kind_of(cell.kind.name or "int"), Cell(count))
                made.text = cell.kind.name
                run.write(cell, Pointer(made))

    def _names(self, run: HostCalls) -> Mapping[str, Known]:
        names: dict[str, Known] = {}
        this = run.this.fields if run.this is not None else {}
        shared = {name: cell for name, cell in run.globals.items() if cell is not None}
        for name, cell in {**shared, **this, **run.names}.items():
            self._freeze(name, cell.value, names, 0)
        return names

    def _freeze(self, name: str, value: HostValue, names: dict[str, Known], depth: int) -> None:
        if value is None or isinstance(value, NUMBER):  # as most are
            names[name] = value
            return
        mark = "."
        if isinstance(value, Pointer) and isinstance(value.target, Cell):
            value, mark = value.target.value, "->"
        if not isinstance(value, Record):
            names[name] = self.known(value)
        elif depth < 3:
            for member, cell in value.fields.items():
                self._freeze(f"{name}{mark}{member}", cell.value, names, depth + 1)

    def _argument(self, value: HostValue) -> Argument:
        if isinstance(value, Record):
            members: dict[str, Known] = {}
            self._freeze("", value, members, 0)
            return members
        return self.known(value)

    def known(self, value: HostValue) -> Known:
        """What is kept of a value."""
        if value is None or isinstance(value, NUMBER):
            return value
        target, offset = (value.target, value.offset) if isinstance(value, Pointer) else (value, 0)
        if not isinstance(target, Buffer):
            return None
        size = target.size_bytes
        if size is not None and offset:
            size = max(0.0, size - offset * target.element.size)
        identity = self._buffers.setdefault(target, len(self._buffers))
        return Memory(identity, size, target.space, target.text)


def extent(value: HostValue) -> Extent:
    """The three sizes of a grid or a block."""
    if isinstance(value, NUMBER):
        return int(value), 1, 1
    if isinstance(value, Record) and "x" in value.fields:
        sizes = [
            int(cell.value)
            if cell is not None and isinstance(cell.value, NUMBER)
            else (1 if cell is None else None)
            for cell in (value.fields.get(axis) for axis in "xyz")
        ]
        return sizes[0], sizes[1], sizes[2]
    return None, None, None


def _is_known(launch: Launch) -> bool:
    visit = launch.visit
    return visit is not None and None not in (*visit.grid, *visit.block)


def _directly(place: Node, node: Node) -> bool:
    inner: Node | None = place
    while inner is not None and inner.id != node.id and inner.start_byte >= node.start_byte:
        if inner.type == "compound_statement":
            return False
        inner = inner.parent
    return True
