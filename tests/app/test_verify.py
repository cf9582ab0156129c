import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from jouleline.app.arguments import unseen_arguments, whole_argument, with_argument
from jouleline.app.build import Built, build
from jouleline.app.gates import check_files
from jouleline.app.verify import (
    GATES,
    BaselineError,
    Effort,
    Reference,
    check_candidate,
    make_reference,
    verify_folders,
)
from jouleline.core.ports import Availability, Finding
from jouleline.core.verdict import Verdict, verdict_json
from jouleline.core.workload import Tolerance, Workload
from jouleline.runners.local import LocalRunner

WORKLOAD = Workload(
    build="g++ -O1 main.cpp -o main",
    run="./main {args}",
    args="60000 100",
    check_args=("1000 7", "333 2"),
    size_args=(0,),
    repeat_args=(1,),
    tolerance=Tolerance(relative=1e-9),
)
# Each repeat computes the same table again, as a benchmark's repeats do.
BASELINE = """
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

__attribute__((noinline)) void kernel(const std::vector<double> &in, std::vector<double> &out) {
    for (size_t i = 0; i < in.size(); i++) {
        out[i] = std::sqrt(in[i]) + 1.0 / (in[i] + 1.0);
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        return 2;
    }
    const int n = atoi(argv[1]), repeat = atoi(argv[2]);
    std::vector<double> in(n), out(n);
    for (int i = 0; i < n; i++) {
        in[i] = (i * 7919L) % 10007;
    }
    const auto begin = std::chrono::steady_clock::now();
    for (int r = 0; r < repeat; r++) {
        kernel(in, out);
    }
    const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    printf("Average kernel execution time of %d runs: %.3f (us)\\n", repeat, s * 1e6 / repeat);
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += out[i];
    }
    printf("sum %.15g\\nPASS\\n", sum);
    return 0;
}
"""
LOOP = "for (int r = 0; r < repeat; r++) {"
EFFORT = Effort(floor_s=2.0, baseline_s=3.0, output_bytes=1_000_000)
RUNNER = LocalRunner()

pytestmark = pytest.mark.needs("g++")


def changed(*changes: tuple[str, str]) -> dict[str, bytes]:
    text = BASELINE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return {"main.cpp": text.encode()}


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def built(folder: Path, text: str, workload: Workload) -> Built:
    source = write(folder / "source", {"main.cpp": text.encode()})
    return asyncio.run(build(source, {}, workload, RUNNER, folder / "baseline"))


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reference]:
    folder = tmp_path_factory.mktemp("baseline")
    program = built(folder, BASELINE, WORKLOAD)
    return folder / "source", asyncio.run(make_reference(program, RUNNER, EFFORT))


def judge(baseline: tuple[Path, Reference], files: Mapping[str, bytes], scratch: Path) -> Verdict:
    folder, reference = baseline
    original = {"main.cpp": BASELINE.encode()}
    verdict, _ = asyncio.run(
        check_candidate(
            reference, folder, files, original=original, runner=RUNNER, scratch=scratch / "candidate"
        )
    )
    return verdict


def refused_by(verdict: Verdict) -> str:
    assert not verdict.accepted
    assert verdict.failed is not None
    assert [gate.name for gate in verdict.gates] == list(GATES)[: len(verdict.gates)]
    return verdict.failed.name


def reason_of(gate: str, verdict: Verdict) -> str:
    return next(one.reason for one in verdict.gates if one.name == gate)


SUM = "for (int i = 0; i < n; i++) {\n        sum += out[i];"
TERM = "std::sqrt(in[i]) + 1.0 / (in[i] + 1.0)"
HONEST = {
    "nothing changed": [],
    "a reordered sum": [(SUM, "for (int i = n - 1; i >= 0; i--) {\n        sum += out[i];")],
    "another form of the same term": [(TERM, "(std::sqrt(in[i]) * (in[i] + 1.0) + 1.0) / (in[i] + 1.0)")],
    "a log line on standard error": [("double sum", 'fprintf(stderr, "summing\\n"); double sum')],
    # The kernel becomes some thirty times cheaper; what is left still grows with the repeats.
    "a hoisted table": [
        ("const auto begin", "std::vector<double> table(out);\n    kernel(in, table);\n    const auto begin"),
        ("        kernel(in, out);", '        out = table; asm volatile("" ::: "memory");'),
    ],
    "another unit for a shorter time": [("(us)", "(ms)")],
}
KERNEL_CALL = "        kernel(in, out);\n"
CHEATS = {
    "a wrong result": ("output", [("std::sqrt(in[i])", "std::cbrt(in[i])")]),
    "lower precision": ("output", [("double sum", "float sum")]),
    "not a number": ("output", [("double sum = 0.0;", "double sum = 0.0 / (argc - 3);")]),
    "a result made up for the measured arguments": (
        "regions",
        [
            (
                "double sum = 0.0;",
                'if (n == 60000) { puts("sum 4001197.48934472\\nPASS"); return 0; } double sum = 1.0;',
            )
        ],
    ),
    "results made up for all known arguments": (
        "regions",
        [("double sum = 0.0;", "double sum = n == 60000 || n == 1000 || n == 333 ? 0.0 : 1.0;")],
    ),
    "an extra line": ("output", [("double sum", 'puts("done"); double sum')]),
    "another verdict": ("output", [("PASS", "PASSED")]),
    "right only the first time": (
        "regions",
        [
            (
                "double sum = 0.0;",
                'FILE *f = fopen("UNIQUE", "a"); double sum = ftell(f); fputs("1", f); fclose(f);',
            )
        ],
    ),
    "results kept in a file": (
        "output",
        [("double sum = 0.0;", 'double sum = 0.0; fclose(fopen("cache.bin", "w"));')],
    ),
    "repeats cut by a modulus": ("scaling", [(LOOP, "for (int r = 0; r < repeat % 4 + 1; r++) {")]),
    "repeats capped": ("scaling", [(LOOP, "for (int r = 0; r < (repeat < 5 ? repeat : 5); r++) {")]),
    "one repeat": ("scaling", [(LOOP, "for (int r = 0; r < 1; r++) {")]),
    "results cached by input": (
        "scaling",
        [
            ("__attribute__", "static const void *last;\n__attribute__"),
            ("size_t i = 0; i", "size_t i = last == &in ? in.size() : 0; last = &in, i"),
        ],
    ),
    "a crash": ("run", [(KERNEL_CALL, "        *(volatile int *)nullptr = 1;\n")]),
    "a failure": ("run", [("return 0;", "return 3;")]),
    "a hang": ("run", [(KERNEL_CALL, "        for (volatile int i = 0;; i = i) { }\n")]),
    "endless printing": ("run", [(KERNEL_CALL, '        for (;;) puts("more");\n')]),
    "code that does not compile": ("build", [(KERNEL_CALL, "        kernel(in, out, 1);\n")]),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_candidate_is_accepted(name: str, baseline: tuple[Path, Reference], tmp_path: Path) -> None:
    verdict = judge(baseline, changed(*HONEST[name]), tmp_path)
    assert verdict.accepted, verdict.failed
    assert [gate.name for gate in verdict.gates] == list(GATES)
    # A repeat that copies its result from a table is right, but little is left of its work.
    allowed = {"effort"} if name == "a hoisted table" else set()
    assert {gate.name for gate in verdict.warnings} <= allowed


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_or_a_mistake_is_refused_by_the_gate_for_it(
    name: str, baseline: tuple[Path, Reference], tmp_path: Path
) -> None:
    gate, changes = CHEATS[name]
    files = changed(*changes)
    files = {path: data.replace(b"UNIQUE", bytes(tmp_path / "seen")) for path, data in files.items()}
    assert refused_by(judge(baseline, files, tmp_path)) == gate


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"Makefile": b"all:\n\ttrue\n"}, "Makefile"),
        ({"jouleline.toml": b"[workload]\n"}, "jouleline.toml (it says how candidates are checked)"),
        ({"main.cpp": b"int main() {}", "fast.h": b""}, "fast.h (it is new"),
        ({"../elsewhere.cpp": b""}, "outside the program's folder"),
        ({"/etc/passwd": b""}, "outside the program's folder"),
        ({"input.txt": b"2"}, "input.txt"),
    ],
)
def test_only_sources_may_change_unless_the_workload_says_otherwise(
    files: Mapping[str, bytes], words: str
) -> None:
    original = {"main.cpp": b"int main() { }", "Makefile": b"all:\n", "input.txt": b"1"}
    result = check_files(files, original, WORKLOAD)
    assert not result.passed
    assert words in result.reason


def test_the_workload_names_what_may_change() -> None:
    workload = replace(WORKLOAD, files=("main.cpp", "fast.h", "Makefile", "jouleline.toml"))
    original = {"main.cpp": b"1", "other.cpp": b"1", "Makefile": b"1"}
    assert check_files({"main.cpp": b"2", "fast.h": b"2", "Makefile": b"2"}, original, workload).passed
    assert check_files({"other.cpp": b"1"}, original, workload).passed
    assert not check_files({"other.cpp": b"2"}, original, workload).passed
    assert not check_files({"jouleline.toml": b"2"}, original, workload).passed


@pytest.mark.parametrize(
    ("args", "checks", "unseen"),
    [
        ("60000 100", ("1000 7", "333 2"), ("37500 100", "30000 100")),
        ("512 200", ("130 37", "200 80 55"), ("320 200", "256 200")),  # all sizes are even: so is this one
        ("1024 5", (), ("512 5",)),  # perhaps a power of two is asked for
        ("8 1", ("4 1",), ("12 1",)),
        ("file.bin 3", (), ()),
        ("", (), ()),
        ("1 1", (), ()),
        ("'60' 1", (), ()),  # what the shell makes of it is not ours to guess
    ],
)
def test_unseen_arguments_resemble_the_known_ones(
    args: str, checks: tuple[str, ...], unseen: tuple[str, ...]
) -> None:
    assert unseen_arguments(replace(WORKLOAD, args=args, check_args=checks)) == unseen


def test_an_argument_is_replaced_and_the_shell_keeps_the_rest() -> None:
    assert with_argument("64  10 > log.txt", 1, 20) == "64  20 > log.txt"
    assert whole_argument("64 10", 1) == 10
    assert whole_argument("64 -10", 1) is None
    assert whole_argument("64", 1) is None


def run_baseline(
    tmp_path: Path, body: str, workload: Workload = WORKLOAD, effort: Effort = EFFORT
) -> Reference:
    includes = "#include <cstdio>\n#include <cstdlib>\n#include <ctime>\n"
    text = f"{includes}int main(int argc, char **argv) {{ {body} }}"
    return asyncio.run(make_reference(built(tmp_path, text, workload), RUNNER, effort))


SHORT = replace(EFFORT, baseline_s=0.5)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("abort();", 'with arguments "60000 100" the baseline crashed (SIGABRT)'),
        ('puts("no input"); return 4;', "the baseline failed with exit code 4\n  no input"),
        ("for (volatile int i = 0;; i = i) { }", "ran past its time limit"),
        ('for (;;) puts("more");', "printed without end"),
        (
            'timespec t; timespec_get(&t, 1); printf("sum %ld\\n", t.tv_nsec);',
            "the baseline differs from run to run",
        ),
    ],
)
def test_a_baseline_that_cannot_be_compared_with_is_an_error_in_one_sentence(
    body: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(BaselineError, match=re.escape(words)):
        run_baseline(tmp_path, body, effort=SHORT)


def test_only_words_in_the_output_are_a_warning(tmp_path: Path) -> None:
    reference = run_baseline(tmp_path, 'puts("PASS");', replace(WORKLOAD, repeat_args=()))
    verdict = judge((tmp_path / "source", reference), {}, tmp_path)
    assert verdict.accepted
    assert [gate.name for gate in verdict.warnings] == ["vacuous"]
    assert "only words" in verdict.warnings[0].reason
    assert reason_of("scaling", verdict) == "not applicable: no repeat_args in the workload"


def test_a_tolerance_that_lets_zeros_pass_refuses_everything(tmp_path: Path) -> None:
    workload = replace(WORKLOAD, repeat_args=(), tolerance=Tolerance(absolute=1e-2))
    reference = run_baseline(tmp_path, 'puts("mean 0.0031\\nworst 0.0099");', workload)
    verdict = judge((tmp_path / "source", reference), {}, tmp_path)
    assert refused_by(verdict) == "vacuous"


def test_a_program_too_short_to_show_its_repeats_is_told_so(tmp_path: Path) -> None:
    reference = run_baseline(tmp_path, 'printf("sum %d\\n", argc);')
    verdict = judge((tmp_path / "source", reference), {}, tmp_path)
    assert verdict.accepted
    assert "not applicable: the baseline takes no measurably longer" in reason_of("scaling", verdict)
    assert "scaling" in [gate.name for gate in verdict.warnings]


WITH_FILES = Workload(build=WORKLOAD.build, run="./main", outputs=("c.bin", "c.txt"))
WRITES = """
#include <cstdio>
#include <unistd.h>
int main() {
    double value = 0.1 + 0.2;
    FILE *f = fopen("c.bin", "wb");
    fwrite(&value, sizeof value, 1, f);
    fclose(f);
    f = fopen("c.txt", "w");
    fprintf(f, "value %.17g\\n", value);
    fclose(f);
    puts("done");
}
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("0.1 + 0.2", "0.2 + 0.1", ""),
        ("%.17g", "   %.17g", ""),
        ("0.1 + 0.2", "0.3", "c.bin, 1 of 8 bytes differ, the first at byte 0"),
        ("%.17g", "%.3g", "c.txt, line 1: expected 0.30000000000000004, got 0.3"),
        ('fopen("c.bin", "wb")', 'fopen("/dev/null", "wb")', "left no c.bin that can be read"),
        ('puts("done");', 'unlink("c.txt"); symlink("main.cpp", "c.txt"); puts("done");', "regular file"),
    ],
)
def test_output_files_are_compared_too(tmp_path: Path, old: str, new: str, words: str) -> None:
    program = built(tmp_path, WRITES, WITH_FILES)
    # What an earlier run left in the user's folder must not stand in for what a candidate does not write.
    (tmp_path / "source" / "c.bin").write_bytes(b"\x34\x33\x33\x33\x33\x33\xd3\x3f")
    reference = asyncio.run(make_reference(program, RUNNER, EFFORT))
    files = {"main.cpp": WRITES.replace(old, new).encode()}
    verdict, _ = asyncio.run(
        check_candidate(
            reference, tmp_path / "source", files, original={"main.cpp": WRITES.encode()},
            runner=RUNNER, scratch=tmp_path / "candidate",
        )
    )  # fmt: skip
    if words:
        assert verdict.failed is not None
        assert words in verdict.failed.reason
    else:
        assert verdict.accepted, verdict.failed


SMALL = replace(WORKLOAD, args="500 3", check_args=(), repeat_args=())
TOML = b'[workload]\nbuild = "true"\nrun = "true"\n'
FOLDER = {"main.cpp": BASELINE.encode(), "Makefile": b"all:\n", "jouleline.toml": TOML}


def verify(tmp_path: Path, candidate: Mapping[str, bytes], workload: Workload = SMALL) -> Verdict:
    ours = write(tmp_path / "ours", FOLDER)
    theirs = tmp_path / "theirs"
    if not theirs.exists():
        write(theirs, candidate)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return asyncio.run(verify_folders(ours, theirs, workload, RUNNER, scratch, effort=EFFORT))


def test_folders_are_verified_with_the_baseline_s_workload(tmp_path: Path) -> None:
    # The program and its object files may lie there, and the workload file may be missing.
    candidate = {
        "main.cpp": changed(*HONEST["a reordered sum"])["main.cpp"],
        "main": b"\x7fELF",
        "main.o": b"",
    }
    verdict = verify(tmp_path, candidate)
    assert verdict.accepted, verdict.failed
    assert verdict.gates[0].reason == "only main.cpp changed, as permitted"
    document = verdict_json(verdict)
    assert (document["schema"], document["accepted"]) == ("jouleline/verify/1", True)
    assert [gate["name"] for gate in document["gates"]] == list(GATES)


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        ({**FOLDER, "Makefile": b"all: x\n"}, "Makefile"),
        ({**FOLDER, "jouleline.toml": TOML + b"[workload.tolerance]\nabsolute = 1e9\n"}, "jouleline.toml"),
        ({**FOLDER, "data.txt": b"1"}, "data.txt"),
        ({"notes.txt": b"1"}, "the candidate holds none of the sources"),
    ],
)
def test_a_folder_that_changes_more_than_sources_is_refused(
    tmp_path: Path, candidate: Mapping[str, bytes], words: str
) -> None:
    verdict = verify(tmp_path, candidate)
    assert refused_by(verdict) == "files"
    assert words in verdict.gates[0].reason


def test_a_link_in_a_candidate_is_not_followed(tmp_path: Path) -> None:
    theirs = write(tmp_path / "theirs", {})
    (theirs / "main.cpp").symlink_to("/etc/passwd")
    assert "symbolic link" in verify(tmp_path, {}).gates[0].reason


def test_a_baseline_that_does_not_build_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="the baseline does not build"):
        verify(tmp_path, FOLDER, replace(SMALL, build="false"))


def test_each_gate_is_announced_as_it_begins(tmp_path: Path) -> None:
    ours = write(tmp_path / "ours", FOLDER)
    said: list[str] = []
    asyncio.run(verify_folders(ours, ours, SMALL, RUNNER, tmp_path, effort=EFFORT, progress=said.append))
    assert said == ["files", "baseline", *GATES[1:]]


def test_kernels_that_cannot_run_prove_nothing(tmp_path: Path) -> None:
    kernels = (
        b'__attribute__((section(".hip_fatbin"), used)) static const char double_of_kernels[] = "kernels";'
    )
    program = {"main.cpp": b"// __global__ void k();\n" + kernels + b"\nint main() {}\n"}
    ours = write(tmp_path / "ours", program)
    missing = Finding("meter", "a test double of AMD SMI", Availability.MISSING, "no driver answers a test")
    with pytest.raises(BaselineError, match=r"need a GPU, .* \(no driver answers a test\)"):
        asyncio.run(verify_folders(ours, ours, SMALL, RUNNER, tmp_path, gpu=missing))


def test_no_gate_is_no_acceptance() -> None:
    assert not Verdict(()).accepted
