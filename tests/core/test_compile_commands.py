"""What make would run tells how each source is compiled."""

import re

from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.compile_commands import CompileCommand, chosen_options, compile_commands

DRY_RUN = """\
echo building
nvcc -std=c++17 -Xcompiler -Wall -arch=sm_60 -DN=100 -O3 -c main.cu -o main.o
make[1]: Entering directory '/srv/program/lib'
/opt/cuda/bin/nvcc -I ../include \\
    -c ./kernels.cu -o kernels.o
make[1]: Leaving directory '/srv/program/lib'
cd tools && g++ -O2 host.cpp -o host
nvcc main.o -o main
"""
SOURCES = ("main.cu", "lib/kernels.cu", "tools/host.cpp", "unused.cu")


def test_each_source_comes_with_its_options_and_its_folder() -> None:
    found = {each.source: each for each in compile_commands(DRY_RUN, "/srv/program", SOURCES)}
    assert set(found) == {"main.cu", "lib/kernels.cu", "tools/host.cpp"}
    assert "-DN=100" in found["main.cu"].options
    assert found["lib/kernels.cu"] == CompileCommand(
        "lib/kernels.cu", "lib", ("-I", "../include", "-c", "-o", "kernels.o")
    )
    assert found["tools/host.cpp"].folder == "tools"


def test_chosen_options_are_joined_and_seen_from_the_root() -> None:
    given_options = ("-I", "../include", "-D", "N=4", "-O2", "-DM", "-I/usr/include")
    wanted = re.compile("-[DI].+")
    assert chosen_options(given_options, wanted, "lib") == ("-Iinclude", "-DN=4", "-DM", "-I/usr/include")


@given(st.text())
def test_no_makefile_is_too_strange(text: str) -> None:
    compile_commands(text, "/srv", SOURCES)
