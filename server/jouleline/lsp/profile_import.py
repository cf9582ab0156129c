"""A command that takes the counts of a profiler's files in place of estimates."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from jouleline import wiring
from jouleline.app.analyse import Analysis, KernelReport, split_run_line
from jouleline.app.program import Program
from jouleline.core.profile import ProfileError

from . import arguments
from .view import Place, View

if TYPE_CHECKING:
    from jouleline.app.profiles import ProfileEvidence

    from .server import Server

IMPORT_PROFILE: Final = "jouleline.importProfile"
_MOST_BYTES: Final = 256 * 2**20
_MOST_PROBLEMS: Final = 3
_USAGE: Final = (
    f'{IMPORT_PROFILE} takes one argument: {{"uri": "file:///...", "files": ["a profile\'s path"]}}'
)


def register(server: Server) -> None:
    """Add the command to a server."""

    @server.command(IMPORT_PROFILE)
    async def import_profile(params: types.ExecuteCommandParams) -> dict[str, Any]:
        uri, files = arguments.text(params, "uri", _USAGE), arguments.given(params).get("files")
        if not isinstance(files, Sequence) or isinstance(files, str) or not files:
            raise JsonRpcInvalidParams(_USAGE)
        from jouleline.app.profiles import brief

        try:
            evidence = await asyncio.to_thread(_read, [Path(str(file)) for file in files])
        except ProfileError as error:
            sentence = brief(str(error))
            if sentence != str(error):
                _log(server, str(error))
            raise JsonRpcInvalidParams(sentence) from None
        view = await server.session.view(uri)
        if view is None:
            raise JsonRpcInvalidParams(f"{uri} is not open as a source; open it first.")
        measured, problems = await _measured(view, evidence)
        # A compiler that runs would bring what it knows in place of what was measured.
        server.compilation.restart()
        server.diagnostics.restart()
        server.session.improve(view, measured)
        server.refresh()
        for problem in problems:
            _log(server, problem)
        return {
            "kernels": len(measured),
            "problems": problems,
            "message": _sentence(len(measured), [brief(problem) for problem in problems]),
        }


def _log(server: Server, problem: str) -> None:
    """Keep what a message may be too small for."""
    server.window_log_message(types.LogMessageParams(type=types.MessageType.Warning, message=problem))


def _sentence(kernels: int, problems: Sequence[str]) -> str:
    """What came of it, with the first of the problems."""
    more = len(problems) - _MOST_PROBLEMS
    said = [
        f"{'1 kernel has' if kernels == 1 else f'{kernels} kernels have'} measured counts now",
        *problems[:_MOST_PROBLEMS],
        *([f"and {more} more"] if more > 0 else []),
    ]
    return f"{'; '.join(said)}."


def _read(files: Sequence[Path]) -> ProfileEvidence:
    """The profile in a profiler's files.

    Raises:
        JsonRpcInvalidParams: if one cannot be read.
        ProfileError: if one is none.
    """
    from jouleline.app.profiles import decode_profile

    names = [path.name for path in files]
    if len(set(names)) < len(set(files)):
        names = [str(path) for path in files]
    try:
        texts = {
            name: decode_profile(name, _data(path, name)) for name, path in zip(names, files, strict=True)
        }
        return wiring.profile_evidence(texts, ", ".join(texts))
    except ProfileError:
        raise
    except OSError as error:
        raise JsonRpcInvalidParams(f"{error.filename}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # a path with a null character, a number of thousands of digits
        raise JsonRpcInvalidParams(f"{', '.join(map(str, files))}: cannot be read: {error}") from None


def _data(path: Path, name: str) -> bytes:
    """What is in a file that ends: a pipe would be waited for as long as the server lives."""
    if path.exists() and not path.is_file():
        raise ProfileError(f"{name}: is no file; a profile is a CSV file of ncu or rocprof")
    if path.exists() and path.stat().st_size > _MOST_BYTES:
        raise ProfileError(f"{name}: has more than {_MOST_BYTES // 2**20} MiB; profile fewer launches")
    return path.read_bytes()


async def _measured(
    view: View, evidence: ProfileEvidence
) -> tuple[Mapping[Place, tuple[KernelReport, ...]], Sequence[str]]:
    """The kernels of a program that a profile tells of, and in sentences what it does not tell."""
    from jouleline.app.profiles import sentences

    found: list[tuple[Place, KernelReport]] = []
    for place in view.everywhere():
        if not view.known(place):
            await asyncio.sleep(0)  # whatever else has arrived goes first
        found += [(place, report) for report in view.reports(place)]
    analysis = Analysis(view.device, split_run_line(view.arguments), tuple(report for _, report in found))
    files = {name: file.source.text.data for name, file in view.files.items()}
    refinement = evidence.refine(analysis, Program(view.root or Path(), files, makefile=view.makefile))
    better: dict[Place, tuple[KernelReport, ...]] = {}
    for place in {found[index][0] for index in refinement.reports}:
        better[place] = tuple(
            one
            for index, (at, report) in enumerate(found)
            if at == place
            for one in refinement.reports.get(index, (report,))
        )
    return better, sentences(refinement.problems)
