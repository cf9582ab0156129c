"""Devices from TOML files: the ones that ship with Jouleline and a user's own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, TypeAlias, get_args

from jouleline.core.device import (
    FIGURE_UNITS,
    Catalogue,
    Device,
    DuplicateDevice,
    Figure,
    Provenance,
    Vendor,
)

if TYPE_CHECKING:
    from pathlib import Path

Table: TypeAlias = Mapping[str, object]

OPTIONAL_FIGURES: Final = frozenset(
    {
        "half_flop_per_s",
        "tensor_flop_per_s",
        "llc_bytes",
        "shared_bytes_per_multiprocessor",
        "idle_w",
    }
)
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEADER: Final = ("id", "name", "aliases", "vendor", "architecture", "target", "sources", "figures")


class DeviceFileError(ValueError):
    """A device file cannot be used; the message is one sentence that names the file and the key."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        self.file = file
        self.key = key
        self.problem = problem
        super().__init__(f"{file}: {key}: {problem}" if key else f"{file}: {problem}")


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    """A problem at a key, before it is known in which file."""

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        self.problem = problem
        super().__init__(key, problem)


def load_catalogue(extra: Path | None = None) -> Catalogue:
    """The shipped devices, then those of `extra`, a folder of further TOML files.

    A missing `extra` folder holds no devices. Shipped devices are read once a process.

    Raises DeviceFileError for a file that cannot be read, is not TOML, lacks or misspells a key,
    or claims a name that another device has.
    """
    devices = dict.fromkeys(_shipped(), "")
    if extra is not None:
        files = sorted(extra.glob("*.toml"))
        devices |= {_parse(str(file), _read(file)): str(file) for file in files}
    try:
        return Catalogue(devices)
    except DuplicateDevice as error:
        file = next((f for d, f in reversed(devices.items()) if d.id == error.device_id), "")
        raise DeviceFileError(file, "", str(error)) from error


@cache
def shipped_device(device_id: str) -> Device | None:
    """The shipped device of that id, from its file alone; None if there is none."""
    file = resources.files(__package__) / f"{device_id}.toml"
    if not (_ID.fullmatch(device_id) and file.is_file()):
        return None
    return _parse(file.name, file.read_text(encoding="utf-8"))


@cache
def _shipped() -> tuple[Device, ...]:
    names = sorted(file.name for file in resources.files(__package__).iterdir())
    devices = (shipped_device(name.removesuffix(".toml")) for name in names if name.endswith(".toml"))
    return tuple(device for device in devices if device is not None)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceFileError(str(file), "", f"cannot be read ({error})") from error


def _parse(file: str, text: str) -> Device:
    try:
        return _device(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise DeviceFileError(file, "", f"is not valid TOML ({error})") from error
    except _Wrong as error:
        raise DeviceFileError(file, error.key, error.problem) from error


def _device(table: Table) -> Device:
    _only(table, _HEADER, "")
    sources = {key: _text(value, f"sources.{key}") for key, value in _sub(table, "sources").items()}
    written = _sub(table, "figures")
    _only(written, FIGURE_UNITS, "figures.")
    for field in FIGURE_UNITS:
        if field not in written and field not in OPTIONAL_FIGURES:
            raise _Wrong(f"figures.{field}", "is missing")
    figures = {field: _figure(field, value, sources) for field, value in written.items()}
    aliases = table.get("aliases", [])
    if not isinstance(aliases, list):
        raise _Wrong("aliases", 'must be an array of strings, such as ["a100"]')
    try:
        return Device(
            id=_id(table),
            name=_text(table.get("name"), "name"),
            aliases=tuple(_text(alias, "aliases") for alias in aliases),
            vendor=_vendor(table),
            architecture=_text(table.get("architecture"), "architecture"),
            target=_text(table.get("target"), "target"),
            **figures,
        )
    except ValueError as error:
        raise _Wrong("figures", str(error)) from error


def _figure(field: str, written: object, sources: Mapping[str, str]) -> Figure:
    key = f"figures.{field}"
    table = _mapping(written, key)
    _only(table, ("value", "unit", "from", "source", "formula", "reason"), f"{key}.")
    value = table.get("value")
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Wrong(f"{key}.value", "must be a number")
    unit = _text(table.get("unit"), f"{key}.unit")
    if unit != (wanted := FIGURE_UNITS[field]):
        raise _Wrong(f"{key}.unit", f'must be "{wanted}", not "{unit}"')
    try:
        provenance = Provenance(_text(table.get("from"), f"{key}.from"))
    except ValueError as error:
        raise _Wrong(f"{key}.from", f"must be one of {', '.join(Provenance)}") from error
    try:
        return Figure(float(value), unit, provenance, _explain(key, provenance, table, sources))
    except ValueError as error:
        raise _Wrong(f"{key}.value", str(error)) from error


def _explain(key: str, provenance: Provenance, table: Table, sources: Mapping[str, str]) -> str:
    cited = None
    if "source" in table:
        name = _text(table["source"], f"{key}.source")
        if (cited := sources.get(name)) is None:
            raise _Wrong(f"{key}.source", f'"{name}" is not a key of [sources]')
    if provenance is Provenance.DERIVED:
        formula = _text(table.get("formula"), f"{key}.formula")
        return f"{formula}; inputs from {cited}" if cited else formula
    if provenance is Provenance.ASSUMED:
        reason = _text(table.get("reason"), f"{key}.reason")
        return f"{reason}; see {cited}" if cited else reason
    if cited is None:
        raise _Wrong(f"{key}.source", "is missing")
    return cited


def _id(table: Table) -> str:
    device_id = _text(table.get("id"), "id")
    if not _ID.fullmatch(device_id):
        raise _Wrong("id", f'must be lower-case letters, digits and dashes, not "{device_id}"')
    return device_id


def _vendor(table: Table) -> Vendor:
    written = _text(table.get("vendor"), "vendor")
    vendors: Iterable[Vendor] = get_args(Vendor)
    for vendor in vendors:
        if vendor == written:
            return vendor
    raise _Wrong("vendor", f"must be one of {', '.join(get_args(Vendor))}")


def _only(table: Table, known: Iterable[str], prefix: str) -> None:
    if unknown := sorted(set(table).difference(known)):
        raise _Wrong(f"{prefix}{unknown[0]}", f"is not a key; known are {', '.join(known)}")


def _sub(table: Table, key: str) -> Table:
    return _mapping(table.get(key), key)


def _mapping(value: object, key: str) -> Table:
    if not isinstance(value, dict):
        raise _Wrong(key, "is missing" if value is None else "must be a table")
    return value


def _text(value: object, key: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong(key, "is missing" if value is None else "must be a string that is not empty")
    return value
