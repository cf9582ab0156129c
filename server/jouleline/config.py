"""The settings of an editor session: one schema for every way they can arrive.

The same names are used in ``initializationOptions``, in a ``workspace/didChangeConfiguration``
notification, in the answer to ``workspace/configuration`` and in VS Code's ``settings.json``,
each under ``jouleline``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any, Final

SECTION: Final = "jouleline"
"""The name that settings are under."""
DEFAULT_DEVICE: Final = "a100-sxm4-40gb"
"""The device for bounds when the user names none and no GPU is found."""

# Written under the same section, but read by the editor's side: nothing to complain about.
_OF_THE_CLIENT: Final = frozenset(("python", "server", "trace"))


@dataclass(frozen=True)
class Toggle:
    """A feature that can be switched off."""

    enable: bool = field(default=True, metadata={"key": "enable", "wanted": "true or false"})


class Picture(StrEnum):
    """Whether hovers have a picture; ``auto`` is for editors that are known to show it."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Outlive(StrEnum):
    """Which refactorings go on when the editor ends: those on targets, all, or none."""

    TARGETS = "targets"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True)
class Hover:
    """What hovers show."""

    picture: Picture = field(
        default=Picture.AUTO, metadata={"key": "picture", "wanted": '"auto", "on" or "off"'}
    )


@dataclass(frozen=True)
class Settings:
    """What a user can set. ``gpu`` is a device id or alias, empty for the default.

    ``arguments`` is the program's run line without the program, empty for that of its workload. ``target`` is
    the machine where refactorings run, empty for this one, and ``outlive`` says which of them go on when the
    editor ends: editors must not let a workspace choose these two.
    """

    gpu: str = field(
        default="", metadata={"key": "gpu", "wanted": 'a device id such as "a100-sxm4-40gb", or ""'}
    )
    arguments: str = field(
        default="", metadata={"key": "arguments", "wanted": 'a string such as "1000 10", or ""'}
    )
    inlay_hints: Toggle = field(
        default_factory=Toggle, metadata={"key": "inlayHints", "wanted": 'an object such as {"enable": true}'}
    )
    code_lens: Toggle = field(
        default_factory=Toggle, metadata={"key": "codeLens", "wanted": 'an object such as {"enable": true}'}
    )
    compiled_evidence: Toggle = field(
        default_factory=Toggle,
        metadata={"key": "compiledEvidence", "wanted": 'an object such as {"enable": true}'},
    )
    diagnostics: Toggle = field(
        default_factory=Toggle,
        metadata={"key": "diagnostics", "wanted": 'an object such as {"enable": true}'},
    )
    hover: Hover = field(
        default_factory=Hover, metadata={"key": "hover", "wanted": 'an object such as {"picture": "off"}'}
    )
    target: str = field(
        default="", metadata={"key": "target", "wanted": 'the name of a target such as "gpu-box", or ""'}
    )
    outlive: Outlive = field(
        default=Outlive.TARGETS, metadata={"key": "outlive", "wanted": '"targets", "always" or "never"'}
    )


def read_settings(raw: object, base: Settings | None = None) -> tuple[Settings, tuple[str, ...]]:
    """Settings as an editor sent them, and one sentence for each that was not understood.

    What is missing or wrong keeps its value from ``base``.
    """
    settings = base if base is not None else Settings()
    if raw is None:
        return settings, ()
    if not isinstance(raw, Mapping):
        return settings, (f"jouleline must be an object with settings, not {_shown(raw)}; it is ignored.",)
    problems: list[str] = []
    read: Settings = _read(raw, settings, "jouleline", problems)
    return read, tuple(problems)


def _read(raw: Mapping[str, Any], base: Any, section: str, problems: list[str]) -> Any:
    known = {one.metadata["key"]: one for one in fields(base)}
    changes: dict[str, Any] = {}
    for key, value in _nested(raw):
        name = f"{section}.{key}"
        setting = known.get(key)
        if setting is None:
            if key not in _OF_THE_CLIENT:
                problems.append(f"{name} is no setting and is ignored; known are {', '.join(known)}.")
            continue
        current = getattr(base, setting.name)
        if is_dataclass(current) and isinstance(value, Mapping):
            changes[setting.name] = _read(value, current, name, problems)
            continue
        try:
            changes[setting.name] = _exactly(value, type(current))
        except (TypeError, ValueError):
            wanted = setting.metadata["wanted"]
            problems.append(f"{name} must be {wanted}, not {_shown(value)}; it stays as it was.")
    return replace(base, **changes)


def _nested(raw: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The items, with dotted keys such as ``inlayHints.enable`` taken apart."""
    for key, value in raw.items():
        head, dot, rest = str(key).partition(".")
        if value is not None:
            yield (head, {rest: value}) if dot else (head, value)


def _exactly(value: Any, kind: type) -> object:
    """A value of exactly the type that is wanted: "no" is not true.

    Raises:
        TypeError, ValueError: if it is none.
    """
    if issubclass(kind, StrEnum):
        return kind(value)
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value.strip() if isinstance(value, str) else value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
