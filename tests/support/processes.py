"""Looking for a program's processes, without tools that a bare machine lacks."""

from pathlib import Path

# The kernel cuts a process's name to this length.
_NAME_LENGTH = 15


def running(program: str) -> bool:
    """Whether a process of that program is there."""
    assert len(program) <= _NAME_LENGTH, "the kernel would cut this name"
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() == program:
                return True
        except OSError:
            continue  # it has ended meanwhile
    return False
