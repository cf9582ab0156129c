"""Say whether this machine's GPU can measure energy; run by `make gpu-check`."""

import itertools
import json
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pynvml

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"
SECONDS = 3.0


def counter_updates(read: Callable[[], int], seconds: float) -> dict[str, float | int]:
    """Poll a counter as fast as it answers and time the moments at which its value moves."""
    changes: list[tuple[float, int]] = []
    reads = 0
    start = now = time.perf_counter()
    last = read()
    while now - start < seconds:
        value = read()
        now = time.perf_counter()
        reads += 1
        if value != last:
            changes.append((now, value))
            last = value
    # The first change closes an interval whose beginning was not seen.
    periods = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(changes)]
    report: dict[str, float | int] = {
        "watched_s": now - start,
        "reads": reads,
        "read_s": (now - start) / reads,
        "updates": len(changes),
    }
    if periods:
        report |= {
            "period_median_s": statistics.median(periods),
            "period_min_s": min(periods),
            "period_max_s": max(periods),
            # From change to change: a window cut anywhere else is wrong by up to one period.
            "power_w": (changes[-1][1] - changes[0][1]) / 1000 / (changes[-1][0] - changes[0][0]),
        }
    return report


def inspect(nvml: Any, index: int) -> dict[str, Any]:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    report: dict[str, Any] = {
        "schema": "jouleline/gpu-check/1",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "name": nvml.nvmlDeviceGetName(handle),
        "driver": nvml.nvmlSystemGetDriverVersion(),
        "kernel": platform.release(),
        "provenance": "measured: NVML total energy counter",
    }
    try:
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError as error:
        return report | {"energy_counter": False, "reason": str(error)}
    return report | {
        "energy_counter": True,
        "counter": counter_updates(lambda: int(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)), SECONDS),
    }


def show(report: dict[str, Any]) -> None:
    print(f"{report['name']}, driver {report['driver']}")
    if not report["energy_counter"]:
        print(f"  total energy counter: not readable ({report['reason']})")
        return
    counter = report["counter"]
    print("  total energy counter: readable")
    if "period_median_s" in counter:
        low, middle, high = (
            1000 * counter[key] for key in ("period_min_s", "period_median_s", "period_max_s")
        )
        print(f"  it moves every {middle:.1f} ms ({low:.1f} to {high:.1f}, {counter['updates']} updates)")
        print(f"  it drew {counter['power_w']:.1f} W meanwhile")
    else:
        print(f"  it moved {counter['updates']} times in {counter['watched_s']:.1f} s: too few for a period")
    print(f"  a read takes {1e6 * counter['read_s']:.0f} us")


def main() -> int:
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError as error:
        print(f"No NVIDIA GPU can be asked here ({error}): run this on a machine with one and its driver.")
        return 1
    if count == 0:
        print("The NVIDIA driver answers but sees no GPU: check the container's or job's device settings.")
        return 1
    RESULTS.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        report = inspect(pynvml, index)
        show(report)
        name = re.sub(r"[^a-z0-9]+", "-", report["name"].lower()).strip("-")
        path = RESULTS / f"gpu-check-{name}{f'-{index}' if index else ''}.json"
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(f"  written: {path.relative_to(RESULTS.parent.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
