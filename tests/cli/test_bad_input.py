"""Whatever a user gets wrong is answered by one sentence and the right exit code, and costs nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from tests.cli.command import SAMPLES, Said, jouleline, snapshot
from tests.support.processes import running

SERIAL = """\
#include <cstdio>
int main(int argc, char **argv) {
    double sum = 0;
#pragma omp parallel for
    for (int i = 0; i < 1000; i++) {
#pragma omp atomic
        sum += i * 0.5;
    }
    printf("%.17g\\n", sum);
}
"""


def program(folder: Path, source: str, workload: str = "") -> Path:
    folder.mkdir()
    (folder / "main.cpp").write_text(source)
    if workload:
        (folder / "jouleline.toml").write_text(workload)
    return folder


def assert_one_sentence(said: Said, *words: str) -> None:
    assert "Traceback" not in said.err + said.out
    assert not said.out
    for word in words:
        assert word in said.err, said.err


@pytest.mark.parametrize(
    ("name", "data", "words", "code"),
    [
        ("notes.md", b"# Notes\n", "is no source file", 2),
        ("binary.cu", b"\x7fELF\0\0\1" * 100, "is a binary file, not C++ source", 1),
        ("line.cu", b"x" * 10_000_000, "is 10.0 MB; sources up to 4.2 MB are read", 1),
    ],
)
def test_what_is_no_source_is_named(tmp_path: Path, name: str, data: bytes, words: str, code: int) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    said = jouleline("bound", file, home=tmp_path)
    assert said.code == code
    assert words in said.err + said.out
    assert "Traceback" not in said.err


def test_text_in_another_encoding_is_read(tmp_path: Path) -> None:
    file = tmp_path / "latin.cu"
    file.write_bytes(b"// gr\xf6\xdfe\n__global__ void scale(float *x) { x[threadIdx.x] *= 2.0f; }\n")
    said = jouleline("bound", file, "--format", "json", home=tmp_path)
    assert said.code == 0
    assert [kernel["name"] for kernel in said.document["kernels"]] == ["scale"]


def test_unclosed_brackets_hide_only_what_they_hold(tmp_path: Path) -> None:
    file = tmp_path / "typing.cu"
    file.write_text(
        "__global__ void done(float *x) { x[threadIdx.x] *= 2.0f; }\n"
        "__global__ void typing(float *x, int n) { for (int i = 0; i < n; i++) { x[i"
    )
    said = jouleline("bound", file, "--format", "json", home=tmp_path)
    assert said.code == 0
    assert [kernel["name"] for kernel in said.document["kernels"]] == ["done", "typing"]


def test_a_file_that_cannot_be_read_is_a_problem_and_the_rest_is_judged(tmp_path: Path) -> None:
    folder = program(tmp_path / "p", SERIAL)
    (folder / "loop.cpp").symlink_to("loop.cpp")
    said = jouleline("bound", folder, "--format", "json", home=tmp_path)
    assert said.code == 0
    assert said.document["kernels"]
    assert said.document["problems"][0]["file"] == "loop.cpp"
    assert "cannot be read" in said.document["problems"][0]["message"]


AS_NOBODY = """\
import os, sys
from jouleline.cli.main import main
main(["bound", sys.argv[1]])  # everything is imported now, wherever Python lives
if os.geteuid() == 0:
    os.seteuid(65534)  # root reads every file
sys.exit(main(["bound", sys.argv[1]]))
"""


@pytest.fixture
def anybodys() -> Iterator[Path]:
    """A folder that all users come to, as they do not to pytest's."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("closed", ["main.cpp", "."])
def test_what_one_has_no_permission_for_is_named(anybodys: Path, closed: str) -> None:
    folder = program(anybodys / "p", SERIAL)
    (folder / closed).chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(folder / closed)], capture_output=True, text=True, check=False
    )
    folder.chmod(0o755)
    assert done.returncode in (1, 2)
    assert "cannot be read: Permission denied" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_permission_leaves_the_rest_of_a_program(anybodys: Path) -> None:
    folder = program(anybodys / "p", SERIAL)
    (folder / "more").mkdir(mode=0)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "more: cannot be read: Permission denied" in done.stdout
    assert "main.cpp:4" in done.stdout


WHEN_IMPORTED = """\
import runpy, signal, sys
class Impatient:
    def find_spec(self, name, *_):
        if name == "jouleline.cli.main":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Impatient())
runpy.run_module("jouleline", run_name="__main__")
"""


def test_a_command_can_be_stopped_before_it_is_there() -> None:
    done = subprocess.run([sys.executable, "-c", WHEN_IMPORTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "jouleline: stopped\n")


def test_an_unknown_option_is_answered_by_how_its_verb_is_used(tmp_path: Path) -> None:
    said = jouleline("refactor", tmp_path, "--no-such", home=tmp_path)
    assert said.code == 2
    assert_one_sentence(said, "usage: jouleline refactor ", "unrecognized arguments: --no-such")


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(("verb", "size"), [("devices", None), ("bound", 1), ("bound", 2000)])
def test_a_full_disk_is_named(tmp_path: Path, verb: str, size: int | None, form: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = written_to(full.fileno(), tmp_path, verb, size, form)
    assert done.returncode == 1
    assert done.stderr.decode() == f"jouleline {verb}: standard output: No space left on device\n"


@pytest.mark.parametrize("form", ["text", "json"])
def test_who_reads_no_further_has_seen_enough(tmp_path: Path, form: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = written_to(writing, tmp_path, "bound", 2000, form)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def written_to(
    output: int, folder: Path, verb: str, kernels: int | None, form: str
) -> subprocess.CompletedProcess[bytes]:
    """A verb whose output goes into that file; of a program with so many kernels."""
    words = [verb, "--format", form]
    if kernels is not None:
        text = (f"__global__ void k{one}(float *a) {{ a[threadIdx.x] *= 2; }}\n" for one in range(kernels))
        (folder / "main.cu").write_text("".join(text))
        words.append(str(folder / "main.cu"))
    return subprocess.run(
        [sys.executable, "-m", "jouleline", *words], stdout=output, stderr=subprocess.PIPE, check=False
    )


def test_an_unknown_gpu_is_answered_with_the_nearest_ones(tmp_path: Path) -> None:
    said = jouleline("bound", SAMPLES / "jacobi-cuda", "--gpu", "rtx-3081", home=tmp_path)
    assert said.code == 2
    assert_one_sentence(said, "rtx-3081", "rtx-3080", "jouleline devices")


@pytest.mark.parametrize("verb", ["bound", "refactor", "measure"])
def test_a_path_that_is_not_there_is_named(tmp_path: Path, verb: str) -> None:
    said = jouleline(verb, tmp_path / "nowhere", home=tmp_path)
    assert said.code == 2
    assert_one_sentence(said, "nowhere", "no such file or folder")


@pytest.mark.parametrize(
    ("workload", "words"),
    [
        ("[workload\n", "is not valid TOML"),
        ("[workload]\nrun = './main'\n", "lacks 'build'"),
        ("[workload]\nbuild = 3\nrun = './main'\n", "'build' in [workload] must be a shell command"),
        ("[workload]\nbuild = 'make'\nrun = './main'\nsize_arg = [0]\n", "unknown key 'size_arg'"),
        ("[workloads]\n", "unknown table [workloads]"),
    ],
)
def test_a_wrong_workload_file_is_explained(tmp_path: Path, workload: str, words: str) -> None:
    folder = program(tmp_path / "p", SERIAL, workload)
    said = jouleline("refactor", folder, home=tmp_path)
    assert said.code == 2
    assert_one_sentence(said, "jouleline.toml", words)


@pytest.mark.parametrize(
    ("source", "build", "words"),
    [
        ("int main() { return x; }\n", "g++ main.cpp -o main", "failed with exit code 1"),
        ("int main() {}\n", "no-such-compiler main.cpp", "failed with exit code 127"),
        ("int main() { __builtin_trap(); }\n", "g++ main.cpp -o main", "crashed"),
        ("int main() { return 3; }\n", "g++ main.cpp -o main", "exit code 3"),
        (
            '#include <cstdio>\nint main() { for (;;) puts("and on"); }\n',
            "g++ main.cpp -o main",
            "printed without end",
        ),
    ],
)
def test_a_baseline_that_does_not_work_is_explained(
    tmp_path: Path, source: str, build: str, words: str
) -> None:
    folder = program(tmp_path / "p", source, f"[workload]\nbuild = '{build}'\nrun = './main'\n")
    before = snapshot(folder)
    said = jouleline("refactor", folder, home=tmp_path)
    assert said.code == 1, said.err
    assert_one_sentence(said, "the baseline", words)
    assert snapshot(folder) == before


def test_a_folder_without_any_hint_how_to_build_is_explained(tmp_path: Path) -> None:
    folder = program(tmp_path / "p", "void helper() {}\n")
    said = jouleline("refactor", folder, home=tmp_path)
    assert said.code == 2
    assert_one_sentence(said, "jouleline.toml", "main()")


def test_words_in_square_brackets_are_shown_as_they_are(tmp_path: Path) -> None:
    folder = program(
        tmp_path / "p",
        "int main() { return 3; }\n",
        "[workload]\nbuild = 'echo [/bold]; g++ main.cpp -o main'\nrun = './main'\n",
    )
    said = jouleline("refactor", folder, home=tmp_path)
    assert said.code == 1
    assert_one_sentence(said, "echo [/bold]; g++", "exit code 3")


def test_records_that_cannot_be_kept_are_named_before_anything_runs(tmp_path: Path) -> None:
    folder = program(tmp_path / "p", SERIAL)
    said = jouleline("refactor", folder, home=tmp_path, XDG_STATE_HOME="/proc/nowhere")
    assert said.code == 1
    assert_one_sentence(said, "/proc/nowhere", "records cannot be kept here")
    assert "building" not in said.err


@pytest.mark.parametrize("seconds", ["-1", "0", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_refused(tmp_path: Path, seconds: str) -> None:
    said = jouleline("measure", SAMPLES / "triad-omp", "--seconds", seconds, home=tmp_path)
    assert said.code == 2
    assert_one_sentence(said, "--seconds")


def test_arguments_that_cannot_be_split_are_refused(tmp_path: Path) -> None:
    said = jouleline("bound", SAMPLES / "triad-omp", "--args", '"open', home=tmp_path)
    assert said.code == 2
    assert_one_sentence(said, "--args", "No closing quotation")


def test_an_empty_device_name_is_unknown(tmp_path: Path) -> None:
    said = jouleline("devices", "", home=tmp_path)
    assert said.code == 2
    assert_one_sentence(said, "jouleline devices")


IN_THE_BACKGROUND = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
"""How a script's ``&`` starts a program: with Ctrl-C ignored."""


@pytest.mark.parametrize(
    ("ending", "started"),
    [(signal.SIGINT, []), (signal.SIGTERM, []), (signal.SIGTERM, IN_THE_BACKGROUND)],
    ids=["ctrl-c", "term", "term in the background"],
)
def test_a_signal_ends_a_hanging_program_and_leaves_nothing(
    tmp_path: Path, ending: signal.Signals, started: list[str]
) -> None:
    name = f"jl_{uuid4().hex[:8]}"  # these tests run side by side
    folder = program(
        tmp_path / "p",
        "#include <unistd.h>\nint main() { for (;;) sleep(1000); }\n",
        f"[workload]\nbuild = 'g++ main.cpp -o {name}'\nrun = './{name}'\n",
    )
    before = snapshot(folder)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [*started, sys.executable, "-m", "jouleline", "refactor", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(tmp_path), "TMPDIR": str(scratch)},
    )
    deadline = time.monotonic() + 60
    while not running(name) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running(name)
    process.send_signal(ending)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" not in out + err
    assert not running(name)
    assert snapshot(folder) == before
    assert list(scratch.iterdir()) == []
