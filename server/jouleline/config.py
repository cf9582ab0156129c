"""The settings of an editor session: one schema for every way they can arrive.

The same names are used in ``initializationOptions``, in a ``workspace/didChangeConfiguration``
notification, in the answer to ``workspace/configuration`` and in VS Code's ``settings.json``,
each under ``jouleline``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import attrs
import cattrs

SECTION: Final = "jouleline"
"""The name that settings are under."""

# Written under the same section, but read by the editor's side: nothing to complain about.
_OF_THE_CLIENT: Final = frozenset(("python", "server", "trace"))


@attrs.frozen
class Toggle:
    """A feature that can be switched off."""

    enable: bool = attrs.field(default=True, metadata={"key": "enable", "wanted": "true or false"})


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


@attrs.frozen
class Hover:
    """What hovers show."""

    picture: Picture = attrs.field(
        default=Picture.AUTO, metadata={"key": "picture", "wanted": '"auto", "on" or "off"'}
    )


@attrs.frozen
class Settings:
    """What a user can set. ``gpu`` is a device id or alias, empty for the default.

    ``arguments`` is the program's run line without the program, empty for that of its workload. ``target`` is
    the machine where refactorings run, empty for this one, and ``outlive`` says which of them go on when the
    editor ends: editors must not let a workspace choose these two.
    """

    gpu: str = attrs.field(
        default="", metadata={"key": "gpu", "wanted": 'a device id such as "a100-sxm4-40gb", or ""'}
    )
    arguments: str = attrs.field(
        default="", metadata={"key": "arguments", "wanted": 'a string such as "1000 10", or ""'}
    )
    inlay_hints: Toggle = attrs.field(
        factory=Toggle, metadata={"key": "inlayHints", "wanted": 'an object such as {"enable": true}'}
    )
    code_lens: Toggle = attrs.field(
        factory=Toggle, metadata={"key": "codeLens", "wanted": 'an object such as {"enable": true}'}
    )
    compiled_evidence: Toggle = attrs.field(
        factory=Toggle, metadata={"key": "compiledEvidence", "wanted": 'an object such as {"enable": true}'}
    )
    diagnostics: Toggle = attrs.field(
        factory=Toggle, metadata={"key": "diagnostics", "wanted": 'an object such as {"enable": true}'}
    )
    hover: Hover = attrs.field(
        factory=Hover, metadata={"key": "hover", "wanted": 'an object such as {"picture": "off"}'}
    )
    target: str = attrs.field(
        default="", metadata={"key": "target", "wanted": 'the name of a target such as "gpu-box", or ""'}
    )
    outlive: Outlive = attrs.field(
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
    fields = {field.metadata["key"]: field for field in attrs.fields(type(base))}
    changes: dict[str, Any] = {}
    for key, value in _nested(raw):
        name = f"{section}.{key}"
        field = fields.get(key)
        if field is None:
            if key not in _OF_THE_CLIENT:
                problems.append(f"{name} is no setting and is ignored; known are {', '.join(fields)}.")
            continue
        current = getattr(base, field.name)
        if attrs.has(type(current)) and isinstance(value, Mapping):
            changes[field.name] = _read(value, current, name, problems)
            continue
        try:
            changes[field.name] = _converter().structure(value, type(current))
        except (TypeError, ValueError, cattrs.BaseValidationError):
            wanted = field.metadata["wanted"]
            problems.append(f"{name} must be {wanted}, not {_shown(value)}; it stays as it was.")
    return attrs.evolve(base, **changes)


def _nested(raw: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The items, with dotted keys such as ``inlayHints.enable`` taken apart."""
    for key, value in raw.items():
        head, dot, rest = str(key).partition(".")
        if value is not None:
            yield (head, {rest: value}) if dot else (head, value)


def _converter() -> cattrs.Converter:
    """Takes values of exactly the type that is wanted: "no" is not true."""
    converter = cattrs.Converter(forbid_extra_keys=True)

    def strict(value: object, kind: type) -> object:
        if type(value) is not kind:
            raise TypeError(f"{value!r} is no {kind.__name__}")
        return value.strip() if isinstance(value, str) else value

    converter.register_structure_hook(str, strict)
    converter.register_structure_hook(bool, strict)
    # They are strings as well, and would be taken for such.
    for choice in (Picture, Outlive):
        converter.register_structure_hook(choice, lambda value, kind: kind(value))
    return converter


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
