"""Devices on disk and on this host: the edges that build `jouleline.core.device` values."""

from jouleline.devices.catalogue import DeviceFileError, load_catalogue, shipped_device

__all__ = ["DeviceFileError", "load_catalogue", "shipped_device"]
