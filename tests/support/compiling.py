"""Programs of a few lines and what real compilers make of them."""

from pathlib import Path

from jouleline.app.analyse import Analysis, analyse, parse_files
from jouleline.app.compiled import CompiledEvidence
from jouleline.app.evidence import Refinement, refined
from jouleline.app.program import Program, read_program
from jouleline.cache import DiskCache
from jouleline.core.counts import KernelCounts
from jouleline.core.kernel import Language
from jouleline.runners.local import LocalRunner
from jouleline.toolchains.sass import NvccListing, OpenMPListing
from jouleline.wiring import catalogue


def evidence(folder: Path, runner: object = None) -> CompiledEvidence:
    """Evidence that is kept in a folder."""
    compilers = {Language.CUDA: NvccListing(), Language.OPENMP: OpenMPListing()}
    return CompiledEvidence(compilers, runner or LocalRunner(), DiskCache(folder / "cache"))  # type: ignore[arg-type]


def program(folder: Path, **files: str) -> Program:
    """A program of ``files`` by name, in which an underscore stands for the dot."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return read_program([folder])


def analysed(of: Program, device: str = "rtx-3080") -> Analysis:
    """The program's kernels, run with 1000000."""
    parsed, _ = parse_files(of.files)
    return analyse(parsed, catalogue().get(device), ("1000000",))


def counts_of(
    found: tuple[Analysis, Refinement] | tuple[Analysis, Refinement, Path], name: str
) -> list[KernelCounts]:
    """The counts of the kernels of that name, in order."""
    better = refined(found[0], found[1])
    return [report.counts for report in better.kernels if report.kernel.name == name]
