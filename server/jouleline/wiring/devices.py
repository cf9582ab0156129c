"""The devices that programs are judged for."""

from __future__ import annotations

from functools import cache

from jouleline.core.device import Catalogue, Device

from .folders import config_folder

DEFAULT_DEVICE = "a100-sxm4-40gb"
"""The device for bounds when the user names none and no GPU is found."""

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

    own = config_folder() / "devices"
    return Catalogue([*load_catalogue(own if own.is_dir() else None), host_device()])


def host_device() -> Device:
    """This machine's CPU."""
    return catalogue().get("host")
