"""The loop on real programs: built with g++, run here, its energy modelled from CPU time."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from jouleline.app.measurement import Plan
from jouleline.app.outcome import Outcome, Step, Tools
from jouleline.app.program import Program, read_program
from jouleline.app.refactor import RefactorError, refactor
from jouleline.app.workload import find_workload
from jouleline.core.candidate import Rewrite
from jouleline.core.ports import Availability, Finding
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit, SourceText
from jouleline.core.syntax import ParsedSource
from jouleline.meters.cpu_time import CpuTimeMeter
from jouleline.rules import RULES
from jouleline.runners.local import LocalRunner
from jouleline.toolchains.gnu import GnuToolchain
from jouleline.toolchains.nvcc import NvccToolchain
from tests.cli.command import SAMPLES, snapshot
from tests.support.processes import running

GLANCE = Plan(warm_up_windows=2, budget_s=0.1)
"""One block: enough to see a candidate measured, never enough for a verdict."""
METER = CpuTimeMeter(rated_watts=100, cores=2, device="a test's processor", source="assumed by a test")

NO_GPU = Finding("meter", "a test double of NVML", Availability.MISSING, "no driver answers a test")
NOT_IN_THEM = "the program launches GPU kernels; the GPU's energy is not in these figures"


def tools(folder: Path, **changes: object) -> Tools:
    plain = Tools(
        runner=LocalRunner(),
        meter=METER,
        rules=RULES,
        toolchains=[GnuToolchain()],
        records=folder / "records",
        scratch=folder / "scratch",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # each test knows its field


def copied(sample: str, folder: Path) -> Program:
    shutil.copytree(SAMPLES / sample, folder / sample)
    return read_program([folder / sample])


def run(program: Program, with_tools: Tools, steps: list[Step] | None = None) -> Outcome:
    workload = find_workload(program, with_tools.toolchains)
    report = steps.append if steps is not None else None
    return asyncio.run(refactor(program, workload, with_tools, report))


def test_an_atomic_sum_becomes_a_reduction_that_saves_energy_and_is_kept(tmp_path: Path) -> None:
    program = copied("dot-omp", tmp_path)
    before = snapshot(program.root)
    steps: list[Step] = []
    outcome = run(program, tools(tmp_path), steps)

    assert outcome.improved
    assert outcome.energy is not None
    assert outcome.energy.comparison.energy_ratio.high < 1
    assert "modelled by cpu-time" in outcome.headline
    assert "results may differ in the last digits" in outcome.headline
    assert outcome.candidate is not None
    assert b"reduction(+" in outcome.candidate.files["main.cpp"]

    # The edit is the candidate that was measured, byte for byte, and nothing else was touched.
    for name, edits in outcome.edits.items():
        text = SourceText(program.files[name]).apply(edits)
        assert text.data == outcome.candidate.files[name]
    assert snapshot(program.root) == before
    assert list((tmp_path / "scratch").iterdir()) == []

    # The record has the result, and a patch that applies to the texts that were measured.
    document = json.loads((outcome.record / "result.json").read_text())
    assert document["schema"] == "jouleline/refactor/1"
    assert document["energy"]["modelled"] is True
    subprocess.run(["git", "apply", str(outcome.record / "candidate.patch")], cwd=program.root, check=True)
    for name, data in outcome.candidate.files.items():
        assert (program.root / name).read_bytes() == data

    fractions = [step.fraction for step in steps if step.fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_a_program_that_prints_only_words_is_verified_with_a_warning(tmp_path: Path) -> None:
    program = copied("dot-omp", tmp_path)
    source = program.root / "main.cpp"
    source.write_text(re.sub(r"(?<!f)printf\([^;]*;", 'puts("PASS");', source.read_text()))
    outcome = run(read_program([program.root]), tools(tmp_path, plan=GLANCE))
    assert "vacuous: warning: the program's output holds no number" in outcome.details


def test_a_program_that_no_rule_knows_is_answered_honestly(tmp_path: Path) -> None:
    outcome = run(copied("histogram-omp-offload", tmp_path), tools(tmp_path))
    assert not outcome.improved
    assert outcome.headline == "No rewrite rule applies to this program."
    assert outcome.edits == {}
    assert "GPU" not in outcome.details


def test_a_gpu_programs_figures_say_that_the_gpu_is_not_in_them(tmp_path: Path) -> None:
    program = copied("triad-omp", tmp_path)
    (program.root / "kernel.cu").write_text("__global__ void scale(float *x) { x[0] *= 2; }\n")
    outcome = run(read_program([program.root]), tools(tmp_path, rules=()))
    assert f"Note: {NOT_IN_THEM}" in outcome.details
    measured = run(read_program([program.root]), tools(tmp_path, rules=(), gpu_measured=True))
    assert NOT_IN_THEM not in measured.details


def test_kernels_of_cuda_beside_what_is_built_are_said_not_to_run_without_a_gpu(tmp_path: Path) -> None:
    program = copied("triad-omp", tmp_path)
    (program.root / "kernel.cu").write_text("__global__ void scale(float *x) { x[0] *= 2; }\n")
    outcome = run(read_program([program.root]), tools(tmp_path, rules=(), gpu=NO_GPU))
    assert "GPU kernels, which did not run: no driver answers a test" in outcome.details


@pytest.mark.parametrize("availability", [Availability.READY, Availability.MISSING])
def test_an_openmp_target_program_uses_a_gpu_only_where_one_answers(
    tmp_path: Path, availability: Availability
) -> None:
    program = copied("triad-omp", tmp_path)
    (program.root / "more.cpp").write_text("void scale() {\n  #pragma omp target teams\n  {}\n}\n")
    gpu = Finding("meter", "a test double of NVML", availability, "a test's GPU")
    outcome = run(read_program([program.root]), tools(tmp_path, rules=(), gpu=gpu))
    assert (NOT_IN_THEM in outcome.details) is (availability is not Availability.MISSING)


class BreakingRule:
    """A test double: a rule that makes the program compute something else."""

    name = "breaking-double"
    title = "halve the work"
    rationale = "A test double, which must be refused."

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        del program
        place = source.text.data.find(b"sum += ")
        if place < 0:
            return []
        edit = Edit(place, place + 7, b"sum += 0.5 * ")
        return [Rewrite(self.name, 1, self.title, self.rationale, (edit,))]


def test_a_candidate_that_computes_something_else_is_refused_and_says_why(tmp_path: Path) -> None:
    program = copied("dot-omp", tmp_path)
    outcome = run(program, tools(tmp_path, rules=[BreakingRule()]))
    assert not outcome.improved
    [attempt] = outcome.attempts
    assert not attempt.verdict.accepted
    assert "refused at the gate" in outcome.details
    assert (
        outcome.headline
        == "No candidate was shown to use less energy: 1 candidate tried, 1 refused by the verifier."
    )


def test_a_cancelled_loop_leaves_no_process_and_no_copy(tmp_path: Path) -> None:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "main.cpp").write_text("#include <unistd.h>\nint main() { for (;;) sleep(100); }\n")
    (folder / "jouleline.toml").write_text(
        "[workload]\nbuild = 'g++ main.cpp -o jl_cancelled'\nrun = './jl_cancelled'\n"
    )
    program = read_program([folder])
    with_tools = tools(tmp_path)
    workload = find_workload(program, with_tools.toolchains)

    async def cancel_while_it_runs() -> None:
        started = asyncio.Event()

        def report(step: Step) -> None:
            if step.message.startswith("running"):
                started.set()

        task = asyncio.create_task(refactor(program, workload, with_tools, report))
        await started.wait()
        await asyncio.sleep(0.5)
        assert running("jl_cancelled")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_while_it_runs())
    assert not running("jl_cancelled")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_baseline_that_does_not_build_is_an_error_with_the_compilers_words(tmp_path: Path) -> None:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "main.cpp").write_text("int main() { return missing; }\n")
    program = read_program([folder])
    with pytest.raises(RefactorError, match=r"(?s)the baseline does not build: .*missing"):
        run(program, tools(tmp_path))


def test_a_gpu_program_that_checks_no_error_is_refused_without_a_gpu(tmp_path: Path) -> None:
    folder = tmp_path / "program"
    folder.mkdir()
    # What nvcc would make of it: kernels in a section of their own, and a main that ends well without a GPU.
    (folder / "main.cpp").write_text(
        "// __global__ void scale(float *x) { x[0] *= 2; }\n"
        '__attribute__((section(".nv_fatbin"), used)) static const char double_of_kernels[] = "kernels";\n'
        "int main() {}\n"
    )
    (folder / "jouleline.toml").write_text("[workload]\nbuild = 'g++ main.cpp -o main'\nrun = './main'\n")
    steps: list[Step] = []
    with pytest.raises(RefactorError, match=r"need a GPU, and none was found where it runs \(no driver an"):
        run(read_program([folder]), tools(tmp_path, gpu=NO_GPU), steps)
    assert not any("running" in step.message for step in steps)
    assert list((tmp_path / "records").iterdir()) == []


@pytest.mark.needs("nvcc")
def test_a_real_cuda_program_is_refused_without_a_gpu(tmp_path: Path) -> None:
    program = tmp_path / "scale" / "scale.cu"
    program.parent.mkdir()
    program.write_text(
        "#include <cstdio>\n__global__ void scale(float *x) { x[threadIdx.x] *= 2; }\n"
        "int main() {\n  float *x, sum[32] = {};\n  cudaMalloc(&x, sizeof sum);\n  scale<<<1, 32>>>(x);\n"
        '  cudaMemcpy(sum, x, sizeof sum, cudaMemcpyDeviceToHost);\n  printf("%g\\n", sum[0]);\n}\n'
    )
    with pytest.raises(RefactorError, match="nothing that they do could be verified or measured"):
        run(read_program([program]), tools(tmp_path, gpu=NO_GPU, toolchains=[NvccToolchain()]))


def test_a_scratch_folder_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RefactorError, match="Not a directory"):
        run(copied("dot-omp", tmp_path), tools(tmp_path, scratch=tmp_path / "file" / "scratch"))
