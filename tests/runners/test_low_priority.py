"""That jobs run at low priority; all else they share with every runner, see test_contract."""

import asyncio
import os
from pathlib import Path

from jouleline.core.ports import Job
from jouleline.runners.local import LocalRunner
from jouleline.runners.low_priority import NICENESS, LowPriorityRunner


def test_a_job_and_its_children_are_nicer_than_we_are(tmp_path: Path) -> None:
    job = Job("nice; sh -c nice; echo \"it's\" '$HOME'", str(tmp_path))
    done = asyncio.run(LowPriorityRunner(LocalRunner()).run(job))
    nicer = str(min(19, os.nice(0) + NICENESS))
    assert done.stdout.decode().splitlines() == [nicer, nicer, "it's $HOME"]
