"""A program that cannot be built says why."""

import asyncio
from pathlib import Path

import pytest

from jouleline.app.build import BuildError, build
from jouleline.core.workload import Workload
from jouleline.runners.local import LocalRunner


def test_a_program_that_cannot_be_copied_names_the_file_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "program").mkdir()
    (tmp_path / "file").write_text("in the way")
    target = tmp_path / "file" / "copy"
    with pytest.raises(BuildError) as raised:
        asyncio.run(build(tmp_path / "program", {}, Workload("make", "./main"), LocalRunner(), target))
    assert str(raised.value) == (
        f"{tmp_path / 'program'}: cannot be copied for building: {target}: Not a directory"
    )
