"""Download the wheels that `tools/gpu-check` needs on a machine without network; run by `make gpu-wheels`.

That machine has Python 3.12. It is said to have numpy and nvidia-ml-py too; they are taken along since
scipy does not work with every numpy. Versions and hashes are those of the lock.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WHEELS = ROOT / "build" / "gpu-wheels"
PACKAGES = (
    "attrs",
    "cattrs",
    "diskcache",
    "markdown-it-py",
    "mdurl",
    "numpy",
    "nvidia-ml-py",
    "pygments",
    "rich",
    "scipy",
    "tree-sitter",
    "tree-sitter-cpp",
    "typing-extensions",
)
MOST_BYTES = 60 * 2**20
# The newest that a wheel may ask for; pip takes those that ask for less as well.
PLATFORMS = (
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
)


def locked(text: str) -> str:
    """The lock's lines for our packages on Python 3.12, with their hashes."""
    entries = re.findall(r"^\S+==.*(?:\n    --hash=.*)+", text, re.MULTILINE)
    # pip reads markers for the Python that it runs on, not for the one it downloads for.
    ours = [
        re.sub(r" ; [^\\\n]*", " ", entry)
        for entry in entries
        if entry.split("==")[0] in PACKAGES and "< '3.12'" not in entry
    ]
    return "\n".join(ours) + "\n"


def main() -> int:
    WHEELS.mkdir(parents=True, exist_ok=True)
    for old in WHEELS.glob("*.whl"):
        old.unlink()
    requirements = WHEELS / "requirements.txt"
    requirements.write_text(locked((ROOT / "requirements" / "runtime.txt").read_text("utf-8")), "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--no-deps", "--require-hashes", "--python-version", "3.12"]
    command += [word for name in PLATFORMS for word in ("--platform", name)]
    command += ["--dest", str(WHEELS), "--requirement", str(requirements)]
    if subprocess.run(command, check=False).returncode != 0:
        print("gpu-wheels: pip could not download them; see above", file=sys.stderr)
        return 1
    wheels = sorted(WHEELS.glob("*.whl"))
    size = sum(wheel.stat().st_size for wheel in wheels)
    print(f"{len(wheels)} wheels, {size / 2**20:.1f} MiB, in {WHEELS.relative_to(ROOT)}")
    if len(wheels) != len(PACKAGES) or size > MOST_BYTES:
        print(f"gpu-wheels: {len(PACKAGES)} wheels of at most 60 MiB were expected", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
