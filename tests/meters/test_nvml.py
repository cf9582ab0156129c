import sys

import pynvml
import pytest

from jouleline.core.ports import Availability
from jouleline.meters.nvml import find_nvml


def driver_double(monkeypatch: pytest.MonkeyPatch, count: int, *, counter: bool) -> list[str]:
    """A test double of the driver's library with ``count`` GPUs; returns the log of its shutdowns."""
    shutdowns: list[str] = []

    def energy(_: object) -> int:
        if not counter:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return 1

    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: shutdowns.append("shutdown"))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: count)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda place: place)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetName", lambda _: b"Test Double GPU")
    monkeypatch.setattr(pynvml, "nvmlSystemGetDriverVersion", lambda: "1.2.3")
    monkeypatch.setattr(pynvml, "nvmlDeviceGetTotalEnergyConsumption", energy)
    return shutdowns


@pytest.mark.parametrize("counter", [True, False])
def test_a_gpu_is_named_and_nothing_promised(monkeypatch: pytest.MonkeyPatch, *, counter: bool) -> None:
    shutdowns = driver_double(monkeypatch, 2, counter=counter)
    finding = find_nvml()
    assert finding.availability is Availability.LIMITED
    assert finding.detail.count("Test Double GPU") == 2
    assert ("without an energy counter" in finding.detail) is not counter
    assert "not measured yet" in finding.detail
    assert shutdowns == ["shutdown"]


def test_a_driver_without_a_gpu_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    driver_double(monkeypatch, 0, counter=True)
    assert find_nvml().availability is Availability.MISSING


def test_without_a_driver_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def init() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", init)
    finding = find_nvml()
    assert finding.availability is Availability.MISSING
    assert "no NVIDIA driver answers" in finding.detail


def test_without_the_binding_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert find_nvml().remedy == "pip install nvidia-ml-py"


def test_here_it_answers_one_way_or_the_other() -> None:
    assert find_nvml().name == "nvml"
