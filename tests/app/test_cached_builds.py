"""What has been built is not built again, as long as nothing that it follows from has changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jouleline.app.build import Built, build
from jouleline.app.cached_builds import CachedBuilds
from jouleline.app.counted import COUNTERS
from jouleline.app.sanitizers import MEMORY
from jouleline.app.toolchain_state import toolchain_state
from jouleline.app.warnings import WARNING_OPTIONS
from jouleline.cache import DiskCache
from jouleline.core.ports import Cache, Completed, Job
from jouleline.core.workload import Workload
from jouleline.runners.local import LocalRunner

SOURCE = '#include <cstdio>\nint main() { int unused; printf("%d\\n", 6 * 7); }\n'
WORKLOAD = Workload(build="mkdir -p bin && g++ -O1 main.cpp -o bin/main && echo built", run="bin/main")


@dataclass
class Counting:
    """The real runner, which counts what it builds; under another name it stands for another sandbox."""

    name: str = "local"
    guarantees: tuple[str, ...] = ()
    built: int = 0
    runner: LocalRunner = field(default_factory=LocalRunner)

    async def run(self, job: Job) -> Completed:
        self.built += job.builds
        return await self.runner.run(job)


@dataclass
class Place:
    """A program's folder, a cache, and a runner that counts."""

    folder: Path
    cache: Cache
    runner: Counting = field(default_factory=Counting)
    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"]})
    copies: int = 0

    def built(self, workload: Workload = WORKLOAD, **more: object) -> Built:
        self.copies += 1
        target = self.folder.with_name(f"copy-{self.copies}")
        runner = CachedBuilds(self.runner, self.cache, self.environment)
        return asyncio.run(build(self.folder, {}, workload, runner, target, **more))  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "main.cpp").write_text(SOURCE)
    return Place(folder, DiskCache(tmp_path / "cache"))


def printed(built: Built) -> bytes:
    return asyncio.run(LocalRunner().run(built.job())).stdout


def test_the_same_is_built_once_and_runs_in_another_folder(place: Place) -> None:
    first, second = place.built(), place.built()
    assert place.runner.built == 1
    assert first.directory != second.directory
    assert printed(second) == b"42\n"
    assert second.log == first.log == "built\n"
    assert (place.folder.parent / "cache").stat().st_mode & 0o777 == 0o700


def test_what_the_compiler_said_is_kept_with_the_build(place: Place) -> None:
    first, second = (place.built(options=WARNING_OPTIONS) for _ in range(2))
    assert place.runner.built == 1
    assert first.said is not None
    assert "unused variable" in first.said
    assert second.said == first.said


def test_sanitized_programs_are_kept_and_those_that_count_in_their_folder_are_not(place: Place) -> None:
    for _ in range(2):
        place.built(options=MEMORY)
    assert place.runner.built == 1
    for _ in range(2):
        place.built(options=COUNTERS)
    assert place.runner.built == 3


def test_whatever_a_build_follows_from_makes_it_anew(place: Place) -> None:
    place.built()
    (place.folder / "main.cpp").write_text(SOURCE.replace("7", "8"))
    assert printed(place.built()) == b"48\n"
    (place.folder / "data.txt").write_text("a build may read any file")
    place.built()
    place.built(Workload(build=WORKLOAD.build.replace("-O1", "-O2"), run="bin/main"))
    place.runner.name = "another sandbox"
    place.built()
    place.runner.guarantees = ("another guarantee",)
    place.built()
    place.environment = {**place.environment, "CPATH": "/opt/include"}
    place.built()
    assert place.runner.built == 7


def test_a_build_that_fails_is_tried_again(place: Place) -> None:
    failing = Workload(build="echo no; exit 1", run="bin/main")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="failed with exit code 1"):
            place.built(failing)
    assert place.runner.built == 2


def test_a_build_that_leaves_a_link_or_takes_a_file_away_is_not_kept(place: Place) -> None:
    for command in ("ln -s main.cpp link.cpp", "rm main.cpp", "pwd > place.txt"):
        for _ in range(2):
            place.built(Workload(build=command, run="true"))
    assert place.runner.built == 6


def test_another_compiler_of_the_same_name_is_another_toolchain(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    compiler = tools / "own-compiler"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    (tmp_path / "Makefile").write_text("main:\n\town-compiler main.cpp\n")
    environment = {"PATH": f"{tools}:{os.environ['PATH']}"}
    before = toolchain_state(tmp_path, "make", environment)
    assert toolchain_state(tmp_path, "make", environment) == before
    compiler.write_text("#!/bin/sh\n# another version\n")
    assert toolchain_state(tmp_path, "make", environment) != before
