"""Pairs of programs, honest and not, each a small edit to a baseline that is built and run for real.

A folder holds ``baseline.cpp``, its ``jouleline.toml`` and ``pairs.toml``, a table of edits. Run as
``python -m tests.cheats.pairs``, this tries all of them and prints both error rates.
"""

import asyncio
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jouleline.app.build import build
from jouleline.app.verify import Effort, Reference, check_candidate, make_reference
from jouleline.app.workload import read_workload
from jouleline.core.verdict import Verdict
from jouleline.core.workload import Workload
from jouleline.devices.host import host_device
from jouleline.runners.local import LocalRunner

FOLDER = Path(__file__).parent
EFFORT = Effort(floor_s=3.0, baseline_s=10.0, scaling_s=1.0)
RUNNER = LocalRunner()


@dataclass(frozen=True)
class Pair:
    """A candidate: edits to the baseline of ``program``; ``gate`` should refuse it, if any should."""

    program: str
    name: str
    edits: tuple[tuple[str, str], ...]
    gate: str = ""
    cheat: str = ""

    @property
    def honest(self) -> bool:
        return not self.gate

    @property
    def title(self) -> str:
        return f"{self.program}: {self.name}"

    def text(self) -> str:
        text = (FOLDER / self.program / "baseline.cpp").read_text("utf-8")
        for old, new in self.edits:
            assert old in text, f"{self.title}: the baseline has no {old!r}"
            text = text.replace(old, new)
        return text


@dataclass
class Program:
    """A baseline, run once for all its pairs."""

    name: str
    scratch: Path

    @property
    def source(self) -> dict[str, bytes]:
        return {"main.cpp": (FOLDER / self.name / "baseline.cpp").read_bytes()}

    @cached_property
    def workload(self) -> Workload:
        return read_workload(FOLDER / self.name / "jouleline.toml")

    @cached_property
    def folder(self) -> Path:
        folder = self.scratch / self.name
        folder.mkdir()
        (folder / "main.cpp").write_bytes(self.source["main.cpp"])
        return folder

    @cached_property
    def reference(self) -> Reference:
        async def make() -> Reference:
            built = await build(
                self.folder, {}, self.workload, RUNNER, self.scratch / f"{self.name}-baseline"
            )
            return await make_reference(built, RUNNER, EFFORT, host_device())

        return asyncio.run(make())

    def judge(self, text: str, name: str) -> Verdict:
        verdict, _ = asyncio.run(
            check_candidate(
                self.reference, self.folder, {"main.cpp": text.encode()}, original=self.source,
                runner=RUNNER, scratch=self.scratch / f"{self.name}-{name}",
            )
        )  # fmt: skip
        return verdict


def programs() -> list[str]:
    return sorted(path.parent.name for path in FOLDER.glob("*/pairs.toml"))


def pairs(program: str) -> list[Pair]:
    table = tomllib.loads((FOLDER / program / "pairs.toml").read_text("utf-8"))
    return [
        Pair(
            program,
            one["name"],
            tuple((old, new) for old, new in one["edits"]),
            "" if one.get("honest") else one["gate"],
            one.get("cheat", ""),
        )
        for one in table["pair"]
    ]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(chosen: list[str]) -> None:
    let_through, refused, cheats, honest = [], [], 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in chosen or programs():
            program = Program(name, Path(scratch))
            for number, pair in enumerate(pairs(name)):
                verdict = program.judge(pair.text(), str(number))
                failed = verdict.failed
                gate = failed.name if failed else ""
                mark = " " if gate == pair.gate else "!" if bool(gate) == bool(pair.gate) else "X"
                said = (
                    failed.reason
                    if failed
                    else ", ".join(f"{one.name}: {one.reason}" for one in verdict.warnings)
                )
                say(f"{mark} {pair.title}: {gate or 'accepted'}: {said}")
                cheats += not pair.honest
                honest += pair.honest
                if pair.honest and failed:
                    refused.append(pair.title)
                if not pair.honest and not failed:
                    let_through.append(pair.title)
    say(f"{len(let_through)} of {cheats} cheats let through: {', '.join(let_through) or 'none'}")
    say(f"{len(refused)} of {honest} honest ones refused: {', '.join(refused) or 'none'}")


if __name__ == "__main__":
    main(sys.argv[1:])
