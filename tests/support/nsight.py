"""Profiles as Nsight Compute writes them."""

from collections.abc import Mapping

LAUNCH = {
    "ID": "0",
    "Process ID": "1",
    "Process Name": "main",
    "Host Name": "127.0.0.1",
    "Kernel Name": "void scale<double>(T1 *)",
    "Context": "1",
    "Stream": "7",
    "Block Size": "(256, 1, 1)",
    "Grid Size": "(4096, 1, 1)",
    "Device": "0",
    "CC": "8.0",
    "dram__bytes_read.sum": "8400000",
    "dram__bytes_write.sum": "8300000",
    "gpu__time_duration.sum": "21000",
} | {
    f"smsp__sass_thread_inst_executed_op_{name}_pred_on.sum": "1048576" if name == "dmul" else "0"
    for name in ("dadd", "dfma", "dmul", "fadd", "ffma", "fmul", "integer")
}
UNITS = {"dram__bytes_read.sum": "byte", "dram__bytes_write.sum": "byte", "gpu__time_duration.sum": "nsecond"}


def profile_of(launch: Mapping[str, str]) -> str:
    """What `ncu --csv --page raw` writes of one launch."""
    units = {name: UNITS.get(name, "inst" if "inst" in name else "") for name in launch}
    rows = (launch.keys(), units.values(), launch.values())
    return "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in rows)
