"""Runs in processes of their own: what is kept of them, and that none is taken for another."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.app.detached import DetachedRun, DetachedRunError, State, detach, detached_run, lasting
from jouleline.app.kept_result import kept_result, read_edits
from jouleline.app.outcome import Step
from jouleline.app.program import Program
from jouleline.app.record import RESULT_FILE, edits_json
from jouleline.core.source import Edit

PROCESS = """\
import sys
from pathlib import Path
from jouleline.app.detached import detached_run

run = detached_run(Path(sys.argv[1]))
with run.begin() as mark:
    run.mark(mark)
    print("begun", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path: Path) -> DetachedRun:
    program = Program(tmp_path / "sum", {"main.cpp": b"int main() {}\n"})
    return detach(tmp_path / "runs", program, "main.cpp", "far", outlives=True)


def alive(run: DetachedRun) -> bool:
    return run.alive


@settings(max_examples=20)  # each writes files
@given(st.dictionaries(st.text(min_size=1, max_size=9), st.binary(), max_size=3), st.text(max_size=20))
def test_texts_are_kept_to_the_byte_and_so_is_what_was_asked(files: dict[str, bytes], makefile: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = Program(Path(folder, "sum"), files, makefile=makefile)
        made = detach(Path(folder), program, "main.cpp", "far", outlives=True)
        found = detached_run(made.folder)
        assert found == made
        assert found.program() == program
        assert detached_run(lasting(made, outlives=False).folder) == DetachedRun(
            made.folder, "main.cpp", made.root, "far", outlives=False
        )


@given(
    st.dictionaries(
        st.text(max_size=9),
        st.lists(st.builds(Edit, st.integers(0, 99), st.integers(100, 999), st.binary()), max_size=3).map(
            tuple
        ),
        max_size=3,
    )
)
def test_edits_are_kept_to_the_byte(edits: dict[str, tuple[Edit, ...]]) -> None:
    assert read_edits(edits_json(edits)) == edits


def test_a_process_is_known_by_what_it_holds_and_not_by_its_number(run: DetachedRun) -> None:
    assert not alive(run)
    with subprocess.Popen(
        [sys.executable, "-c", PROCESS, run.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        assert alive(run)
        with pytest.raises(DetachedRunError, match="is under way already"):
            run.begin()
        run.signal()
        assert process.wait() == -signal.SIGTERM
    # Its number is somebody else's by now, as it may be.
    (run.folder / "process.json").write_text(f'{{"pid": {os.getpid()}, "host": "{socket.gethostname()}"}}')
    assert not alive(run)
    run.signal()  # or we would be gone


def test_a_process_on_another_host_is_ended_there_only(
    run: DetachedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run.begin() as mark:
        run.mark(mark)
        monkeypatch.setattr(socket, "gethostname", lambda: "another")
        with pytest.raises(DetachedRunError, match=r"sum|main\.cpp for energy on far: its process runs on"):
            run.signal()


def test_one_follows_it_and_the_newest_step_is_what_it_tells(run: DetachedRun) -> None:
    lock = run.follow()
    assert lock is not None
    with lock:
        assert run.follow() is None
    run.tell(Step("verify", "summing", 0.25))
    assert run.state.step == Step("verify", "summing", 0.25)
    run.tell(None, "the disk is full")
    assert run.state == State(None, "the disk is full")
    (run.folder / "step.json").write_text("{")
    assert run.state == State()


def test_a_result_that_was_told_leaves_an_ordinary_record(run: DetachedRun) -> None:
    run.mark_told()
    assert run.told
    assert detached_run(run.folder) == run  # to be resumed
    run.mark_untold()
    (run.folder / RESULT_FILE).write_text(
        '{"improved": false, "headline": "no gain", "details": "", "candidate": null, "edits": {}}'
    )
    assert kept_result(run.folder).headline == "no gain"
    run.mark_told()
    assert [one.name for one in run.folder.iterdir()] == [RESULT_FILE]


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "jouleline/job/2"}', '{"schema": "jouleline/job/1"}'])
def test_what_is_no_run_is_none(run: DetachedRun, text: str) -> None:
    (run.folder / "job.json").write_text(text)
    assert detached_run(run.folder) is None
