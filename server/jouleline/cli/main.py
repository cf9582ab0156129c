"""The command ``jouleline``: choose the verb, run it, turn errors into one sentence and a code."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from jouleline import __version__

from .exit_codes import Exit, UserError
from .standard_output import OutputError, watched_output
from .visible import visible

VERBS = {
    "serve": "run the language server for an editor",
    "bound": "tell what limits each kernel of a program",
    "whatif": "tell what would limit each kernel on other GPUs",
    "refactor": "find a verified candidate that uses less energy",
    "verify": "check that a candidate computes what its baseline does",
    "measure": "measure a program's energy, or two programs against each other",
    "study": "score bounds against a labelled corpus",
    "history": "list the runs of refactor that were kept",
    "show": "show one run of refactor: what it tried, measured and offered",
    "report": "write a program's bounds, or a run of refactor, as an HTML page",
    "devices": "list the devices that bounds are known for",
    "doctor": "show what is here (compilers, meters, sandbox) and how to get what is not",
}
"""Each verb is the module of that name: ``configure(parser)`` and ``run(options) -> int``."""

# Between two looks for garbage: a program's trees and counts are many objects, and few form cycles.
_MANY: Final = 100_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code of :class:`Exit`."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    options = _options(words)
    verb = _verb(options.verb)
    if options.verb != "serve":
        gc.freeze()  # what was imported stays
        gc.set_threshold(_MANY)
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        with watched_output():
            return int(verb.run(options))
    except UserError as error:
        sys.stderr.write(f"jouleline {options.verb}: {visible(str(error))}\n")
        return error.code
    except KeyboardInterrupt:
        sys.stderr.write(f"jouleline {options.verb}: stopped\n")
        return Exit.FAILED
    except OutputError as error:
        if error.code is not Exit.DONE:
            sys.stderr.write(f"jouleline {options.verb}: {error}\n")
        return error.code


def _interrupt(*_: object) -> None:
    """As Ctrl-C: what was started ends, and what was copied is removed."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A script put us into the background, where Ctrl-C is for others; this signal is for us.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)


class _Verb(Protocol):
    """What the module of a verb offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, options: argparse.Namespace) -> int: ...


def _verb(name: str) -> _Verb:
    """The module of a verb. Only the one that is called is imported: the others cost start-up time."""
    match name:
        case "serve":
            from . import serve

            return serve
        case "bound":
            from . import bound

            return bound
        case "whatif":
            from . import whatif

            return whatif
        case "refactor":
            from . import refactor

            return refactor
        case "verify":
            from . import verify

            return verify
        case "measure":
            from . import measure

            return measure
        case "study":
            from . import study

            return study
        case "history":
            from . import history

            return history
        case "show":
            from . import show

            return show
        case "report":
            from . import report

            return report
        case "devices":
            from . import devices

            return devices
        case _:
            from . import doctor

            return doctor


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="jouleline",
        description="Tell what limits each GPU kernel, and refactor programs to use less energy, with proof.",
    )
    parser.add_argument("--version", action="version", version=f"jouleline {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    called = next((word for word in words if not word.startswith("-")), None)
    for name, summary in VERBS.items():
        verb = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == called:
            _verb(name).configure(verb)
    options, unknown = parser.parse_known_args(words)
    if unknown:
        verbs.choices[options.verb].error(f"unrecognized arguments: {' '.join(unknown)}")
    return options
