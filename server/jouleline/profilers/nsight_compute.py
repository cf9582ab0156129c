"""NVIDIA Nsight Compute: the command that counts what a roofline needs, and its CSV.

Metric names and meanings: NVIDIA, "Nsight Compute Kernel Profiling Guide" (metrics structure and
reference) and the section files that come with the tool: what its own roofline charts add up is
added up here. Options: NVIDIA, "Nsight Compute CLI" user guide.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from jouleline.core.counts import Operation
from jouleline.core.ports import Availability, Finding
from jouleline.core.profile import KernelProfile, LaunchRecord, ProfileError
from jouleline.profilers.nsight_csv import read_launches, starts_table

_SASS: Final = "smsp__sass_thread_inst_executed_op_{}_pred_on.sum"
# Thread-level instructions whose predicate was true, with the operations of each; FMA is two.
_NEEDED: Final[Mapping[Operation, Mapping[str, int]]] = {
    Operation.SP: {"fadd": 1, "fmul": 1, "ffma": 2},
    Operation.DP: {"dadd": 1, "dmul": 1, "dfma": 2},
    Operation.INT: {"integer": 1},
}
# Half instructions work on a pair of numbers; so weighs Nsight Compute's own half-precision roofline.
_HALF: Final[Mapping[str, int]] = {"hadd": 2, "hmul": 2, "hfma": 4}
_TENSOR = re.compile(r"(sm__ops_path_tensor_src_\w+)\.sum(\.per_cycle_elapsed)?")
_TENSOR_DOUBLE: Final = "_src_fp64"
# One HMMA of Volta and Turing is 512 operations: derived__smsp__inst_executed_pipe_tensor_x512.
_TENSOR_OPERATIONS: Final = 512
_TENSOR_SECTION: Final = "SpeedOfLight_HierarchicalTensorRooflineChart"
_TIME: Final = "gpu__time_duration.sum"
_OTHERS: Final = (
    "dram__bytes_read.sum",
    "dram__bytes_write.sum",
    _TIME,
    "launch__registers_per_thread",
    "sm__warps_active.avg.pct_of_peak_sustained_active",
)
METRICS: Final = (
    *(_SASS.format(name) for weights in _NEEDED.values() for name in weights),
    *(_SASS.format(name) for name in _HALF),
    *_OTHERS,
)
"""What is asked of ``ncu``: names that do not vary between GPUs, which those of tensor units do."""

_GUIDE: Final = "https://developer.nvidia.com/ERR_NVGPUCTRPERM"
PERMISSION: Final = (
    "let every user read them with the line `options nvidia NVreg_RestrictProfilingToAdminUsers=0` in "
    "/etc/modprobe.d/nvidia-profiling.conf, `sudo update-initramfs -u` and a restart, or run this as root "
    f"(in a container: with --cap-add=SYS_ADMIN); see {_GUIDE}"
)
_REFUSALS: Final[Mapping[str, str]] = {
    r"ERR_NVGPUCTRPERM|does not have permission to access NVIDIA GPU Performance Counters": (
        "NVIDIA's driver lets only administrators read GPU performance counters (ERR_NVGPUCTRPERM): "
        + PERMISSION
    ),
    r"driver resource was unavailable|resources are in use": (
        "another tool holds the GPU's performance counters: stop it (for DCGM: `dcgmi profile --pause`) and "
        "try again"
    ),
    r"[Pp]rofiling is not supported on (?:this )?device": (
        "ncu cannot profile this GPU: `ncu --list-chips` lists those it supports (from Volta on)"
    ),
    r"no CUDA-capable device|[Nn]o supported (?:device|GPU)|==ERROR==.*(?:libcuda|driver version)": (
        "no NVIDIA GPU with a working driver is here: look at what `nvidia-smi` says"
    ),
    r"Failed to find metric|unrecogni[sz]ed option|Unknown (?:metric|section)": (
        "this ncu lacks an option or a metric that is needed: install a current Nsight Compute"
    ),
}
_REMEDY: Final = "install Nsight Compute: it comes with the CUDA toolkit, or from developer.nvidia.com"
_PATIENCE_S: Final = 10.0
_CAP_SYS_ADMIN: Final = 21


class NsightCompute:
    """``ncu``, reading the output of ``ncu --csv`` on its pages ``raw`` and ``details``.

    ``system`` is the root of the file system in which the driver is looked for.
    """

    def __init__(self, system: Path = Path("/")) -> None:
        """Nothing is tried here; see :meth:`find`."""
        self._system = system

    @property
    def name(self) -> str:
        """``ncu``."""
        return "ncu"

    def find(self) -> Finding:
        """Whether ``ncu`` is here, whether there is a GPU, and whether its counters may be read."""
        program = _program()
        if program is None:
            return _finding(Availability.MISSING, "not on the PATH", _REMEDY)
        version = _version(program)
        if version is None:
            return _finding(Availability.MISSING, f"{program} does not answer `--version`", _REMEDY)
        said = f"{program} {version}"
        devices = self._system / "dev"
        if not any((devices / node).exists() for node in ("nvidiactl", "dxg", "nvhost-gpu")):
            return _finding(
                Availability.LIMITED, f"{said}; no NVIDIA GPU answers here", "look at what `nvidia-smi` says"
            )
        if self._is_refused():
            return _finding(
                Availability.LIMITED,
                f"{said}; only administrators may read the GPU's counters here",
                PERMISSION,
            )
        return _finding(Availability.READY, f"{said}; it may read operations, DRAM bytes and time")

    def _is_refused(self) -> bool:
        try:
            parameters = (self._system / "proc/driver/nvidia/params").read_text()
            status = (self._system / "proc/self/status").read_text()
        except OSError:
            return False  # only a trial tells
        capabilities = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
        privileged = capabilities is not None and int(capabilities[1], 16) >> _CAP_SYS_ADMIN & 1
        return "RmProfilingAdminOnly: 1" in parameters and not privileged

    def command(self, run: str, folder: str, *, tensor: bool = False) -> str:
        """The shell command that runs ``run`` and writes a CSV into ``folder``.

        Only the first two launches of each kernel (each instantiation apart) are measured: each costs
        several replays. ``tensor`` also asks for the operations of tensor units, by the name they have
        on the GPU that is there.
        """
        program = shlex.quote(_program() or "ncu")
        section = f" --section {_TENSOR_SECTION}" if tensor else ""
        return (
            f"mkdir -p {shlex.quote(folder)} && {program} --csv --page raw --print-units base "
            f"--target-processes all --kernel-name-base demangled --kernel-id ':::1|2' "
            f"--log-file {shlex.quote(folder + '/profile.csv')} --metrics {','.join(METRICS)}{section} "
            f"sh -c {shlex.quote(run)}"
        )

    def recognises(self, text: str) -> bool:
        """Whether a text holds a table that ``ncu --csv`` wrote."""
        return any(starts_table(line) for line in text.splitlines())

    def read(self, text: str) -> tuple[LaunchRecord, ...]:
        """The launches of a CSV.

        Raises:
            ProfileError: if a row is cut off or numbers are not written as in English.
        """
        return read_launches(text)

    def profile(self, record: LaunchRecord) -> KernelProfile:
        """What a launch's metrics amount to.

        Raises:
            ProfileError: naming the metrics that are missing, and the command that collects them.
        """
        counters = record.counters
        seconds = counters.get(_TIME)
        missing: list[str] = []
        operations = dict.fromkeys(Operation, Decimal(0))
        for operation, weights in _NEEDED.items():
            for name, weight in weights.items():
                count = _executed(counters, name, weight)
                if count is None:
                    missing.append(_SASS.format(name))
                else:
                    operations[operation] += weight * count
        dram_bytes = _dram_bytes(counters, seconds)
        if dram_bytes is None:
            missing += ["dram__bytes_read.sum", "dram__bytes_write.sum"]
        if missing or dram_bytes is None:
            raise ProfileError(
                f"lacks {', '.join(missing)}: collect with "
                f"`ncu --csv --page raw --print-units base --metrics {','.join(METRICS)} ./program`"
            )
        for name, weight in _HALF.items():
            operations[Operation.HALF] += weight * (_executed(counters, name, weight) or 0)
        tensor = _tensor_operations(counters, record.target)
        operations = {one: amount + tensor.get(one, 0) for one, amount in operations.items()}
        notes = list(record.notes)
        if seconds is None:
            notes.append("the first launch that was profiled: the profile has no durations to compare")
        registers = counters.get("launch__registers_per_thread")
        warps = counters.get("sm__warps_active.avg.pct_of_peak_sustained_active")
        return KernelProfile(
            kernel=record.kernel,
            grid=record.grid,
            block=record.block,
            operations={operation: float(amount) for operation, amount in operations.items()},
            dram_bytes=float(dram_bytes),
            profiler=self.name,
            seconds=None if seconds is None else float(seconds),
            registers=None if registers is None else int(registers),
            occupancy=None if warps is None else float(warps) / 100,
            target=record.target,
            notes=tuple(notes),
        )

    def refusal(self, log: str) -> str | None:
        """What kept ``ncu`` from measuring, in a sentence with its remedy; None if it says nothing."""
        for pattern, sentence in _REFUSALS.items():
            if re.search(pattern, log):
                return sentence
        # That the program failed is better told by the program.
        said = re.search(r"^==ERROR== (?!The application returned)(.+)", log, re.MULTILINE)
        return f"ncu says: {said[1].strip()}" if said else None


def _executed(counters: Mapping[str, Decimal], name: str, weight: int) -> Decimal | None:
    """Executed thread instructions, as a total or as what the roofline sections hold: rates per cycle."""
    for unit in ("smsp", "sm"):
        metric = f"{unit}__sass_thread_inst_executed_op_{name}_pred_on.sum"
        if (total := counters.get(metric)) is not None:
            return total
        cycles = _cycles(counters)
        rate = counters.get(metric + ".per_cycle_elapsed")
        if rate is None and weight > 1:
            weighted = counters.get(f"derived__smsp__sass_thread_inst_executed_op_{name}_pred_on_x{weight}")
            rate = None if weighted is None else weighted / weight
        if rate is not None and cycles is not None:
            return rate * cycles
    return None


def _cycles(counters: Mapping[str, Decimal]) -> Decimal | None:
    """Cycles that a multiprocessor's quarter ran through during the launch."""
    for metric in ("smsp__cycles_elapsed.avg", "sm__cycles_elapsed.avg", "smsp__cycles_elapsed.max"):
        if (cycles := counters.get(metric)) is not None:
            return cycles
    rate, seconds = counters.get("smsp__cycles_elapsed.avg.per_second"), counters.get(_TIME)
    return None if rate is None or seconds is None else rate * seconds


def _dram_bytes(counters: Mapping[str, Decimal], seconds: Decimal | None) -> Decimal | None:
    if (total := counters.get("dram__bytes.sum")) is not None:
        return total
    read, written = counters.get("dram__bytes_read.sum"), counters.get("dram__bytes_write.sum")
    if read is not None and written is not None:
        return read + written
    rate = counters.get("dram__bytes.sum.per_second")
    return None if rate is None or seconds is None else rate * seconds


def _tensor_operations(counters: Mapping[str, Decimal], target: str) -> dict[Operation, Decimal]:
    """Operations of the tensor units by class, those on doubles being ``dp``; none where not measured.

    A metric such as ``..._src_fp16`` holds those that refine its name, which therefore do not count
    beside it.
    """
    paths: dict[str, Decimal] = {}
    cycles = _cycles(counters)
    for metric, value in counters.items():
        if (path := _TENSOR.fullmatch(metric)) is None:
            continue
        if path[2] is None:
            paths[path[1]] = value
        elif cycles is not None:
            paths.setdefault(path[1], value * cycles)
    if paths:
        found = dict.fromkeys((Operation.TENSOR, Operation.DP), Decimal(0))
        for name, value in paths.items():
            if not any(name.startswith(other + "_") for other in paths):
                found[Operation.DP if _TENSOR_DOUBLE in name else Operation.TENSOR] += value
        return found
    if not target.startswith("sm_7"):
        return {}
    for unit in ("smsp", "sm"):
        metric = f"{unit}__inst_executed_pipe_tensor.sum"
        if (instructions := counters.get(metric)) is not None:
            return {Operation.TENSOR: instructions * _TENSOR_OPERATIONS}
        rate = counters.get(metric + ".per_cycle_elapsed")
        if rate is not None and cycles is not None:
            return {Operation.TENSOR: rate * cycles * _TENSOR_OPERATIONS}
    return {}


def _program() -> str | None:
    """Where ``ncu`` is: often installed beside the CUDA toolkit and not on the PATH."""
    if found := shutil.which("ncu"):
        return found
    roots = [Path(root) for name in ("CUDA_HOME", "CUDA_PATH") if (root := os.environ.get(name))]
    places: Sequence[Path] = [
        *(root / "bin" / "ncu" for root in [*roots, Path("/usr/local/cuda")]),
        *sorted(Path("/opt/nvidia/nsight-compute").glob("*/ncu"), reverse=True),
    ]
    return next((str(place) for place in places if os.access(place, os.X_OK)), None)


def _version(program: str) -> str | None:
    try:
        answer = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(rb"Version (\d[\w.]*)", answer.stdout)
    return version[1].decode() if answer.returncode == 0 and version else None


def _finding(availability: Availability, detail: str, remedy: str = "") -> Finding:
    return Finding("profiler", "ncu", availability, detail, remedy)
