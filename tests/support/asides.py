"""The processes in which a server does what takes seconds."""

from pathlib import Path


def asides(server: int | None = None) -> list[str]:
    """Those that go on, of the server of a process id or of all."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if server in (None, parent) and b"jouleline.lsp.aside" in (folder / "cmdline").read_bytes():
                found.append(folder.name)
        except OSError:
            continue  # it has ended meanwhile
    return found
