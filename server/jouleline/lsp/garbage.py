"""Garbage is collected while nobody waits: to look through a program's trees takes many keystrokes' time."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .session import Session

_QUIET_S: Final = 1.0
_FEW: Final = 2_000
# Of what was made since the last collection; a minute of typing makes less that is not freed by itself.
_MOST: Final = 500_000


async def collect_when_quiet(session: Session) -> None:
    """Collect garbage when no text has changed for a while, and in between only if there is much of it."""
    gc.collect()
    gc.freeze()  # what the libraries made stays
    gc.disable()
    try:
        while True:
            changes = session.changes
            await asyncio.sleep(_QUIET_S)
            made = gc.get_count()[0]
            if made > (_FEW if session.changes == changes else _MOST):
                gc.collect()
    finally:
        gc.enable()
