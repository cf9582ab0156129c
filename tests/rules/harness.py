"""Run rules on text, and compiled programs before and after."""

import math
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

from jouleline.core.candidate import Rewrite
from jouleline.core.facts import gather
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import SourceText
from jouleline.core.syntax import ParsedSource, parse
from jouleline.rules import Rule
from tests.support.tools import require_tool

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())
SUFFIXES = frozenset((".cpp", ".cu", ".hip", ".h"))
TIMING = re.compile(r"\btime\b.*\((?:s|ms|us|ns)\)")
HOST = ("g++", "-std=c++17", "-O2", "-fopenmp", "-Wall", "-Wextra", "-Werror")


def program_of(files: Mapping[str, bytes]) -> tuple[dict[str, ParsedSource], ProgramFacts]:
    facts = {name: gather(parse(data)) for name, data in files.items()}
    return {name: item.source for name, item in facts.items()}, ProgramFacts(facts)


def found(rule: Rule, text: str | bytes) -> list[Rewrite]:
    data = text.encode() if isinstance(text, str) else text
    sources, program = program_of({"main.cpp": data})
    return rule.rewrites(sources["main.cpp"], program)


def applied(data: bytes, rewrites: list[Rewrite]) -> bytes:
    return SourceText(data).apply(edit for rewrite in rewrites for edit in rewrite.edits).data


def rewritten(rule: Rule, text: str) -> str:
    """The text after all rewrites of a rule; fails where there is none."""
    rewrites = found(rule, text)
    assert rewrites, "the rule does not apply"
    return applied(text.encode(), rewrites).decode()


def untouched(rule: Rule, text: str) -> None:
    rewrites = found(rule, text)
    assert not rewrites, applied(text.encode(), rewrites).decode()


def sample_files(name: str) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in sorted((SAMPLES / name).iterdir()) if path.suffix in SUFFIXES
    }


def rewrite_all(rule: Rule, files: Mapping[str, bytes]) -> dict[str, bytes]:
    sources, program = program_of(files)
    return {name: applied(files[name], rule.rewrites(source, program)) for name, source in sources.items()}


def rewritten_sample(rule: Rule, name: str) -> dict[str, bytes]:
    files = sample_files(name)
    changed = rewrite_all(rule, files)
    assert changed != files, f"{rule.name} does not apply to {name}"
    return changed


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def compiled(source: str, folder: Path, name: str = "main", *flags: str) -> Path:
    require_tool("g++")
    (folder / f"{name}.cpp").write_text(source, encoding="utf-8")
    result = run([*HOST, *flags, f"{name}.cpp", "-o", name], folder)
    assert result.returncode == 0, result.stderr + source
    return folder / name


def output(program: Path, *args: str, threads: int = 2) -> str:
    result = run([str(program), *args], program.parent, OMP_NUM_THREADS=str(threads))
    assert result.returncode == 0, result.stdout + result.stderr
    return "".join(line for line in result.stdout.splitlines(keepends=True) if not TIMING.search(line))


def same(got: str, wanted: str, relative: float = 0.0) -> bool:
    """Words are equal, or are numbers within the tolerance."""
    left, right = got.split(), wanted.split()
    return len(left) == len(right) and all(_same(a, b, relative) for a, b in zip(left, right, strict=True))


def _same(left: str, right: str, relative: float) -> bool:
    if left == right:
        return True
    try:
        return relative > 0 and math.isclose(float(left), float(right), rel_tol=relative)
    except ValueError:
        return False


def check_program(rule: Rule, text: str, folder: Path, *args: str, relative: float = 0.0) -> str:
    """Rewrite a whole program, run it before and after, and return its new text."""
    changed = rewritten(rule, text)
    before, after = compiled(text, folder, "before"), compiled(changed, folder, "after")
    for threads in (1, 2):
        assert same(output(after, *args, threads=threads), output(before, *args, threads=threads), relative)
    return changed


def check_sample(rule: Rule, name: str, folder: Path) -> None:
    """Rewrite a sample of the host, run its workload, and compare with what the original prints."""
    require_tool("g++")
    path = SAMPLES / name / "jouleline.toml"
    workload = tomllib.loads(path.read_text(encoding="utf-8"))["workload"]
    folders = [folder / "before", folder / "after"]
    for copy in folders:
        shutil.copytree(SAMPLES / name, copy)
    for file, data in rewritten_sample(rule, name).items():
        (folders[1] / file).write_bytes(data)
    for copy in folders:
        result = run(["sh", "-c", f"{workload['build']} -Wall -Wextra -Werror"], copy)
        assert result.returncode == 0, result.stderr
    for args in [*workload["check_args"], workload["args"]]:
        before, after = (output(copy / "main", *args.split()) for copy in folders)
        assert same(after, before, workload["tolerance"]["relative"]), (args, before, after)
        assert after.endswith("PASS\n")


def check_compiles(rule: Rule, name: str, folder: Path, compiler: str) -> None:
    """Rewrite a sample for a GPU and compile it, before and after."""
    require_tool(compiler)
    path = SAMPLES / name / "jouleline.toml"
    build = tomllib.loads(path.read_text(encoding="utf-8"))["workload"]["build"]
    files = sample_files(name)
    for label, version in (("before", files), ("after", rewritten_sample(rule, name))):
        (folder / label).mkdir()
        for file, data in version.items():
            (folder / label / file).write_bytes(data)
        result = run(["sh", "-c", build], folder / label, HIP_PLATFORM="amd")
        assert result.returncode == 0, result.stderr


def check_text_compiles(rule: Rule, text: str, folder: Path) -> str:
    """Rewrite a CUDA program, compile it before and after, and return its new text."""
    require_tool("nvcc")
    changed = rewritten(rule, text)
    for label, version in (("before", text), ("after", changed)):
        (folder / f"{label}.cu").write_text(version, encoding="utf-8")
        result = run(["nvcc", "-c", f"{label}.cu", "-o", f"{label}.o"], folder)
        assert result.returncode == 0, result.stderr + version
    return changed
