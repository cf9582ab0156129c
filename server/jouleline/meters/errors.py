"""Why a device cannot be read, apart from what helps."""

from __future__ import annotations

from jouleline.core.meter import MeterError


class SourceError(MeterError):
    """``what`` is wrong and where, and the ``remedy``: together they make the sentence of the error."""

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what, self.remedy = what, remedy
        super().__init__("; ".join(part for part in (what, remedy) if part))
