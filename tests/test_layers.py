"""lsp, cli -> app -> core; edges implement core's ports; wiring alone knows both sides."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = "jouleline"
SOURCE = Path(__file__).resolve().parent.parent / "server" / PACKAGE

EDGES = ("meters", "runners", "toolchains", "profilers", "models", "sandboxes")

# What each layer may import of the package, beside itself. A new top-level module has to be entered here,
# which is the moment to ask where it belongs.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "core": (),
    "devices": ("core",),
    "languages": ("core", "rules.base"),
    "rules": ("core", "languages.base"),
    "config": ("core",),
    "cache": ("core",),
    # The app works with any rule; which rules there are, only wiring says.
    "app": ("core", "config", "languages", "rules.base"),
    "lsp": ("app", "core", "config", "wiring"),
    "cli": ("app", "core", "config", "wiring"),
    # `jouleline serve` is a verb that starts the server: wiring may know lsp, so that cli need not.
    "wiring": (
        *("app", "cache", "config", "core", "devices", "fleet", "languages", "lsp", "remote", "rules"),
        *EDGES,
    ),
    "__init__": (),
    "__main__": ("cli",),
    # The agent is a wiring of its own, for another machine; the near end speaks its language.
    "agent": ("core", "devices", "meters", "runners"),
    "remote": ("core", "agent"),
    "fleet": ("core",),
    **dict.fromkeys(EDGES, ("core",)),
}

# The one home of each library that would otherwise spread.
HOMES: dict[str, tuple[str, ...]] = {
    "lsprotocol": ("lsp",),
    "pygls": ("lsp",),
    "rich": ("cli",),
    "openai": ("models",),
    "matplotlib": ("app",),
    "pynvml": ("meters",),
    "amdsmi": ("meters",),
    "diskcache": ("cache",),
    "parsl": ("fleet",),
}

# Too slow for the start of a server; imported inside the function that needs them.
HEAVY = ("diskcache", "matplotlib", "numpy", "openai", "parsl", "scipy")

PURE_LIBRARIES = {"numpy", "scipy", "tree_sitter", "tree_sitter_cpp"}
# Named, not excluded: a standard module is impure until somebody has looked.
PURE_STANDARD = {
    "__future__", "abc", "ast", "base64", "bisect", "cmath", "collections", "contextlib", "copy",
    "dataclasses", "decimal", "difflib", "enum", "fractions", "functools", "graphlib", "hashlib", "heapq",
    "itertools", "json", "keyword", "math", "numbers", "operator", "pathlib", "posixpath", "random", "re",
    "shlex", "zlib", "statistics", "string", "struct", "textwrap", "tomllib", "types", "typing",
    "unicodedata", "uuid",
}  # fmt: skip
# pathlib names files in core; opening them is an edge's work.
PATH_IO = {
    "absolute", "cwd", "exists", "expanduser", "glob", "home", "is_dir", "is_file", "is_symlink", "iterdir",
    "lstat", "mkdir", "open", "read_bytes", "read_text", "rglob", "rmdir", "samefile", "stat", "touch",
    "unlink", "write_bytes", "write_text",
}  # fmt: skip
IMPURE_BUILTINS = {"__import__", "breakpoint", "compile", "eval", "exec", "input", "open", "print"}


@dataclass(frozen=True)
class Import:
    target: str
    line: int
    at_start: bool
    """Runs when the module is imported: not in a function, not for type checkers only."""


def imports(tree: ast.Module, module: str, *, is_package: bool) -> Iterator[Import]:
    package = module if is_package else module.rpartition(".")[0]

    def walk(node: ast.AST, *, at_start: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, child.lineno, at_start)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    parents = package.split(".")[: len(package.split(".")) - child.level + 1]
                    base = ".".join([*parents, base] if base else parents)
                # `from package import submodule` names the submodule, so both spellings are one.
                for alias in child.names:
                    yield Import(f"{base}.{alias.name}", child.lineno, at_start)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                yield from walk(child, at_start=False)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                for inner in child.body:
                    yield from walk(ast.Module([inner], []), at_start=False)
                for inner in child.orelse:
                    yield from walk(ast.Module([inner], []), at_start=at_start)
            else:
                yield from walk(child, at_start=at_start)

    yield from walk(tree, at_start=True)


def under(target: str, prefix: str) -> bool:
    return target == prefix or target.startswith(prefix + ".")


def import_violations(layer: str, found: Import) -> Iterator[str]:
    root = found.target.split(".")[0]
    if root == PACKAGE:
        inner = found.target.removeprefix(PACKAGE).removeprefix(".")
        # `from jouleline import __version__` belongs to everybody.
        if inner in ("", "__version__"):
            return
        if not any(under(inner, allowed) for allowed in (layer, *MAY_IMPORT[layer])):
            yield f"{layer} may not import {found.target}"
        return
    if root in HOMES and layer not in HOMES[root]:
        yield f"only {', '.join(HOMES[root])} may import {root}"
    if root in HEAVY and found.at_start:
        yield f"{root} is heavy: import it inside the function that needs it"
    if layer == "core" and root not in PURE_LIBRARIES | PURE_STANDARD | HOMES.keys():
        yield f"core is pure and may not import {root}"
    # A module named by a string would pass every check above.
    if under(found.target, "importlib.import_module") and layer != "wiring":
        yield "only wiring imports by name"


def call_violations(layer: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = ast.unparse(function)
        if name in ("importlib.import_module", "__import__") and layer != "wiring":
            yield node.lineno, "only wiring imports by name"
        if layer != "core":
            continue
        if isinstance(function, ast.Name) and function.id in IMPURE_BUILTINS:
            yield node.lineno, f"core is pure and may not call {function.id}()"
        if isinstance(function, ast.Attribute) and function.attr in PATH_IO:
            yield node.lineno, f"core is pure and may not call .{function.attr}()"


def violations(source: Path) -> list[str]:
    found: list[str] = []
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        layer = parts[0]
        where = path.relative_to(source.parent)
        if layer not in MAY_IMPORT:
            found.append(
                f"{where}: no layer is called {layer}; enter it in MAY_IMPORT with what it may import"
            )
            continue
        tree = ast.parse(path.read_bytes(), filename=str(path))
        is_package = parts[-1] == "__init__"
        module = ".".join((PACKAGE, *(parts[:-1] if is_package else parts)))
        found += [
            f"{where}:{item.line}: {sentence}"
            for item in imports(tree, module, is_package=is_package)
            for sentence in import_violations(layer, item)
        ]
        found += [f"{where}:{line}: {sentence}" for line, sentence in call_violations(layer, tree)]
    return found


def test_dependencies_point_one_way() -> None:
    assert violations(SOURCE) == []


@pytest.mark.parametrize(
    ("module", "text", "expected"),
    [
        ("core/source.py", "import asyncio", "core is pure and may not import asyncio"),
        ("core/source.py", "from os import path", "core is pure and may not import os"),
        ("core/source.py", "import subprocess as s", "core is pure and may not import subprocess"),
        ("core/source.py", "def f():\n    import socket", "core is pure and may not import socket"),
        ("core/source.py", "open('x')", "core is pure and may not call open()"),
        ("core/source.py", "def f(path):\n    return path.read_text()", "may not call .read_text()"),
        ("core/source.py", "from lsprotocol import types", "only lsp may import lsprotocol"),
        ("core/source.py", "from jouleline import app", "core may not import jouleline.app"),
        ("core/source.py", "from .. import app", "core may not import jouleline.app"),
        ("core/__init__.py", "from ..config import Schema", "core may not import jouleline.config.Schema"),
        ("core/a/b.py", "from ...meters.nvml import Nvml", "core may not import jouleline.meters.nvml.Nvml"),
        ("core/energy.py", "from scipy import stats", "scipy is heavy"),
        ("rules/tile.py", "import jouleline.app.refactor", "rules may not import jouleline.app.refactor"),
        ("rules/tile.py", "from jouleline.languages import cuda", "may not import jouleline.languages.cuda"),
        ("languages/hip.py", "from jouleline.rules.tile import Tile", "may not import jouleline.rules.tile"),
        ("meters/nvml.py", "from jouleline.app import refactor", "meters may not import jouleline.app"),
        ("meters/nvml.py", "from jouleline.runners import local", "may not import jouleline.runners"),
        ("app/refactor.py", "from jouleline.meters import nvml", "app may not import jouleline.meters"),
        ("app/refactor.py", "from jouleline.wiring import wire", "app may not import jouleline.wiring"),
        ("app/refactor.py", "import rich.table", "only cli may import rich"),
        (
            "app/refactor.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from jouleline.lsp import server",
            "app may not import jouleline.lsp.server",
        ),
        (
            "app/refactor.py",
            "import importlib\nimportlib.import_module('jouleline.meters.nvml')",
            "only wiring imports by name",
        ),
        ("app/refactor.py", "from importlib import import_module", "only wiring imports by name"),
        ("lsp/hover.py", "from jouleline.cli import main", "lsp may not import jouleline.cli"),
        ("lsp/hover.py", "import openai", "only models may import openai"),
        ("cli/serve.py", "from jouleline.lsp.server import serve", "cli may not import jouleline.lsp"),
        ("cli/measure.py", "from jouleline.meters.rapl import Rapl", "may not import jouleline.meters"),
        ("utils.py", "", "no layer is called utils"),
    ],
)
def test_a_violation_is_found(tmp_path: Path, module: str, text: str, expected: str) -> None:
    path = tmp_path / PACKAGE / module
    path.parent.mkdir(parents=True)
    path.write_text(text + "\n", encoding="utf-8")
    found = violations(tmp_path / PACKAGE)
    assert any(expected in sentence for sentence in found), found


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("core/source.py", "import math\nfrom tree_sitter import Tree\nfrom .edits import Edit"),
        ("core/energy.py", "def quantile():\n    from scipy import stats"),
        ("core/ports.py", "from pathlib import Path\ndef run(folder: Path) -> None: ..."),
        ("rules/tile.py", "from jouleline.core.kernel import Kernel\nfrom .base import Rule"),
        ("app/refactor.py", "import asyncio\nfrom jouleline.core.ports import Meter"),
        ("lsp/hover.py", "from lsprotocol import types\nfrom jouleline.wiring import wire"),
        ("cli/bound.py", "import rich\nfrom jouleline.app.analyse import analyse"),
        ("wiring/measuring.py", "def meter():\n    from jouleline.meters.nvml import Nvml"),
        ("meters/nvml.py", "import pynvml\nfrom jouleline import __version__"),
    ],
)
def test_what_the_layers_are_for_is_allowed(tmp_path: Path, module: str, text: str) -> None:
    path = tmp_path / PACKAGE / module
    path.parent.mkdir(parents=True)
    path.write_text(text + "\n", encoding="utf-8")
    assert violations(tmp_path / PACKAGE) == []


@pytest.mark.parametrize("module", ["jouleline.lsp.server", "jouleline.cli.main"])
def test_the_server_starts_without_heavy_libraries(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    loaded = {name.split(".")[0] for name in result.stdout.split()}
    assert loaded & {*HEAVY, "rich", "pynvml", "amdsmi"} == set()
    assert [name for name in result.stdout.split() if name.startswith("jouleline.meters.")] == []
