"""Write the few-shot examples that models are shown: the kernels of samples/, with their known counts.

Run it after a change to samples/ or to what a question holds: `python tools/few_shot_examples.py`.
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from jouleline.app.analyse import analyse, parse_files, split_run_line
from jouleline.app.program import read_program
from jouleline.app.question import Question, question_of
from jouleline.app.workload import WORKLOAD_FILE, read_workload
from jouleline.core.programfacts import ProgramFacts
from jouleline.wiring import catalogue

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
EXAMPLES = ROOT / "server" / "jouleline" / "app" / "prompts" / "examples.toml"
HEADER = "# Written by tools/few_shot_examples.py from samples/; counts are of one launch.\n"


def question(sample: str, line: int) -> Question:
    """The question about the kernel of a sample that begins at a line."""
    program = read_program([SAMPLES / sample])
    workload = SAMPLES / sample / WORKLOAD_FILE
    arguments = read_workload(workload).args if workload.exists() else ""
    parsed, _ = parse_files(program.files)
    analysis = analyse(parsed, catalogue().get("rtx-3080-paper"), split_run_line(arguments))
    facts = ProgramFacts({name: file.facts for name, file in parsed.items()})
    report = next(one for one in analysis.kernels if one.kernel.line == line)
    return question_of(report, analysis, facts, sample)


def entries() -> Iterator[str]:
    """One TOML table for each known kernel."""
    for kernel in tomllib.loads((SAMPLES / "known.toml").read_text("utf-8"))["kernel"]:
        asked = question(kernel["sample"], kernel["line"])
        if "'''" in asked.source:
            raise SystemExit(f"{kernel['sample']}: its source holds ''', which ends a TOML string")
        lines = ["[[example]]", f'program = "{asked.program}"', f"kernel = '{asked.kernel}'"]
        lines += [f'language = "{asked.language}"', f"arguments = '{asked.arguments}'"]
        lines += [f"launch = '{asked.launch}'"]
        lines += [f"{key} = {kernel[key]!r}" for key in ("sp", "dp", "int", "dram_bytes")]
        lines += [f"source = '''\n{asked.source}'''"]
        yield "\n".join(lines) + "\n"


def text() -> str:
    """The whole file."""
    return HEADER + "\n" + "\n".join(entries())


if __name__ == "__main__":
    EXAMPLES.write_text(text(), "utf-8")
    sys.stdout.write(f"{EXAMPLES.relative_to(ROOT)} written\n")
