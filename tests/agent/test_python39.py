"""The agent's file runs on Python 3.9 with nothing but its standard library, or says what is missing."""

import ast
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jouleline.remote.bundle import bundle, modules

# https://docs.python.org/3.9/py-modindex.html, as far as the agent goes.
STANDARD_39 = {
    "__future__", "abc", "ast", "asyncio", "bisect", "builtins", "collections", "contextlib", "ctypes",
    "dataclasses", "decimal", "difflib", "enum", "errno", "fcntl", "functools", "hashlib", "hmac",
    "importlib", "io", "itertools", "json", "math", "os", "pathlib", "platform", "random", "re", "resource",
    "secrets", "select", "shlex", "shutil", "signal", "socket", "stat", "statistics", "string", "struct",
    "subprocess", "sys", "tempfile", "threading", "time", "types", "typing", "zipfile",
}  # fmt: skip
# Asked for where they may be, and done without where they are not.
OPTIONAL = {"pynvml", "amdsmi"}
# What came after 3.9 under a name of its own, beside what agent/backport.py brings.
NEWER = {
    "asyncio": {"TaskGroup", "timeout", "Runner", "Barrier"},
    "typing": {"TypeAlias", "Self", "ParamSpec", "Never", "assert_never", "Required", "Concatenate"},
    "contextlib": {"aclosing", "chdir"},
    "datetime": {"UTC"},
    "types": {"NoneType", "UnionType"},
    "math": {"cbrt", "exp2"},
}  # fmt: skip


@pytest.fixture(scope="module")
def sources() -> dict[str, ast.Module]:
    with zipfile.ZipFile(io.BytesIO(bundle().data)) as packed:
        texts = {name: packed.read(name).decode() for name in packed.namelist()}
    return {name: ast.parse(text, name, feature_version=(3, 9)) for name, text in texts.items()}


def test_its_grammar_is_that_of_python_39(sources: dict[str, ast.Module]) -> None:
    assert {"__main__.py", "pynvml.py", "jouleline/agent/serve.py"} <= set(sources)
    matches = [
        name for name, tree in sources.items() if any(isinstance(one, ast.Match) for one in ast.walk(tree))
    ]
    assert not matches


def test_it_imports_the_standard_library_alone(sources: dict[str, ast.Module]) -> None:
    for name, tree in sources.items():
        for node in ast.walk(tree):
            found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found = [node.module]
            tops = {one.partition(".")[0] for one in found}
            assert tops <= STANDARD_39 | OPTIONAL | {"jouleline"}, name


def test_no_name_is_used_that_came_later(sources: dict[str, ast.Module]) -> None:
    for name, tree in sources.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                used = {alias.name for alias in node.names} & NEWER.get(node.module or "", set())
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used = {node.attr} & NEWER.get(node.value.id, set())
            else:
                continue
            assert not used, f"{name}:{node.lineno}"


def test_types_are_joined_in_annotations_only(sources: dict[str, ast.Module]) -> None:
    # `int | None` is a value from 3.10 on only; as an annotation it is never looked at.
    for name, tree in sources.items():
        annotations = {
            below for one in ast.walk(tree) for part in _annotations(one) for below in ast.walk(part)
        }
        for node in ast.walk(tree):
            joined = (
                isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and node not in annotations
            )
            if joined and isinstance(node, ast.BinOp):
                none = isinstance(node.right, ast.Constant) and node.right.value is None
                assert not none, f"{name}:{node.lineno}"
                assert ast.unparse(node.left) not in {"int", "str", "float", "bytes"}, f"{name}:{node.lineno}"


def _annotations(node: ast.AST) -> list[ast.expr]:
    found = [getattr(node, "annotation", None), getattr(node, "returns", None)]
    return [one for one in found if one is not None]


@pytest.mark.parametrize("script", ["supervisor", "confinement"])
def test_a_script_uses_nothing_that_only_the_agent_puts_in_its_place(
    sources: dict[str, ast.Module], script: str
) -> None:
    # It is started with a bare Python, which has no backport.
    tree = sources[f"jouleline/runners/{script}.py"]
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        options = {one.arg for one in call.keywords}
        assert not options & {"strict", "slots", "kw_only", "ignore_cleanup_errors"}, call.lineno
        assert ast.unparse(call.func) not in {"pairwise", "itertools.pairwise", "bisect_left"}, call.lineno
    assert "StrEnum" not in {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_what_is_started_by_its_path_is_in_it() -> None:
    assert {"jouleline.runners.supervisor", "jouleline.runners.confinement"} <= set(modules())


def test_the_same_jouleline_always_makes_the_same_file() -> None:
    bundle.cache_clear()
    first = bundle()
    bundle.cache_clear()
    assert bundle() == first
    assert len(first.data) < 400_000


@pytest.mark.parametrize(
    ("pretended", "said"),
    [
        ("sys.version_info = (3, 8, 18)", "needs Python 3.9 or newer there, and this is 3.8"),
        ("sys.platform = 'darwin'", "measures and confines on Linux only, and this is darwin"),
    ],
)
def test_what_is_missing_there_is_said(agent: Path, pretended: str, said: str) -> None:
    code = f"import runpy, sys; {pretended}; runpy.run_path({str(agent)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"jouleline: {said}\n")


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    path = tmp_path / bundle().name
    path.write_bytes(bundle().data)
    return path


# A double of Python 3.9: this Python without what came later and the agent puts in its place.
DOUBLE = """
import bisect, builtins, dataclasses, enum, itertools, sys, runpy
import asyncio, ctypes, inspect, json, pathlib, shutil, statistics, subprocess, tempfile, zipfile, platform
class TemporaryDirectory(tempfile.TemporaryDirectory):
    def __init__(self, suffix=None, prefix=None, dir=None):
        super().__init__(suffix, prefix, dir)
tempfile.TemporaryDirectory = TemporaryDirectory
del enum.StrEnum, itertools.pairwise
def refusing(function, *names):
    def call(*arguments, **options):
        if set(names) & set(options):
            raise TypeError(f"Python 3.9 knows no {names} of {function}")
        return function(*arguments, **options)
    return call
dataclasses.dataclass = refusing(dataclasses.dataclass, "slots", "kw_only")
bisect.bisect_left = refusing(bisect.bisect_left, "key")
builtins.zip = refusing(builtins.zip, "strict")
sys.version_info = (3, 9, 18, "final", 0)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_it_serves_where_python_lacks_what_came_later(agent: Path, tmp_path: Path) -> None:
    job = {"command": "true", "environment": {}, "limits": {}, "gpu": False, "builds": False}
    requests = [
        {"id": 1, "do": "hello", "sandboxes": [], "readable": []},
        {"id": 2, "do": "meter_open", "name": "cpu-time", "gpus": [], "accept_mig": False, "uses_gpu": False},
        {"id": 3, "do": "doctor"},
        {"id": 4, "do": "sync", "folder": "one", "entries": [], "gone": []},
        {"id": 5, "do": "run", "folder": "one", "job": job, "meter": None},
    ]
    with subprocess.Popen(
        [sys.executable, "-c", DOUBLE, str(agent), str(tmp_path / "sessions"), "abc", "60"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as served:  # fmt: skip
        assert served.stdin is not None
        assert served.stdout is not None
        answers = {}
        assert served.stdout.readline() == b"\n"
        assert served.stdout.readline() == b"jouleline-agent/1\n"
        for request in requests:
            served.stdin.write(json.dumps({**request, "bytes": 0}).encode() + b"\n")
            served.stdin.flush()
            answer = json.loads(served.stdout.readline())
            answers[answer["id"]] = answer
        served.stdin.close()
    assert served.returncode == 0
    assert answers[1]["runner"] == "local"
    assert answers[2]["info"]["origin"] == "modelled"
    assert {one["name"] for one in answers[3]["findings"]} >= {"python", "rapl", "bubblewrap"}
    assert answers[5]["completed"]["exit_code"] == 0
