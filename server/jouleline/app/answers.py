"""The file of a study's answers: one JSON line for each task that is done, so that nothing is done twice."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import cattrs

from .study import Replies

ANSWERS_FILE = "answers.jsonl"


class AnswersError(ValueError):
    """The file cannot be used; the message says why and what to do."""


@dataclass
class AnswerFile:
    """Replies by their task's key, as read and as added."""

    path: Path
    done: dict[str, Replies]
    _file: FileIO

    def add(self, replies: Replies) -> None:
        """Write what came of a task; after this a killed run has it.

        Raises:
            AnswersError: if there is no room for it.
        """
        line = json.dumps(cattrs.unstructure(replies), separators=(",", ":"))
        data = line.encode() + b"\n"
        try:
            written = self._file.write(data)
        except OSError as error:
            raise AnswersError(f"{self.path}: cannot be written: {error.strerror}") from error
        if written != len(data):
            raise AnswersError(f"{self.path}: cannot be written: no space is left")
        self.done[replies.key] = replies


@contextmanager
def answer_file(folder: Path) -> Iterator[AnswerFile]:
    """Open a folder's answers, which no other study writes to meanwhile.

    A last line that a killed run left half written is cut off.

    Raises:
        AnswersError: if the folder or the file cannot be used.
    """
    path = folder / ANSWERS_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise AnswersError(f"{error.filename}: cannot be written: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AnswersError(
                f"{path}: another study is writing to it; wait, or choose another --out"
            ) from None
        file.seek(0)
        text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        file.truncate(len(whole))
        yield AnswerFile(path, _read(path, whole), file)


def _read(path: Path, text: bytes) -> dict[str, Replies]:
    done = {}
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            replies = cattrs.structure(json.loads(line), Replies)
        except (ValueError, cattrs.BaseValidationError) as error:
            raise AnswersError(
                f"{path}:{number}: is no answer of a study; delete the line to have it made anew"
            ) from error
        done[replies.key] = replies
    return done
