"""How a program is built and run: from its workload file, its Makefile, or its single file."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from jouleline.app.program import Program
from jouleline.app.workload import WorkloadError, changeable_files, find_workload, read_workload
from jouleline.core.makefile import defined_macros, run_arguments, run_command
from jouleline.core.ports import Availability, Finding
from jouleline.core.workload import Tolerance, Workload


class Compiler:
    name = "c++"
    suffixes = (".cpp",)

    def find(self) -> Finding:
        return Finding("compiler", self.name, Availability.READY, "1.0")

    def build_command(self, sources: Sequence[str], output: str) -> str:
        return f"c++ {' '.join(sources)} -o {output}"


def program(root: Path, files: dict[str, bytes], makefile: str = "") -> Program:
    return Program(root, files, (), makefile)


def read(folder: Path, text: str) -> Workload:
    path = folder / "jouleline.toml"
    path.write_text(text, encoding="utf-8")
    return read_workload(path)


def test_a_whole_file(tmp_path: Path) -> None:
    workload = read(
        tmp_path,
        """
        [workload]
        build = "make"
        run = "./main {args}"
        args = "512 'a b'"
        check_args = ["130 37"]
        size_args = [0]
        repeat_args = [1]
        files = ["main.cpp"]
        outputs = ["c.bin"]
        [workload.tolerance]
        relative = 1e-9
        [measure]
        windows = 3
        """,
    )
    assert workload == Workload(
        build="make",
        run="./main {args}",
        args="512 'a b'",
        check_args=("130 37",),
        size_args=(0,),
        repeat_args=(1,),
        files=("main.cpp",),
        outputs=("c.bin",),
        tolerance=Tolerance(relative=1e-9),
        origin=str(tmp_path / "jouleline.toml"),
    )
    assert workload.arguments == ("512", "a b")
    assert workload.run_command() == "./main 512 'a b'"
    assert workload.run_command("7") == "./main 7"


def test_all_but_build_and_run_may_be_left_out(tmp_path: Path) -> None:
    workload = read(tmp_path, '[workload]\nbuild = "make"\nrun = "./main"')
    assert workload.run_command() == "./main"
    assert workload.tolerance == Tolerance()


MINIMAL = '[workload]\nbuild = "b"\nrun = "r"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[workload", "is not valid TOML: Expected ']'"),
        ("", "has no [workload] table; it needs at least build and run"),
        ("workload = 3", "has no [workload] table; it needs at least build and run"),
        ("[work]\n", "unknown table [work]; known are workload, device, model, target, measure, sandbox"),
        ("[workload]\nrun = 'r'", "[workload] lacks 'build', a shell command"),
        ("[workload]\nbuild = 'b'", "[workload] lacks 'run', a shell command"),
        ("[workload]\nbuild = ['b']\nrun = 'r'", "'build' in [workload] must be a shell command"),
        (MINIMAL + "args = 512", "'args' in [workload] must be the arguments, as one string"),
        (
            MINIMAL + "arguments = ''",
            "unknown key 'arguments' in [workload]; known are args, build, check_args",
        ),
        (MINIMAL + "check_args = '1'", "'check_args' in [workload] must be a list of strings"),
        (MINIMAL + "size_args = ['0']", "'size_args' in [workload] must be a list of whole numbers"),
        (MINIMAL + "size_args = [true]", "'size_args' in [workload] must be a list of whole numbers"),
        (MINIMAL + "repeat_args = [-1]", "'repeat_args' counts arguments from 0"),
        (MINIMAL + "files = ['../x.cpp']", "'../x.cpp' lies outside the program's folder"),
        (MINIMAL + "outputs = ['/etc/passwd']", "'/etc/passwd' lies outside the program's folder"),
        (MINIMAL + "tolerance = 1e-9", "[workload.tolerance] holds relative and absolute, no more"),
        (MINIMAL + "tolerance = {ulp = 1}", "[workload.tolerance] holds relative and absolute, no more"),
        (MINIMAL + "tolerance = {relative = -1}", "relative in [workload.tolerance] must be a number >= 0"),
        (MINIMAL + "tolerance = {absolute = nan}", "absolute in [workload.tolerance] must be a number >= 0"),
        (MINIMAL + "tolerance = {absolute = true}", "absolute in [workload.tolerance] must be a number >= 0"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_with_the_file(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(WorkloadError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'jouleline.toml'}: {sentence}")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match="no such workload file"):
        read_workload(tmp_path / "none.toml")
    with pytest.raises(WorkloadError, match="cannot be read: Is a directory"):
        read_workload(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"\xe9")
    with pytest.raises(WorkloadError, match="is not UTF-8 text"):
        read_workload(tmp_path / "latin.toml")


MAKEFILE = """\
# A comment: run
CC = g++
SIZE := 512
ARGS = $(SIZE) 10   # measured

all: main

main: main.cpp
\t$(CC) -O3 main.cpp -o main

run: main
\t@echo starting
\t@srun ./main $(ARGS) \\
\t   --check

clean:
\trm -f main
"""


def test_a_makefile_with_a_run_target_is_a_workload(tmp_path: Path) -> None:
    workload = find_workload(program(tmp_path, {"main.cpp": b"", "note.h": b""}, MAKEFILE), [])
    assert workload.build == "make"
    assert workload.run == "srun ./main {args}"
    assert workload.args == "512 10 --check"
    assert workload.files == ("main.cpp", "note.h")
    assert workload.origin == "the run target of the Makefile"


@pytest.mark.parametrize(
    ("makefile", "command", "arguments"),
    [
        ("run:\n\t./a.out 1 2\n", "./a.out 1 2", ("1", "2")),
        (
            "run: main\n\tOMP_NUM_THREADS=4 ./main -n 'a b'\n",
            "OMP_NUM_THREADS=4 ./main -n 'a b'",
            ("-n", "a b"),
        ),
        (
            "MPI=/opt/mpi\nrun: main\n\t$(MPI)/bin/mpirun -n 1 ./main 64\n",
            "/opt/mpi/bin/mpirun -n 1 ./main 64",
            ("64",),
        ),
        ("P=main\nrun:\n\t./$(P) ${N}\n", "./main ", ()),
        ("A=$(B)\nB=$(A)\nrun:\n\t./main $(A)\n", "./main $(A)", ()),
        ("run: main\n\t./main 2000 > out.txt\n", "./main 2000 > out.txt", ("2000",)),
        ("run: main\n\t./main 2000 2>&1 | tee log\n", "./main 2000 2>&1 | tee log", ("2000",)),
        ("run: main\n\t./main 2000; echo $$?\n", "./main 2000; echo $$?", ("2000",)),
        (
            "run: main\n\tcd data && ./main 'a;b' 7 && echo ok\n",
            "cd data && ./main 'a;b' 7 && echo ok",
            ("a;b", "7"),
        ),
        ("run: main\n\t./main 2000 # quick\n", "./main 2000 # quick", ("2000",)),
        ("run:\n\tfor i in 1 2; do ./main $$i; done\n", "for i in 1 2; do ./main $$i; done", ()),
        ("run:\n\t./$(basename main.cu) $(words a b)0\n", "./$? $?0", ()),
        ('run:\n\t./main "$(shell nproc)" 8\n', './main "$?" 8', ()),
        ("run:\n\t./main 'unclosed\n", "./main 'unclosed", ("'unclosed",)),
        ("run := 3\nall:\n\t./main 1\n", None, ()),
        ("run:\n\techo nothing\n", None, ()),
        ("", None, ()),
    ],
)
def test_the_run_command_of_a_makefile(
    makefile: str, command: str | None, arguments: tuple[str, ...]
) -> None:
    assert run_command(makefile) == command
    assert run_arguments(command or "") == arguments


def test_what_a_run_target_does_besides_stays_around_other_arguments(tmp_path: Path) -> None:
    makefile = "all: main\nrun: main\n\tOMP_NUM_THREADS=4 ./main 2000 'a b' > out.txt 2>&1\n"
    workload = find_workload(program(tmp_path, {"main.cpp": b""}, makefile), [])
    assert workload.run_command("9") == "OMP_NUM_THREADS=4 ./main 9 > out.txt 2>&1"
    assert workload.arguments == ("2000", "a b")


@pytest.mark.parametrize(
    ("run", "args", "words"),
    [
        ("./main 77000", "", ("77000",)),
        ("./main -n {args} > out.txt", "64 5", ("-n", "64", "5")),
        ("python drive.py {args}", "64", ("64",)),
    ],
)
def test_a_program_has_the_arguments_of_its_run_line(run: str, args: str, words: tuple[str, ...]) -> None:
    assert Workload("make", run, args).arguments == words


def test_a_single_file_is_built_by_the_compiler_for_its_suffix(tmp_path: Path) -> None:
    workload = find_workload(
        program(tmp_path, {"main.cpp": b"int main() {}", "other.cpp": b"", "k.h": b""}), [Compiler()]
    )
    assert workload.build == "c++ main.cpp other.cpp -o main"
    assert workload.run == "./main {args}"
    assert workload.origin == "main.cpp, built by c++"


def test_the_workload_file_comes_before_the_makefile(tmp_path: Path) -> None:
    (tmp_path / "jouleline.toml").write_text(MINIMAL, encoding="utf-8")
    assert find_workload(program(tmp_path, {"main.cpp": b""}, MAKEFILE), []).build == "b"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a.cpp": b""}, "no jouleline.toml, no Makefile with a run target, and no main() in it"),
        ({"a.cpp": b"int main() {}", "b.cpp": b"int main(void) {}"}, "and 2 files with a main()"),
        ({"a.cu": b"int main() {}"}, "a.cu: no compiler is known for .cu files"),
    ],
)
def test_without_a_workload_one_is_asked_for(tmp_path: Path, files: dict[str, bytes], sentence: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        find_workload(program(tmp_path, files), [Compiler()])
    assert sentence in str(caught.value)
    assert "jouleline.toml" in str(caught.value)


def test_a_candidate_may_change_what_the_workload_names_or_the_programs_own_sources(tmp_path: Path) -> None:
    whole = Program(tmp_path, {"main.cpp": b"", "k.h": b"", "../other/k.h": b""})
    workload = Workload(build="b", run="r")
    assert changeable_files(whole, workload) == ("main.cpp", "k.h")
    named = Workload(build="b", run="r", files=("k.h", "gone.cpp"))
    assert changeable_files(whole, named) == ("k.h",)


@pytest.mark.parametrize(
    ("makefile", "macros"),
    [
        ("all:\n\tg++ -DSINGLE -DN=64 main.cpp\n", {"SINGLE": "1", "N": "64"}),
        (
            "CFLAGS := $(EXTRA_CFLAGS) -DA\nCFLAGS += -DB=2\nmain:\n\tg++ $(CFLAGS) main.cpp\n",
            {"A": "1", "B": "2"},
        ),
        (
            "DEBUG = no\nifeq ($(DEBUG),yes)\nCFLAGS += -DDEBUG\nelse\nCFLAGS += -DFAST\nendif\n",
            {"FAST": "1"},
        ),
        ("DEVICE = gpu\nifneq ($(DEVICE), gpu)\nCFLAGS = -DCPU\nendif\n", {}),
        ("SIZE ?= 8\nSIZE ?= 9\nmain:\n\tnvcc -DSIZE=$(SIZE) $< -o $@\n", {"SIZE": "8"}),
        ("CFLAGS = -fopenmp\n", {"_OPENMP": "201511"}),
        ("CFLAGS = -O3 -use_fast_math\n", {"__FAST_MATH__": "1"}),
        ("CFLAGS = -O3 #-ffast-math\nmain:\n\tg++ -O3 -fno-fast-math main.cpp\n", {}),
        ("ifeq (\nelse\nendif\nendif\n", {}),
        ("", {}),
    ],
)
def test_macros_of_the_build_are_read_from_the_makefile(makefile: str, macros: dict[str, str]) -> None:
    assert defined_macros(makefile) == macros
