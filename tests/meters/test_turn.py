import subprocess
import sys
from pathlib import Path

import pytest

from jouleline.core.meter import MeterError
from jouleline.meters.turn import FileTurn

HOLD = """
import sys
from pathlib import Path
from jouleline.meters.turn import FileTurn

assert FileTurn.take(held := FileTurn(Path(sys.argv[1])))
print("held", flush=True)
sys.stdin.read()
"""


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    one, other = FileTurn(tmp_path / "state"), FileTurn(tmp_path / "state")
    assert one.take()
    assert not one.take()
    assert not other.take()
    one.give_back()
    assert other.take()
    other.give_back()
    other.give_back()


def test_a_process_that_is_killed_leaves_its_turn(tmp_path: Path) -> None:
    mine = FileTurn(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert not mine.take()
        other.kill()
    assert mine.take()
    mine.give_back()


def test_the_programs_that_are_measured_do_not_hold_it(tmp_path: Path) -> None:
    mine = FileTurn(tmp_path)
    assert mine.take()
    with subprocess.Popen(["sleep", "60"]) as child:
        mine.give_back()
        assert mine.take()
        child.kill()
    mine.give_back()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, no folder")
    with pytest.raises(MeterError, match=r"measuring-.*\.lock: cannot be locked.* set XDG_STATE_HOME"):
        FileTurn(tmp_path / "state").take()


def test_the_file_is_the_users_own(tmp_path: Path) -> None:
    turn = FileTurn(tmp_path)
    assert turn.take()
    turn.give_back()
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
