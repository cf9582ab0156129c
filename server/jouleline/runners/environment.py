"""The environment of a job: what is passed on from ours, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# Where programs are, how they speak, and what compilers and parallel runtimes read. An allow-list,
# because the names of secrets cannot be enumerated.
PASSED_ON: Final = frozenset(
    {
        "PATH", "LANG", "LANGUAGE", "TZ",
        "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBRARY_PATH",
        "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "CC", "CXX",
        "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL",
    }
)  # fmt: skip
PASSED_ON_PREFIXES: Final = (
    "LC_", "OMP_", "GOMP_", "KMP_", "LIBOMPTARGET_", "CUDA_", "NVCC_", "HIP_", "ROCM_", "HSA_",
)  # fmt: skip

_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|AUTH|KEY")
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


def job_environment(ours: Mapping[str, str], scratch: str, added: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a job.

    ``ours`` is the environment to choose from, ``scratch`` an existing private folder that becomes
    HOME and TMPDIR, ``added`` what the job itself asks for, which wins.
    """
    passed = {name: value for name, value in ours.items() if _is_passed_on(name)}
    return {"PATH": _DEFAULT_PATH, **passed, "HOME": scratch, "TMPDIR": scratch, **added}


def _is_passed_on(name: str) -> bool:
    if name in PASSED_ON:
        return True
    return name.startswith(PASSED_ON_PREFIXES) and _SECRET.search(name.upper()) is None
