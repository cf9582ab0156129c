from functools import partial
from pathlib import Path

import pytest

from jouleline.core.meter import Measured, MeterError
from jouleline.core.ports import Availability, Finding
from jouleline.meters import selection
from jouleline.meters.amd_smi import AmdSmiSource, find_amd_smi
from jouleline.meters.cpu_time import CpuTimeMeter
from jouleline.meters.rapl import RaplSource, find_rapl
from jouleline.meters.selection import METERS, best_meter, find_gpu, find_meters, named_meter, sees_gpus
from tests.support.nvml import NvmlDouble

MODEL = CpuTimeMeter(rated_watts=100, cores=2, device="a test's processor", source="assumed by a test")


def model() -> CpuTimeMeter:
    return MODEL


@pytest.fixture(autouse=True)
def this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever it has beside what a test gives it."""
    missing = Finding("meter", "rapl", Availability.LIMITED, "may not be read", "sudo chmod a+r energy_uj")
    monkeypatch.setattr(selection, "find_rapl", lambda: missing)
    none = tmp_path / "kfd"
    monkeypatch.setattr(selection, "find_amd_smi", partial(find_amd_smi, none))
    monkeypatch.setattr(selection, "AmdSmiSource", partial(AmdSmiSource, kfd=none))


@pytest.mark.usefixtures("nvml")
def test_a_program_is_modelled_where_nothing_can_be_measured() -> None:
    for uses_gpu in (False, True):
        chosen = best_meter((), model, uses_gpu=uses_gpu)
        assert chosen is MODEL
        assert not sees_gpus(chosen.info)


def test_a_program_with_kernels_gets_the_gpus_meter_and_others_do_not(nvml: NvmlDouble) -> None:
    nvml.script("gpus 2")
    assert best_meter((), model).info.name == "cpu-time"
    chosen = best_meter((), model, uses_gpu=True)
    assert chosen.info.name == "nvml"
    assert chosen.info.origin is Measured
    assert chosen.info.labels == ("sum over 2 GPUs",)
    assert sees_gpus(chosen.info)
    chosen.close()
    assert nvml.users == 0


def test_with_rapl_a_gpu_programs_meter_is_their_sum(
    nvml: NvmlDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    for file, text in {
        "name": "package-0 (test double)",
        "max_energy_range_uj": "1000",
        "energy_uj": "5",
    }.items():
        (zone / file).write_text(text)
    monkeypatch.setattr(selection, "find_rapl", partial(find_rapl, tmp_path))
    monkeypatch.setattr(selection, "RaplSource", partial(RaplSource, tmp_path))
    nvml.script()
    for chosen in (best_meter((), model, uses_gpu=True), named_meter("node", (), model)):
        assert chosen.info.name == "nvml+rapl"
        assert sees_gpus(chosen.info)
        chosen.close()
    alone = best_meter((), model)
    assert alone.info.name == "rapl"
    assert not sees_gpus(alone.info)
    found = {one.name: one for one in find_meters(model)}
    assert found["node"].availability is Availability.READY
    assert found["default"].detail == "rapl for programs on the CPU, node for those on a GPU"


def test_naming_gpus_asks_for_their_meter(nvml: NvmlDouble) -> None:
    nvml.script("gpus 2")
    chosen = best_meter(("1",), model)
    assert (chosen.info.name, chosen.info.labels) == ("nvml", ())
    chosen.close()


def test_a_gpu_that_is_here_and_cannot_be_measured_is_no_reason_to_measure_without_it(
    nvml: NvmlDouble,
) -> None:
    nvml.script("mig 1")
    with pytest.raises(MeterError, match="MIG is on"):
        best_meter((), model, uses_gpu=True)
    accepted = best_meter((), model, accept_mig=True, uses_gpu=True)
    assert accepted.info.name == "nvml"
    accepted.close()
    assert nvml.users == 0


@pytest.mark.usefixtures("nvml")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nvml", "driver is not loaded; sudo modprobe nvidia"),
        ("amd-smi", "no AMD GPU's driver is here"),
        ("node", "no GPU answers here"),
        ("wattmeter", f"no such meter; there are {', '.join(METERS)}"),
    ],
)
def test_a_named_meter_that_is_not_usable_says_why(name: str, said: str) -> None:
    with pytest.raises(MeterError, match=said):
        named_meter(name, (), model)


def test_named_meters_are_those_named(nvml: NvmlDouble) -> None:
    nvml.script()
    for name in ("nvml", "cpu-time"):
        chosen = named_meter(name, (), model)
        assert chosen.info.name == name
        chosen.close()


def test_the_gpu_that_answers_is_told_of(nvml: NvmlDouble) -> None:
    assert find_gpu().availability is Availability.MISSING
    nvml.script()
    assert (find_gpu().name, find_gpu().availability) == ("nvml", Availability.READY)


@pytest.mark.usefixtures("nvml")
def test_a_gpu_that_nobody_tells_of_may_be_there_all_the_same(tmp_path: Path) -> None:
    node = tmp_path / "kfd"
    assert find_gpu([node]).availability is Availability.MISSING
    assert "driver is not loaded, and no AMD GPU's driver is here" in find_gpu([node]).detail
    node.touch()
    assert find_gpu([node]).availability is Availability.LIMITED
    assert find_gpu([node]).detail.startswith(f"{node} is here, but ")


def test_doctor_tells_every_meter_what_helps_and_what_is_taken(nvml: NvmlDouble) -> None:
    found = {one.name: one for one in find_meters(model)}
    assert set(METERS) | {"default"} == set(found)
    assert found["default"].detail == "cpu-time for programs on the CPU"
    for one in found.values():
        assert one.availability is Availability.READY or one.remedy
    nvml.script()
    found = {one.name: one for one in find_meters(model)}
    assert found["default"].detail == "cpu-time for programs on the CPU, nvml for those on a GPU"
    assert found["node"].remedy == "sudo chmod a+r energy_uj"
