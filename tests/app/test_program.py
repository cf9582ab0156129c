"""Which files make a program."""

from pathlib import Path

import pytest

from jouleline.app import program as module
from jouleline.app.program import ProgramError, read_program
from jouleline.core.syntax import MAX_SOURCE_BYTES


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_folder_is_one_program(tmp_path: Path) -> None:
    write(
        tmp_path, {"main.cu": "a", "src/k.cuh": "b", "notes.md": "c", "build/x.cpp": "d", "Makefile": "run:"}
    )
    program = read_program([tmp_path])
    assert program.files == {"main.cu": b"a", "src/k.cuh": b"b"}
    assert program.root == tmp_path
    assert program.makefile == "run:"
    assert program.problems == ()


def test_files_are_taken_together(tmp_path: Path) -> None:
    write(tmp_path, {"a/main.cpp": "a", "b/k.cpp": "b", "b/other.cpp": "c"})
    program = read_program([tmp_path / "a/main.cpp", tmp_path / "b/k.cpp", tmp_path / "a/main.cpp"])
    assert program.files == {"a/main.cpp": b"a", "b/k.cpp": b"b"}


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"kernel.txt": "a"})
    with pytest.raises(ProgramError, match=r"kernel\.txt: is no source file \(\.c, "):
        read_program([tmp_path / "kernel.txt"])


def test_headers_are_followed_beside_the_file_and_on_the_makefiles_paths(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "prog/main.cu": '#include "../shared/a.h"\n# include "deep/b.h"\n#include <vector>\n',
            "prog/Makefile": "main: main.cu\n\tnvcc -I../include -I $(CUDA)/include main.cu\n",
            "shared/a.h": '#include "c.h"\n#include "../prog/main.cu"\n',
            "shared/c.h": '#include "a.h"\n#include "gone.h"\n',
            "include/deep/b.h": "",
            "include/unused.h": "",
        },
    )
    program = read_program([tmp_path / "prog"])
    assert set(program.files) == {"main.cu", "../shared/a.h", "../shared/c.h", "../include/deep/b.h"}


@pytest.mark.parametrize(
    "makefile",
    [
        "source = ../k-cuda/main.cu ../k-cuda/gone.cu\nmain.o: ../k-cuda/main.cu\n",
        "inc = ../k-cuda\nsource = $(inc)/main.cu \\\n  ${inc}/gone.cu\n",
    ],
)
def test_sources_that_the_makefile_names_elsewhere_belong_to_the_program(
    tmp_path: Path, makefile: str
) -> None:
    write(
        tmp_path,
        {
            "k-hip/Makefile": makefile,
            "k-cuda/main.cu": '#include "k.h"\n',
            "k-cuda/k.h": "",
        },
    )
    assert set(read_program([tmp_path / "k-hip"]).files) == {"../k-cuda/main.cu", "../k-cuda/k.h"}


def test_sources_that_the_makefile_names_by_its_variables_are_found(tmp_path: Path) -> None:
    rules = """
inc = ../k-cuda
CFLAGS = -I$(inc)/include
main.o: $(inc)/main.cpp
	g++ $(CFLAGS) -c $<
"""
    write(
        tmp_path,
        {
            "k-omp/Makefile": rules,
            "k-omp/kernels.cpp": "",
            "k-cuda/main.cpp": '#include "sizes.h"\n',
            "k-cuda/include/sizes.h": "",
        },
    )
    files = set(read_program([tmp_path / "k-omp"]).files)
    assert files == {"kernels.cpp", "../k-cuda/main.cpp", "../k-cuda/include/sizes.h"}


MAIN = "int main() { return 0; }\n"


@pytest.mark.parametrize(
    ("rules", "files"),
    [
        ("source = main.cu\nobj = $(source:.cu=.o)\n", {"main.cu", "main.h", "test/help.cpp"}),
        ("main: main.o\n\tnvcc -o main main.o\n", {"main.cpp", "main.cu", "main.h", "test/help.cpp"}),
        ("main: other.o\n", {"main.cpp", "main.cu", "main.h", "test/help.cpp"}),
        ("source = $(wildcard *.c*)\nmain: main.cu\n", {"main.cpp", "main.cu", "main.h", "test/help.cpp"}),
        ("all: main other\n%: %.cu\nmain: main.cu\n", {"main.cpp", "main.cu", "main.h", "test/help.cpp"}),
    ],
    ids=["named", "by-its-object", "neither", "any", "rule"],
)
def test_a_version_beside_the_one_that_is_built_is_another_program(
    tmp_path: Path, rules: str, files: set[str]
) -> None:
    write(
        tmp_path,
        {
            "Makefile": rules,
            "main.cu": MAIN,
            "main.cpp": MAIN,
            "main.h": MAIN,
            "test/help.cpp": "void help();",
        },
    )
    program = read_program([tmp_path])
    assert set(program.files) == files
    left_out = {"main.cpp"} - files
    assert {problem.file for problem in program.problems} == left_out


def test_what_an_editor_has_open_stands_in_for_the_disk(tmp_path: Path) -> None:
    write(tmp_path, {"main.cu": "disk", "k.h": "disk"})
    overlay = {tmp_path / "main.cu": b'#include "k.h"', tmp_path / "k.h": b"open"}
    assert read_program([tmp_path], overlay).files == {"main.cu": b'#include "k.h"', "k.h": b"open"}
    assert read_program([tmp_path / "new.cu"], {tmp_path / "new.cu": b"x"}).files == {"new.cu": b"x"}


def test_files_that_cannot_be_read_become_problems(tmp_path: Path) -> None:
    write(tmp_path, {"main.cu": "a", "big.cpp": " " * (MAX_SOURCE_BYTES + 1)})
    (tmp_path / "broken.cpp").symlink_to("nowhere.cpp")
    program = read_program([tmp_path])
    assert set(program.files) == {"main.cu"}
    assert {(problem.file, problem.line, problem.message) for problem in program.problems} == {
        ("big.cpp", 1, "is 4.2 MB; sources up to 4.2 MB are read"),
        ("broken.cpp", 1, "cannot be read: No such file or directory"),
    }


def test_hidden_files_are_no_sources(tmp_path: Path) -> None:
    write(tmp_path, {"main.cu": "a", "._main.cu": "what a Mac left"})
    (tmp_path / ".#main.cu").symlink_to("somebody@somewhere.1:2")  # Emacs: it is being edited
    program = read_program([tmp_path])
    assert set(program.files) == {"main.cu"}
    assert program.problems == ()


def test_links_that_lead_in_circles_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"a/main.cu": "a"})
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a", target_is_directory=True)
    assert set(read_program([tmp_path]).files) == {"a/main.cu"}


def test_a_path_that_is_not_there_is_named() -> None:
    with pytest.raises(ProgramError, match=r"^/no/such/folder: no such file or folder$"):
        read_program([Path("/no/such/folder")])


def test_a_folder_without_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"no C\+\+ source here \(\.c, \.c\+\+"):
        read_program([write(tmp_path, {"readme.md": ""})])


def test_a_folder_of_many_programs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 3)
    write(tmp_path, {f"{name}/main.cu": "" for name in "abcd"})
    with pytest.raises(ProgramError, match="more than 3 source files; name the program's folder itself"):
        read_program([tmp_path])


def test_an_open_text_stands_in_for_a_source_that_the_makefile_names_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, {"a/Makefile": "main: ../b/main.cu\n", "b/main.cu": "saved"})
    program = read_program([tmp_path / "a"], {tmp_path / "b" / "main.cu": b"typed"})
    assert program.files == {"../b/main.cu": b"typed"}
