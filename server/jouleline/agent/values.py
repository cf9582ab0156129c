"""Values as the agent sends them: plain JSON. Who receives them checks every field."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

from jouleline.core.meter import Provenance
from jouleline.core.ports import Completed, Job, Limits


def plain(value: object) -> Any:
    """A value of dataclasses, enumerations, sequences and origins of joules as JSON."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, type) and issubclass(value, Provenance):
        return value.word
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value


def ending(completed: Completed) -> dict[str, Any]:
    """How a job ended, without what it wrote."""
    fields = plain(dataclasses.replace(completed, stdout=b"", stderr=b""))
    del fields["stdout"], fields["stderr"]
    assert isinstance(fields, dict)
    return fields


def job_of(fields: Mapping[str, Any], directory: str) -> Job:
    """A job as it was asked for, to be run in a folder here.

    Raises:
        KeyError, TypeError: if it is none.
    """
    return Job(
        command=fields["command"],
        directory=directory,
        environment=dict(fields["environment"]),
        limits=Limits(**fields["limits"]),
        gpu=fields["gpu"],
        builds=fields["builds"],
    )


def runs_of(rows: Any) -> list[Completed]:
    """Runs of which only wall and CPU time (s) matter any more."""
    return [Completed(0, b"", b"", wall_s=wall_s, cpu_s=cpu_s) for wall_s, cpu_s in rows]
