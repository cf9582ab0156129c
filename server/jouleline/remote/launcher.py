"""How an agent is started elsewhere: the one thing in which ssh and schedulers differ."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Final, Protocol

from jouleline.agent.wire import WANTED
from jouleline.core.target import Target

from .bundle import bundle

NO_FOLDER: Final = 73
"""The exit code where the agent's file could not be written (EX_CANTCREAT of sysexits)."""

_DEFAULT_FOLDER: Final = '"${XDG_CACHE_HOME:-$HOME/.cache}"/jouleline/remote'


class Launcher(Protocol):
    """Starts an agent that serves a session, and explains why it could not."""

    def command(self, session: str, lease_s: float, predecessor: str) -> Sequence[str]:
        """The command here, whose input and output are the agent's."""

    def explain(self, code: int, said: str) -> str:
        """One sentence for the command's exit code and what it said on standard error."""


def script(target: Target, arguments: Sequence[str], relay: Sequence[str] = ()) -> str:
    """The shell script there that starts the agent, after its file was sent if it is not there.

    ``relay`` are the words for a relay that runs the agent elsewhere still, such as in a scheduler's job.
    """
    packed = bundle()
    folder = _folder(target.folder)
    size = len(packed.data)
    # In one line, and no word that a shell of another kind could take amiss: it passes through the user's.
    send = f'echo; echo {WANTED}; head -c {size} >"$f.$$" && mv "$f.$$" "$f"'
    steps = [
        *(["module load " + " ".join(map(shlex.quote, target.modules))] if target.modules else []),
        *([target.setup] if target.setup else []),
        *([f"export CUDA_VISIBLE_DEVICES={shlex.quote(','.join(target.gpus))}"] if target.gpus else []),
        "m=$(umask)",
        "umask 077",
        f"d={folder}",
        f'f="$d"/{packed.name}',
        f'mkdir -p "$d" || exit {NO_FOLDER}',
        # What others may have put there is not run.
        f'test -O "$d" || {{ echo it is not yours >&2; exit {NO_FOLDER}; }}',
        f'test -O "$f" || {{ {send}; }} || {{ rm -f "$f.$$"; exit {NO_FOLDER}; }}',
    ]
    # Programs make files as they would without us.
    steps.append('umask "$m"')
    python = f'{shlex.quote(target.python)} "$f"'
    contained = f"apptainer exec --nv {shlex.quote(target.container)} " if target.container else ""
    relayed = f"{python} {' '.join(map(shlex.quote, relay))} " if relay else ""
    words = " ".join(map(shlex.quote, arguments))
    steps.append(f'exec {relayed}{contained}{python} "$d"/sessions {words}')
    return "; ".join(steps)


def shell(target: Target, text: str) -> str:
    """The words that run a script there; modules are known to a login shell only."""
    login = "bash -lc" if target.modules or target.setup else "sh -c"
    return f"exec {login} {shlex.quote(text)}"


def _folder(name: str) -> str:
    if not name:
        return _DEFAULT_FOLDER
    return f'"$HOME"/{shlex.quote(name[2:])}' if name.startswith("~/") else shlex.quote(name)
