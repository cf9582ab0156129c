"""A roofline study as a page: the figures of its document, with plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jouleline.core.calibration import calibration
from jouleline.core.roofline import MARGIN_LIMIT
from jouleline.core.scores import confusion

from .page import figure, heading, page, paragraph, table
from .plots import Point, calibration_plot, confusion_plot, counts_plot, margin_plot
from .study import COUNTED
from .study_report import Judged, ScenarioResult

_PAPER: Final = (
    "In arXiv 2505.03988 the best language model without examples (o3-mini-high) reached an accuracy of "
    "0.641 on 340 kernels, which the last column compares with."
)
_COUNTS: Final = {"dram_bytes": "DRAM bytes"}
_ASSUMPTIONS: Final = 4
_LANGUAGES: Final = {"all": "all", "cuda": "CUDA", "openmp": "OpenMP", "hip": "HIP"}


def study_page(document: Mapping[str, Any], results: Sequence[ScenarioResult]) -> str:
    """The HTML of a study; ``document`` is that of ``study_json`` for the same results."""
    labels = document["labels"]
    body = [
        heading("Roofline study", 1),
        paragraph(
            f"{labels['kernels']} kernels of {labels['programs']} programs ({labels['base_programs']} base "
            f"programs); {labels['compute']} are compute-bound and {labels['kernels'] - labels['compute']} "
            f"bandwidth-bound on {document['device']}, by measured counts. Jouleline {document['version']}."
        ),
        *(paragraph(note, "note") for note in document["notes"]),
        _overview(document["scenarios"]),
        paragraph(
            "Intervals are 95%, from drawing base programs with replacement. 340-like: plain accuracy on "
            "subsets with one kernel a program and class, equally many of each language and class; mean ± "
            f"standard deviation over the draws. No answer counts as a wrong one. {_PAPER}",
            "note",
        ),
    ]
    for result, scenario in zip(results, document["scenarios"], strict=True):
        body += [heading(f"{result.scenario.name}: {result.scenario.title}")]
        body += _section(result, scenario)
    return page("Roofline study", body)


def _overview(scenarios: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for scenario in scenarios:
        if "unavailable" in scenario:
            rows.append([scenario["name"], "not run", *[None] * 5])
        for language, scores in scenario.get("scores", {}).items():
            subset = scenario["subsets"][language]
            rows.append(
                [
                    scenario["name"] if language == "all" else "",
                    _LANGUAGES[language],
                    f"{scenario['answered']} of {scenario['kernels']}" if language == "all" else "",
                    *(_figure(scores[name]) for name in ("balanced_accuracy", "macro_f1", "mcc")),
                    f"{subset['accuracy']:.3f} ± {subset['deviation']:.3f}" if subset else None,
                ]
            )
    return table(
        ["scenario", "language", "answered", "balanced accuracy", "macro-F1", "MCC", "340-like"],
        rows,
        words=2,
    )


def _figure(one: Mapping[str, Any]) -> str | None:
    if one["value"] is None:
        return None
    around = "[{:.3f}, {:.3f}]".format(*one["interval"]) if one["interval"] else ""
    return f"{one['value']:.3f} {around}".strip()


def _section(result: ScenarioResult, scenario: Mapping[str, Any]) -> list[str]:
    if result.unavailable:
        return [paragraph(f"Not run: {result.unavailable}.")]
    if scenario["name"] == "profile":
        return [_confusions(result.judged, scenario)]
    found = [_confusions(result.judged, scenario), '<div class="figures">']
    answered = [(one, one.reply.answer) for one in result.judged if one.reply.answer is not None]
    reliability = calibration(
        [answer.probability_compute for _, answer in answered], [one.compute for one, _ in answered]
    )
    if reliability is not None:
        caption = "Calibration. On the dashed line a probability means what it says."
        found.append(figure(calibration_plot(reliability), caption))
    own = [(one, answer) for one in result.judged if (answer := one.counts_of_its_own) is not None]
    if own:
        margins = [Point(one.label.margin_log2, answer.margin_log2, one.right) for one, answer in own]
        caption = (
            "Intensity of the decisive class of operations over its ridge point, cut at a factor of 4096. "
            "Right of the upright line kernels are compute-bound, above the level one they are called so; "
            "on the dashed line both agree."
        )
        found.append(figure(margin_plot(margins), caption))
    found.append("</div>")
    if own:
        found += _counts(own, scenario)
    found += [heading("Where answers fail", 3), _groups(scenario["groups"])]
    if scenario["worst"]:
        note = (
            "Farthest from the truth first. Counts are predicted / measured; factors are the decisive "
            "intensity over its ridge point."
        )
        found += [heading("Worst misses", 3), paragraph(note, "note"), _worst(scenario["worst"])]
    if scenario["unanswered"]:
        rows = [[one["program"], one["kernel"], one["reason"]] for one in scenario["unanswered"]]
        found += [heading("No answer", 3), table(["program", "kernel", "why"], rows, words=3)]
    return found


def _confusions(judged: Sequence[Judged], scenario: Mapping[str, Any]) -> str:
    matrices = [
        (
            _LANGUAGES[language],
            confusion(one.outcome for one in judged if language in ("all", str(one.label.kernel.language))),
        )
        for language in scenario["scores"]
    ]
    caption = "Kernels by truth and answer, and the share of each truth's row."
    return figure(confusion_plot(matrices), caption)


def _counts(own: Sequence[tuple[Judged, Any]], scenario: Mapping[str, Any]) -> list[str]:
    panels = [
        (
            f"{kind} operations",
            [
                Point(one.label.counts.operations[kind], answer.operations[str(kind)], one.right)
                for one, answer in own
            ],
        )
        for kind in COUNTED
    ]
    traffic = [Point(one.label.counts.dram_bytes, answer.dram_bytes, one.right) for one, answer in own]
    rows = [
        [
            _LANGUAGES[language] if index == 0 else "",
            _COUNTS.get(name, name),
            *(errors[key] for key in ("kernels", "median", "p90", "bias", "missed", "invented")),
        ]
        for language, counts in scenario["count_errors"].items()
        for index, (name, errors) in enumerate(counts.items())
    ]
    titles = [
        "language",
        "count",
        "kernels",
        "median",
        "90th percentile",
        "bias",
        "zero for some",
        "some for zero",
    ]
    return [
        heading("Counts", 3),
        figure(
            counts_plot([*panels, ("DRAM bytes", traffic)]),
            "Predicted against measured counts of one launch. Zeros lie on the axes, and at the edge what is "
            "predicted more than a factor of 1000 beyond all that was measured.",
        ),
        table(titles, rows, words=2),
        paragraph(
            "Errors are |log2(predicted / measured)| where neither is zero: 1 is a factor of two. Bias is "
            "the median with its sign. Zero for some: predicted as zero, measured as more; some for zero the "
            "other way round.",
            "note",
        ),
    ]


def _groups(groups: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    before = ""
    for one in groups:
        rows.append(
            [
                one["dimension"] if one["dimension"] != before else "",
                one["value"],
                one["kernels"],
                one["errors"],
                _percent(one["errors"] / one["kernels"]),
                f"{_percent(one['recall_compute'])} of {one['compute']}" if one["compute"] else None,
                f"{_percent(one['recall_bandwidth'])} of {one['bandwidth']}" if one["bandwidth"] else None,
            ]
        )
        before = one["dimension"]
    titles = ["group", "", "kernels", "errors", "error rate", "compute found", "bandwidth found"]
    return table(titles, rows, words=2)


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _worst(misses: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for one in misses:
        measured, answer = one["measured"], one["answer"]
        counts = [
            (name, answer["operations"][name], amount) for name, amount in measured["operations"].items()
        ]
        counts.append(("DRAM bytes", answer["dram_bytes"], measured["dram_bytes"]))
        assumed = answer["assumptions"][:_ASSUMPTIONS]
        more = len(answer["assumptions"]) - len(assumed)
        program = f"{one['program']} {answer['place']}"
        rows.append(
            [
                f"{one['kernel'].split('(')[0]}\n{program}",
                _bound(measured),
                f"{_bound(answer)}\nby {answer['evidence']}",
                _unbroken(*(f"{name} {_short(a)} / {_short(b)}" for name, a, b in counts if a or b)),
                "\n".join([*assumed, f"and {more} more"] if more else assumed),
            ]
        )
    return table(["kernel", "measured", "answer", "counts", "assumed"], rows, words=5)


def _bound(one: Mapping[str, Any]) -> str:
    driver = f" ({one['driver']})" if one["driver"] else ""
    if abs(one["margin_log2"]) >= MARGIN_LIMIT:
        factor = "no DRAM traffic" if one["margin_log2"] > 0 else "no operations"
    else:
        factor = f"{2 ** one['margin_log2']:.2g}x"
    return _unbroken(f"{one['bound']}{driver}", factor)


def _unbroken(*lines: str) -> str:
    return "\n".join(lines).replace(" ", "\N{NO-BREAK SPACE}")


def _short(amount: float) -> str:
    """``3.07e3``."""
    return f"{amount:.3g}".replace("e+0", "e").replace("e+", "e")
