"""A double of NVIDIA's ncu for tests: it measures nothing, and writes what it was given to say.

It takes the options that the real one takes here, runs the program as that does, and ends as the
program ends. What it says lies in files beside it: ``log`` for its log file.
"""

import os
import pathlib
import subprocess
import sys

_FOLDER = pathlib.Path(__file__).parent
_WITH_VALUE = {"--page", "--print-units", "--target-processes", "--kernel-name-base", "--kernel-id",
               "--log-file", "--metrics", "--section"}  # fmt: skip


def main() -> int:
    """Do as ncu does, as far as anyone can without a GPU."""
    words = sys.argv[1:]
    if words == ["--version"]:
        print("NVIDIA (R) Nsight Compute Command Line Profiler (a double)\nVersion 2026.1.0.0 (build 1)")  # noqa: T201
        return 0
    options: dict[str, str] = {}
    while words and words[0].startswith("--"):
        option = words.pop(0)
        options[option] = words.pop(0) if option in _WITH_VALUE else ""
    assert "--csv" in options, options
    assert os.environ["LC_ALL"] == "C"
    assert options["--print-units"] == "base"
    code = subprocess.run(words, check=False).returncode
    pathlib.Path(options["--log-file"]).write_text((_FOLDER / "log").read_text())
    return code


sys.exit(main())
