"""The agent's file: our own modules and NVIDIA's binding packed into one that Python runs as it is.

What runs beside a program on another machine is thus the very code that measures and confines here.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_PACKAGE: Final = "jouleline"
_ROOT: Final = Path(__file__).resolve().parent.parent
_START: Final = "agent/start.py"
_ENTRY: Final = f"{_PACKAGE}.agent.serve"
# Started by their path, so that nothing imports them.
_SCRIPTS: Final = (
    *(f"{_PACKAGE}.agent.{name}" for name in ("backport", "batch", "callback", "relay")),
    f"{_PACKAGE}.runners.supervisor",
)
# Older than 1980 a zip cannot say; the same content must give the same file.
_WHEN: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The agent's file: its content and the digest that names it."""

    data: bytes
    digest: str

    @property
    def name(self) -> str:
        """What the file is called there."""
        return f"agent-{self.digest[:16]}.pyz"


@cache
def bundle() -> Bundle:
    """Pack the agent as this Jouleline has it; the same content always gives the same file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(_files().items()):
            archive.writestr(zipfile.ZipInfo(name, _WHEN), data, zipfile.ZIP_DEFLATED)
    data = packed.getvalue()
    return Bundle(data, hashlib.sha256(data).hexdigest())


def modules() -> dict[str, Path]:
    """Every module of ours in the bundle, with its file: all that the agent imports, directly or not."""
    found: dict[str, Path] = {}
    front = [_ENTRY, *_SCRIPTS]
    while front:
        module = front.pop()
        if module in found:
            continue
        found[module] = _file(module)
        front += _imported(module)
    return found


def _files() -> dict[str, bytes]:
    files = {"__main__.py": (_ROOT / _START).read_bytes()}
    for module, path in modules().items():
        files[f"{module.replace('.', '/')}.py"] = path.read_bytes()
    for name in list(files):
        # Ours import more than the agent has; all that an agent needs of a package is that it is one.
        for parent in Path(name).parents:
            if parent.name:
                files[f"{parent.as_posix()}/__init__.py"] = b""
    binding = importlib.util.find_spec("pynvml")
    if binding is not None and binding.origin is not None:
        files["pynvml.py"] = Path(binding.origin).read_bytes()
    return files


def _imported(module: str) -> Iterator[str]:
    tree = ast.parse(_file(module).read_bytes())
    unused = {
        below
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for below in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in unused:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = module.rsplit(".", node.level)[0] + "." if node.level else ""
            source = f"{base}{node.module}" if node.module else base.rstrip(".")
            names = [source, *(f"{source}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.startswith(f"{_PACKAGE}.") and _file(name).is_file())


def _file(module: str) -> Path:
    return _ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
