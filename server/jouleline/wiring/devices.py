"""The devices that programs are judged for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jouleline.core.device import Catalogue, Device

from .folders import config_folder

WHAT_IF_DEVICES = (
    "v100-sxm2",
    "a100-sxm4-40gb",
    "h200",
    "b200",
    "l40s",
    "rtx-4090",
    "mi250x-gcd",
    "mi300x",
)
"""The devices that ``whatif`` compares when none are named: four generations of NVIDIA's data centres, two
GPUs with little double precision and GDDR memory, and two of AMD."""


@cache
def catalogue() -> Catalogue:
    """The devices we ship, those of the user's own folder, and this host.

    Raises:
        DeviceFileError: if a file of the user's folder is wrong.
    """
    from jouleline.devices import load_catalogue
    from jouleline.devices.host import host_device

    return Catalogue([*load_catalogue(_own_devices()), host_device()])


def device(name: str) -> Device:
    """The device of that id or alias; a shipped one that is asked for by its id is read without all others.

    Raises:
        DeviceFileError: as :func:`catalogue`.
        UnknownDevice: if there is none of that name.
    """
    from jouleline.devices import shipped_device

    shipped = None if _own_devices() else shipped_device(name)
    return shipped or catalogue().get(name)


def _own_devices() -> Path | None:
    folder = config_folder() / "devices"
    try:
        return folder if folder.is_dir() else None
    except PermissionError:  # what we may not look into is not ours
        return None


def host_device() -> Device:
    """This machine's CPU."""
    return catalogue().get("host")
