"""Regenerate requirements/*.txt; run by `make lock`."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "requirements"

COMMON = [
    # A lock that names no host installs from whichever index the user trusts; the hashes hold it to account.
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--generate-hashes",
    "--universal",
    "--python-version",
    "3.11",
    "--no-config",
    "--quiet",
    # The header would otherwise repeat this machine's command line and paths.
    "--custom-compile-command",
    "make lock",
]


def compile_lock(name: str, *arguments: str, stdin: str | None = None) -> None:
    environment = {
        key: value
        for key, value in os.environ.items()
        # A machine's own index settings must not leak into what everybody installs.
        if not key.startswith(("UV_INDEX", "UV_EXTRA", "UV_FIND", "UV_DEFAULT_INDEX", "PIP_"))
    }
    lock = OUT / f"{name}.txt"
    before = (lock.read_bytes(), lock.stat()) if lock.exists() else None
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", *COMMON, "-o", f"requirements/{name}.txt", *arguments],
        cwd=ROOT,
        env=environment,
        input=stdin,
        text=True,
        check=True,
    )
    if before and before[0] == lock.read_bytes():
        # make goes by time: an unchanged lock must not cost everybody a new environment.
        os.utime(lock, ns=(before[1].st_atime_ns, before[1].st_mtime_ns))


def main() -> None:
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv[1:] else []
    OUT.mkdir(exist_ok=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    compile_lock("dev", *upgrade, "--group", "dev", "pyproject.toml")
    # Constrained by dev, so a user runs what the tests ran.
    compile_lock("runtime", *upgrade, "--constraint", "requirements/dev.txt", "pyproject.toml")
    # From the extra alone: the compiler lives in its own folder, apart from the package.
    compile_lock("cuda", *upgrade, "-", stdin="\n".join(project["optional-dependencies"]["cuda"]) + "\n")


if __name__ == "__main__":
    main()
