"""Each verb on a sample, as text and as the JSON document that scripts read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from jouleline.app.measure_report import figures
from jouleline.cli.console import progress
from tests.cli.command import SAMPLES, in_terminal, jouleline, snapshot, unfinished


def test_bound_tells_what_limits_each_kernel(tmp_path: Path) -> None:
    said = jouleline("bound", SAMPLES / "jacobi-omp", "--gpu", "rtx-3080-paper", home=tmp_path)
    assert said.code == 0
    assert "compute-bound (dp)" in said.out
    assert "bandwidth-bound" in said.out
    assert "n = 2048 and sweeps = 25 from the run line" in said.out
    assert said.err == ""


def test_bound_takes_arguments_in_place_of_the_workloads(tmp_path: Path) -> None:
    said = jouleline("bound", SAMPLES / "jacobi-omp", "--args", "512 3", "--format", "json", home=tmp_path)
    assert said.document["args"] == "512 3"
    assert "n = 512 from the run line" in said.document["kernels"][0]["assumptions"]


HEAT = """\
void heat(float *x) {
    #pragma omp parallel for
    for (int i = 0; i < 4000000; i++) x[i] *= 2.0f;
}
"""


def test_bound_says_that_a_region_of_the_host_is_judged_as_if_on_the_gpu(tmp_path: Path) -> None:
    source = tmp_path / "heat.cpp"
    source.write_text(HEAT)
    notice = "this region runs on the host and is judged as if on NVIDIA GeForce RTX 3080"
    text = jouleline("bound", source, "--gpu", "rtx-3080", home=tmp_path).out
    assert f"assumed: {notice}" in text
    assert "launch:" not in text
    document = jouleline("bound", source, "--gpu", "rtx-3080", "--format", "json", home=tmp_path).document
    assert any(notice in said for said in document["kernels"][0]["assumptions"])
    assert notice not in jouleline("bound", source, "--gpu", "host", home=tmp_path).out
    page = tmp_path / "page.html"
    jouleline("report", source, "--gpu", "rtx-3080", "--output", page, home=tmp_path)
    assert notice in page.read_text()


def test_sarif_names_each_kernel_at_its_lines(tmp_path: Path) -> None:
    said = jouleline("bound", SAMPLES / "matmul-cuda", "--format", "sarif", home=tmp_path)
    [run] = said.document["runs"]
    [result] = [one for one in run["results"] if one["ruleId"] == "bound"]
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 9


def test_refactor_finds_a_candidate_and_writes_it_only_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "dot"
    shutil.copytree(SAMPLES / "dot-omp", folder)
    before = snapshot(folder)
    said = jouleline("refactor", folder, "--format", "json", home=tmp_path)
    assert said.code == 0, said.err
    document = said.document
    assert document["schema"] == "jouleline/refactor/1"
    assert document["improved"] is True
    assert document["energy"]["modelled"] is True
    assert "reduction(" in document["patch"]
    assert snapshot(folder) == before
    page = jouleline("report", "--output", "-", home=tmp_path).out
    for part in ("Refactoring of dot", "modelled", "How it was verified", "Every window", "roofs of"):
        assert part in page
    again = replayed(Path(document["record"]), document["candidate"]["name"], home=tmp_path)
    assert figures(again) == {**figures(document["energy"]), "notes": []}

    unfinished(Path(document["record"]))  # so that nothing is verified or measured twice
    applied = jouleline("refactor", folder, "--resume", "--apply", home=tmp_path)
    assert applied.code == 0, applied.err
    assert "modelled by cpu-time" in applied.out
    assert "+#pragma omp" in applied.out
    assert "reduction(" in (folder / "main.cpp").read_text()
    assert {name for name, data in snapshot(folder).items() if before.get(name) != data} == {"main.cpp"}


def replayed(record: Path, candidate: str, *, home: Path) -> dict[str, Any]:
    """The comparison that decided for a candidate, from the windows that the loop kept of it."""
    file = record / f"energy-{candidate}-again.jsonl"
    assert (record / f"energy-{candidate}.jsonl").exists()
    said = jouleline("measure", "--replay", file, "--format", "json", home=home)
    assert said.code == 0, said.err
    return said.document


def test_verify_accepts_the_same_program_and_rejects_another_result(tmp_path: Path) -> None:
    baseline, candidate = tmp_path / "baseline", tmp_path / "candidate"
    for folder in (baseline, candidate):
        shutil.copytree(SAMPLES / "dot-omp", folder)
    same = jouleline("verify", baseline, candidate, "--format", "json", home=tmp_path)
    assert same.code == 0, same.out + same.err
    assert same.document["accepted"] is True

    source = (candidate / "main.cpp").read_text()
    assert "sum += " in source
    (candidate / "main.cpp").write_text(source.replace("sum += ", "sum += 2 * ", 1))
    other = jouleline("verify", baseline, candidate, home=tmp_path)
    assert other.code == 3
    assert "rejected" in other.out
    assert "failed output" in other.out or "failed run" in other.out


def test_measure_gives_joules_with_an_interval_and_says_they_are_modelled(tmp_path: Path) -> None:
    said = jouleline("measure", SAMPLES / "triad-omp", "--format", "json", home=tmp_path)
    assert said.code == 0, said.err
    energy = said.document["energy"]
    low, high = energy["interval_j"]
    assert low <= energy["value_j"] <= high
    assert energy["modelled"] is True


def test_devices_show_every_figure_with_its_source(tmp_path: Path) -> None:
    said = jouleline("devices", "h200", "--format", "json", home=tmp_path)
    [device] = said.document["devices"]
    assert device["figures"]["dram_bytes_per_s"]["source"]
    listed = jouleline("devices", home=tmp_path)
    assert "rtx-3080-paper" in listed.out
    assert "host" in listed.out


def test_devices_are_shown_with_their_figures_where_there_is_little_room(tmp_path: Path) -> None:
    for words, whole in (
        (["devices"], ["a100-pcie-40gb NVIDIA A100 PCIe 40 GB 19.5 9.75 19.5 1555 40 250"]),
        (["devices", "rtx-3080"], ["dp_flop_per_s 4.6512e+11 FLOP/s derived", "(max_shared_memory_per"]),
    ):
        lines = in_terminal(80, *words, home=tmp_path)
        shown = [" ".join(line.split()) for line in lines]
        assert max(map(len, lines)) <= 80
        assert not any("…" in line for line in lines)
        for start in whole:
            assert any(line.startswith(start) for line in shown), "\n".join(lines)


def test_doctor_reports_what_is_here_and_how_to_get_the_rest(tmp_path: Path) -> None:
    said = jouleline("doctor", "--format", "json", home=tmp_path)
    assert said.code == 0
    findings = {finding["name"]: finding for finding in said.document["findings"]}
    assert findings["g++"]["availability"] == "ready"
    for finding in findings.values():
        assert finding["availability"] == "ready" or finding["remedy"] or finding["kind"] == "model"
    assert jouleline("doctor", home=tmp_path).code == 0


@pytest.mark.parametrize(
    "verb", ["serve", "bound", "whatif", "refactor", "verify", "measure", "study", "devices", "doctor"]
)
def test_every_verb_explains_itself(tmp_path: Path, verb: str) -> None:
    said = jouleline(verb, "--help", home=tmp_path)
    assert said.code == 0
    assert said.out.startswith(f"usage: jouleline {verb}")


def test_progress_that_nobody_watches_is_a_line_for_each_thing_begun(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress() as tell:
        tell("baseline: measuring the energy of a run", None)
        for done in ("warm-up 1/3", "warm-up 2/3", "measuring 1/20", "measuring 2/20, energy x 0.917"):
            tell(f"measure: a: {done}", None)
    said = capsys.readouterr().err
    assert said == (
        "  baseline: measuring the energy of a run\n  measure: a: warm-up\n  measure: a: measuring\n"
    )
