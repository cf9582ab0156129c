"""The baseline and candidates built otherwise: with sanitizers, with counters, with warnings."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from jouleline.core.ports import Runner

from .build import BuildError, Built, build
from .instrumented import Options

_NUMBERS = count()


@asynccontextmanager
async def variant(built: Built, options: Options, runner: Runner) -> AsyncIterator[Built | str]:
    """A program built once more with further options, beside its folder, for as long as it is needed.

    A sentence in its stead says why there is none.

    Raises:
        RunnerError: if the build could not be started.
    """
    target = built.directory.with_name(f"{built.directory.name}.variant{next(_NUMBERS)}")
    try:
        try:
            found = await build(built.directory, {}, built.workload, runner, target, options=options)
        except BuildError as error:
            yield f"it does not build with {' '.join(options.flags)}: {str(error).partition(chr(10))[0]}"
            return
        if found.said is None:
            yield "the build calls no compiler that options can be added to"
            return
        yield found
    finally:
        await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)


@dataclass
class Memo:
    """What was found about a baseline, so that it is found once for all its candidates."""

    found: dict[str, Any] = field(default_factory=dict)
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    def lock(self, name: str) -> asyncio.Lock:
        """Held by whoever finds ``name`` out."""
        return self.locks.setdefault(name, asyncio.Lock())
