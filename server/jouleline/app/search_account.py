"""What a search takes: time by what it is spent on, answers of models, and energy of this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jouleline.core.meter import Meter, MeterError

from .bench import Bench
from .journal import Journal
from .outcome import SearchCost
from .recorded_model import RecordedModel


@dataclass
class SearchAccount:
    """Counts from when it is made; ``meter`` sees the whole search (None: its energy is not known).

    What keeps the energy from being known is said in ``notes``, and ends nothing.
    """

    bench: Bench
    meter: Meter[Any] | None
    notes: list[str]
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since it was made, s."""
        return time.monotonic() - self._began

    async def begin(self) -> None:
        """Let the meter see what happens from here on."""
        try:
            if self.meter is not None:
                await asyncio.to_thread(self.meter.start)
        except MeterError as error:
            self.meter = None
            self.notes.append(f"the energy of the search is not known: {error}")

    async def cost(self, models: Sequence[RecordedModel], journal: Journal) -> SearchCost:
        """What it took until now."""
        energy_j = None
        if self.meter is not None and self.bench.jobs:
            try:
                energy_j = (await asyncio.to_thread(self.meter.stop, self.bench.jobs)).energy_j
            except MeterError as error:
                self.notes.append(f"the energy of the search is not known: {error}")
        spent = self.bench.spent
        costs = [one.cost for one in models if one.cost is not None]
        return SearchCost(
            wall_s=self.seconds,
            build_s=spent.build_s,
            run_s=spent.run_s,
            start_s=spent.start_s,
            measure_s=spent.measure_s,
            model_s=sum(one.seconds for one in models),
            answers=sum(one.answers for one in models),
            tokens_in=sum(one.tokens_in for one in models),
            tokens_out=sum(one.tokens_out for one in models),
            money=sum(costs) if costs else None,
            energy_j=energy_j,
            reused=journal.reused,
        )
