"""What control groups allot, a scheduler's or a container's; their files are doubles of the kernel's."""

from pathlib import Path

import pytest

from jouleline.runners.memory import allotted_bytes

MB = 1024**2


def groups(folder: Path, line: str, limits: dict[str, str]) -> tuple[Path, Path]:
    (folder / "groups").write_text(f"1:cpu:/elsewhere\n{line}\n")
    for place, limit in limits.items():
        file = folder / "tree" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{limit}\n")
    return folder / "groups", folder / "tree"


def test_without_any_limit_all_of_the_machine_is_ours(tmp_path: Path) -> None:
    machine = allotted_bytes(tmp_path / "none", tmp_path)
    assert machine > 100 * MB
    assert allotted_bytes(*groups(tmp_path, "0::/job", {"job/memory.max": "max"})) == machine


@pytest.mark.parametrize(
    ("line", "limits"),
    [
        ("0::/slurm/job", {"slurm/job/memory.max": str(7 * MB)}),
        ("0::/slurm/job", {"slurm/memory.max": str(7 * MB), "slurm/job/memory.max": "max"}),
        (
            "4:memory:/job",
            {"memory/job/memory.limit_in_bytes": str(7 * MB), "memory/memory.limit_in_bytes": str(9 * MB)},
        ),
        ("4:memory:/unseen", {"memory/memory.limit_in_bytes": str(7 * MB)}),
    ],
)
def test_the_least_of_our_groups_counts(tmp_path: Path, line: str, limits: dict[str, str]) -> None:
    assert allotted_bytes(*groups(tmp_path, line, limits)) == 7 * MB
