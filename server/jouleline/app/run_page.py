"""A run of the refactoring loop as a page, from its record alone.

The record is ``jouleline/refactor/1``. What an older version did not write is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from .bound_changes import bound_words
from .page import diff, figure, heading, items, page, paragraph, picture, table
from .plots import Amount, amounts_plot, windows_plot
from .report import percent

Document = Mapping[str, Any]

_ROWS: Final = (
    ("energy", "energy", "J", "energy_ratio"),
    ("energy net of idle", "net_energy", "J", "net_energy_ratio"),
    ("time", "seconds", "s", "time_ratio"),
    ("average power", "watts", "W", "power_ratio"),
    ("energy × time", "joule_seconds", "J s", "energy_delay_ratio"),
)
_VERDICTS: Final = {
    "improved": "uses less energy",
    "regressed": "uses more energy",
    "no significant change": "no significant change",
    "inconclusive": "inconclusive",
}


def run_page(document: Document, started: str) -> str:
    """The HTML for one run; ``started`` is when it began (UTC, ISO 8601)."""
    name = PurePath(str(document["program"])).name
    title = f"Refactoring of {name} for energy"
    body = [
        heading(title, 1),
        paragraph(str(document["headline"]), "headline"),
        paragraph(f"{document['program']}, started {started[:16].replace('T', ' ')} UTC.", "note"),
    ]
    energy = document.get("energy")
    if energy:
        body += [heading("Energy, time and power of a run"), *_energy(energy)]
    if document.get("roofs"):
        body += [heading("Kernels before and after"), *_roofs(document["roofs"])]
    candidate = document.get("candidate")
    if candidate:
        body += [heading("What changed and why")]
        body.append(items(list(_rewrites(candidate["rewrites"]))))
        body.append(diff(document.get("patch") or ""))
        body += [heading("How it was verified"), *_gates(document)]
    body += [heading("What was tried"), *_attempts(document["attempts"])]
    body += [heading("Circumstances"), *_circumstances(document)]
    return page(title, body)


def _energy(energy: Document) -> Iterator[str]:
    before, after = energy["baseline"], energy["candidate"]
    rows = []
    for name, key, unit, ratio in _ROWS:
        if before.get(key) and after.get(key) and energy.get(ratio):
            kind = "measured" if key == "seconds" else _provenance(energy)
            rows.append(
                [name, kind, _amount(before[key], unit), _amount(after[key], unit), _change(energy[ratio])]
            )
    yield table(["a run", "", "before", "after", "change (95% interval)"], rows, words=2)
    kind = _provenance(energy)
    amounts = [
        Amount(label, one["energy"]["value_j"], *_interval(one["energy"]))
        for label, one in (("before", before), ("after", after))
    ]
    yield '<div class="figures">'
    yield figure(
        amounts_plot(f"energy of a run ({kind}), J", amounts), "Energy of a run with its 95% interval."
    )
    taken = [(block["order"], block["windows"]) for block in energy["blocks"]]
    windows = [
        (letter == "B", one["energy_j"] / one["runs"])
        for order, ones in taken
        for letter, one in zip(order, ones, strict=True)
    ]
    caption = (
        f"Every window of the {len(taken)} blocks that were compared, in the order they were taken: each "
        "program comes twice in a block, in an order drawn at random."
    )
    yield figure(windows_plot(f"energy of a run ({kind}), J", windows), caption)
    yield "</div>"
    yield paragraph(f"Verdict: {_verdict(energy)}; {energy['reason']}.")
    meter = energy["meter"]
    yield paragraph(f"Meter: {meter['name']} on {meter['device']}; {meter['note']}.", "note")
    yield from (paragraph(f"Warning: {warning}.") for warning in energy["warnings"])


def _provenance(energy: Document) -> str:
    return "modelled" if energy["modelled"] else "measured"


def _amount(estimate: Document, unit: str) -> str:
    low, high = _interval(estimate)
    around = f" ({low:.3g} to {high:.3g})" if math.isfinite(low) and math.isfinite(high) else ""
    return f"{_value(estimate):.3g} {unit}{around}"


def _value(estimate: Document) -> float:
    return float(estimate["value_j"] if "value_j" in estimate else estimate["value"])


def _interval(estimate: Document) -> tuple[float, float]:
    """An end that is not known is infinite."""
    ends = estimate.get("interval_j" if "value_j" in estimate else "interval") or (None, None)
    low, high = (math.inf if end is None else float(end) for end in ends)
    return (-low if math.isinf(low) else low), high


def _change(ratio: Document) -> str:
    low, high = _interval(ratio)
    if not (math.isfinite(low) and math.isfinite(high)):
        return percent(_value(ratio))
    return f"{percent(_value(ratio))} ({percent(low)} to {percent(high)})"


def _roofs(roofs: Document) -> Iterator[str]:
    if drawn := roofs["picture"]:
        caption = (
            f"The kernels under the roofs of {roofs['device']['name']} by our own analysis: as they are "
            "now, with their numbers, and as they were (dashed)."
        )
        yield figure(picture(str(drawn)), caption)
    rows = []
    old = _numbered(roofs["before"])
    for number, (key, kernel) in enumerate(_numbered(roofs["after"]).items(), start=1):
        rows.append(
            [
                str(number),
                key[0],
                f"{kernel['file']}:{kernel['line']}",
                _kernel(old.pop(key, None)),
                _kernel(kernel),
            ]
        )
    rows += [
        ["", key[0], f"{kernel['file']}:{kernel['line']}", _kernel(kernel), "gone"]
        for key, kernel in old.items()
    ]
    yield table(["", "kernel", "place", "before", "after"], rows, words=5)


def _numbered(kernels: Sequence[Document]) -> dict[tuple[str, int], Document]:
    """Kernels by name and by their place among those of that name."""
    found: dict[tuple[str, int], Document] = {}
    for kernel in kernels:
        name = kernel["name"]
        found[name, sum(other == name for other, _ in found)] = kernel
    return found


def _kernel(kernel: Document | None) -> str:
    if kernel is None:
        return "new"
    return f"{bound_words(kernel)}, {kernel['evidence']} evidence"


def _rewrites(rewrites: Sequence[Document]) -> Iterator[str]:
    """What was done and why, each thing once with all its lines."""
    lines: dict[str, list[int]] = {}
    for one in rewrites:
        lines.setdefault(f"{one['title']}. {one['rationale']}", []).append(one["line"])
    for what, places in lines.items():
        yield f"line{'s' if len(places) > 1 else ''} {', '.join(map(str, places))}: {what}"


def _gates(document: Document) -> Iterator[str]:
    chosen = next(
        (
            one
            for one in document["attempts"]
            if one["accepted"] and one["candidate"]["rewrites"] == document["candidate"]["rewrites"]
        ),
        None,
    )
    if chosen is None:
        yield paragraph("The record does not say.")
        return
    rows = [
        [
            one["name"],
            "passed, with a warning" if one.get("warning") else "passed",
            one["reason"],
            f"{one['seconds']:.1f} s",
        ]
        for one in chosen["gates"]
    ]
    yield table(["gate", "", "what it found", "took"], rows, words=3)


def _attempts(attempts: Sequence[Document]) -> Iterator[str]:
    if not attempts:
        yield paragraph("No candidate was proposed.")
        return
    rows = []
    for one in attempts:
        energy = one["energy"]
        change = f"{_change(energy['energy_ratio'])}, {_provenance(energy)}" if energy else None
        rows.append([one["candidate"]["name"], one.get("proposer") or None, _fate(one), change])
    yield table(["candidate", "proposed by", "outcome", "energy (95% interval)"], rows, words=4)


def _fate(attempt: Document) -> str:
    refused = next((gate for gate in attempt["gates"] if not gate["passed"]), None)
    if refused is not None:
        return f"refused at the gate {refused['name']}: {refused['reason']}"
    if attempt["energy"] is None:
        return f"could not be measured: {attempt['problem']}" if attempt["problem"] else "verified"
    energy = attempt["energy"]
    undecided = energy["verdict"] == "inconclusive"
    return f"{_verdict(energy)}: {energy['reason']}" if undecided else _verdict(energy)


def _verdict(energy: Document) -> str:
    verdict = str(energy["verdict"])
    return _VERDICTS.get(verdict, verdict)


def _circumstances(document: Document) -> Iterator[str]:
    workload, cost, runner = document["workload"], document["cost"], document["runner"]
    rows = [
        ["build", workload["build"]],
        ["run", workload["run"].replace("{args}", workload["args"])],
        ["workload", workload["origin"]],
        ["runner", f"{runner['name']}: {', '.join(runner['guarantees']) or 'no guarantees'}"],
        ["model", document.get("model") or "none: rules alone"],
        ["search", _cost(cost)],
    ]
    energy = document.get("energy")
    if energy:
        rows.append(["saved", _paid_back(cost, energy)])
        plan = energy["plan"]
        rows.append(["seed", str(energy["seed"])])
        rows.append(
            ["protocol", ", ".join(f"{key} {value}" for key, value in plan.items() if value is not None)]
        )
    yield table(["", ""], rows, words=2)
    yield from (paragraph(f"Note: {note}.", "note") for note in document["notes"])


def _cost(cost: Document) -> str:
    spent = f"building {cost['build_s']:.0f} s and measuring {cost['measure_s']:.0f} s"
    parts = [f"{cost['wall_s']:.0f} s, of which {spent}"]
    if cost["answers"]:
        parts.append(f"{cost['answers']} answers of a model, {cost['tokens_in'] + cost['tokens_out']} tokens")
    if cost["money"] is not None:
        parts.append(f"{cost['money']:.3g} for the model at the configured prices")
    if cost["energy_j"] is not None:
        parts.append(f"{cost['energy_j']:.3g} J here")
    return "; ".join(parts)


def _paid_back(cost: Document, energy: Document) -> str:
    saved = _value(energy["baseline"]["energy"]) - _value(energy["candidate"]["energy"])
    words = f"{saved:.3g} J a run ({_provenance(energy)})"
    if cost["energy_j"] is None or saved <= 0:
        return words
    return f"{words}; the search is paid back after {math.ceil(cost['energy_j'] / saved)} runs"
