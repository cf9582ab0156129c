import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pynvml
import pytest

from jouleline.core.meter import MeterError
from jouleline.core.ports import Availability
from jouleline.meters.nvml import MIG_LABEL, NvmlSource, find_nvml
from tests.support import nvml as double
from tests.support.nvml import COUNTER, NvmlDouble

EVERYTHING = {"CUDA_VISIBLE_DEVICES": "0,1,2"}


@contextmanager
def source(
    *gpus: str, accept_mig: bool = False, environment: dict[str, str] | None = None
) -> Iterator[NvmlSource]:
    opened = NvmlSource(gpus, accept_mig=accept_mig, environment=environment or {})
    try:
        yield opened
    finally:
        opened.close()


def energy_j(opened: NvmlSource) -> float:
    parts = opened.energy()
    assert parts is not None
    return sum(part.energy_j for part in parts)


def test_it_names_gpu_and_driver_and_so_a_double_names_itself(nvml: NvmlDouble) -> None:
    nvml.script()
    with source() as opened:
        assert (opened.name, opened.device, opened.driver) == (
            "nvml",
            "NVIDIA D1 (test double)",
            "NVIDIA double 0",
        )
        assert opened.note.startswith("measured: ")
        assert opened.labels == ()
        assert opened.most_watts == 800
    assert nvml.users == 0


def test_the_counter_is_read_in_joules_and_moves_with_its_period(nvml: NvmlDouble) -> None:
    nvml.script("power 250", "period 0.05")
    with source() as opened:
        before = energy_j(opened)
        nvml.advance(0.04)
        assert energy_j(opened) == before
        nvml.advance(0.02)
        assert energy_j(opened) - before == pytest.approx(250 * 0.05, abs=2e-3)
        nvml.advance(9.99)
        assert energy_j(opened) - before == pytest.approx(250 * 10.05, abs=2e-3)


def test_power_is_that_of_the_moment_and_the_average_that_of_a_second(nvml: NvmlDouble) -> None:
    nvml.script("power 100", "at 10 power 300")
    nvml.advance(10.25)
    with source() as opened:
        assert opened.power() == 300
        assert opened.average_power() == pytest.approx(150)


# nvmlDeviceGetPowerUsage is an average on Hopper and the moment's on GA100 and before.
@pytest.mark.parametrize(
    ("capability", "power", "average"), [(90, None, 150), (86, None, 150), (80, 300, None), (70, 300, None)]
)
def test_without_the_newer_fields_the_usage_is_taken_for_what_it_is(
    nvml: NvmlDouble, capability: int, power: float | None, average: float | None
) -> None:
    nvml.script(
        *("power 100", "at 10 power 300", f"capability {capability}"),
        *(f"fail {field} {double.NOT_SUPPORTED}" for field in (double.AVERAGE, double.INSTANT)),
    )
    nvml.advance(10.25)
    with source() as opened:
        assert (opened.power(), opened.average_power()) == (power, average)


def test_a_gpu_without_a_counter_gives_power_alone(nvml: NvmlDouble) -> None:
    nvml.script(f"fail {COUNTER} {double.NOT_SUPPORTED}")
    with source() as opened:
        assert opened.energy() is None
        assert opened.power() == 100
        assert "power readings" in opened.note


def test_a_gpu_that_tells_nothing_is_refused(nvml: NvmlDouble) -> None:
    nvml.script(
        *(f"fail {what} {double.NOT_SUPPORTED}" for what in (COUNTER, "nvmlDeviceGetPowerUsage", 185, 186))
    )
    with pytest.raises(MeterError, match=r"GPU 0 \(NVIDIA D1 \(test double\)\) tells neither"):
        NvmlSource(environment={})
    assert nvml.users == 0


def test_several_gpus_are_summed_and_said_to_be(nvml: NvmlDouble) -> None:
    nvml.script("gpus 3", "gpu 0 power 100", "gpu 1 power 200", "gpu 2 power 400")
    with source() as opened:
        before = opened.energy()
        nvml.advance(1)
        after = opened.energy()
        assert before is not None
        assert after is not None
        used = {b.name: b.energy_j - a.energy_j for a, b in zip(before, after, strict=True)}
        assert used == pytest.approx({"GPU 0": 100, "GPU 1": 200, "GPU 2": 400}, abs=2e-3)
        assert opened.power() == 700
        assert opened.labels == ("sum over 3 GPUs",)
        assert opened.device == "3 x NVIDIA D1 (test double)"


def test_if_one_of_several_lacks_a_counter_there_is_none(nvml: NvmlDouble) -> None:
    nvml.script("gpus 2", f"gpu 1 fail {COUNTER} {double.NOT_SUPPORTED}")
    with source() as opened:
        assert opened.energy() is None


@pytest.mark.parametrize(
    ("gpus", "environment", "chosen"),
    [
        ((), {}, [0, 1, 2]),
        (("1",), {}, [1]),
        (("2", "0"), EVERYTHING, [2, 0]),
        (("GPU-double-2",), {}, [2]),
        (("1", "GPU-double-1"), {}, [1]),
        ((), {"CUDA_VISIBLE_DEVICES": "2"}, [2]),
        ((), {"CUDA_VISIBLE_DEVICES": "GPU-double-1, 0"}, [1, 0]),
    ],
)
def test_the_gpus_are_those_named_or_those_that_cuda_may_use(
    nvml: NvmlDouble, gpus: tuple[str, ...], environment: dict[str, str], chosen: list[int]
) -> None:
    nvml.script("gpus 3")
    with source(*gpus, environment=environment) as opened:
        parts = opened.energy()
    assert parts is not None
    assert [part.name for part in parts] == [f"GPU {index}" for index in chosen]


@pytest.mark.parametrize(
    ("gpus", "environment", "said"),
    [
        (("3",), {}, r"no GPU '3'; known are 0 \(GPU-double-0\), 1"),
        (("GPU-",), {}, "no GPU 'GPU-'"),
        (("GPU-double-",), {}, "no GPU 'GPU-double-'"),
        ((), {"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES=: no GPU is left for programs"),
        ((), {"CUDA_VISIBLE_DEVICES": "7"}, "CUDA_VISIBLE_DEVICES=7: there is no GPU '7'"),
        ((), {"CUDA_VISIBLE_DEVICES": "MIG-x"}, "MIG instance MIG-x cannot be read"),
    ],
)
def test_a_gpu_that_is_not_there_is_named(
    nvml: NvmlDouble, gpus: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    nvml.script("gpus 2")
    with pytest.raises(MeterError, match=said):
        NvmlSource(gpus, environment=environment)
    assert nvml.users == 0


def test_cudas_numbers_count_only_where_they_are_surely_the_drivers(nvml: NvmlDouble) -> None:
    nvml.script("gpus 2", "gpu 1 kind 2")
    by_speed = {"CUDA_VISIBLE_DEVICES": "1"}
    with pytest.raises(MeterError, match="CUDA_DEVICE_ORDER=PCI_BUS_ID"):
        NvmlSource(environment=by_speed)
    with source(environment=by_speed | {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}) as opened:
        assert opened.device == "NVIDIA D2 (test double)"


def test_mig_is_refused_unless_its_label_is_accepted(nvml: NvmlDouble) -> None:
    nvml.script("gpus 2", "gpu 1 mig 1")
    with pytest.raises(MeterError, match=r"MIG is on for GPU 1 .*`sudo nvidia-smi -i 1 -mig 0`"):
        NvmlSource(environment={})
    with source("0") as opened:
        assert opened.labels == ()
    instance = {"CUDA_VISIBLE_DEVICES": "MIG-double-1"}
    with pytest.raises(MeterError, match="MIG is on for GPU 1"):
        NvmlSource(environment=instance)
    with source(accept_mig=True, environment=instance) as opened:
        assert opened.labels == (MIG_LABEL,)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (double.GPU_IS_LOST, r"GPU 0 \(NVIDIA D1 \(test double\)\) is lost.*restart the machine"),
        (double.RESET_REQUIRED, "GPU 0 .* reset.*sudo nvidia-smi --gpu-reset"),
        (double.NO_PERMISSION, "no permission to read the energy counter of GPU 0 .*sudo chmod"),
        (999, "the energy counter of GPU 0 .* cannot be read: NVML says Unknown Error"),
    ],
)
def test_a_reading_that_fails_says_what_where_and_what_to_do(nvml: NvmlDouble, code: int, said: str) -> None:
    nvml.script(f"at 5 fail {COUNTER} {code}")
    with source() as opened:
        opened.energy()
        nvml.advance(5)
        with pytest.raises(MeterError, match=said) as error:
            opened.energy()
    assert "\n" not in str(error.value)


def test_a_lost_gpu_shows_in_every_reading(nvml: NvmlDouble) -> None:
    nvml.script(f"at 5 fail * {double.GPU_IS_LOST}")
    with source() as opened:
        nvml.advance(5)
        for read in (opened.energy, opened.power, opened.average_power, opened.conditions):
            with pytest.raises(MeterError, match="is lost"):
                read()


def test_conditions_tell_clocks_heat_and_what_slows_a_gpu_down(nvml: NvmlDouble) -> None:
    nvml.script(
        *("sm_clock 1410", "memory_clock 1593", "temperature 61"),
        *("reasons 1", f"at 1 reasons {0x4 | 0x40 | 0x2}", f"at 2 reasons {0x1000}"),
    )
    with source() as opened:
        (idle,) = opened.conditions()
        assert idle.device == "GPU 0 (NVIDIA D1 (test double))"
        assert (idle.core_clock_hz, idle.memory_clock_hz, idle.temperature_c) == (1.41e9, 1.593e9, 61.0)
        assert idle.throttled == ()
        nvml.advance(1)
        assert opened.conditions()[0].throttled == ("power limit", "heat (hardware)")
        nvml.advance(1)
        assert opened.conditions()[0].throttled == ("unknown reason 0x1000",)


def test_what_cannot_be_seen_is_left_open(nvml: NvmlDouble) -> None:
    hidden = ("ClockInfo", "Temperature", "TemperatureV", "ComputeRunningProcesses_v3")
    nvml.script(*(f"fail nvmlDeviceGet{name} {double.NOT_SUPPORTED}" for name in hidden))
    with source() as opened:
        (seen,) = opened.conditions()
    assert (seen.core_clock_hz, seen.memory_clock_hz, seen.temperature_c, seen.others) == (None,) * 4


def test_an_older_driver_is_asked_by_older_names(nvml: NvmlDouble) -> None:
    newer = ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetTemperatureV")
    nvml.script(*(f"fail {name} 13" for name in newer), "reasons 4", "temperature 50")
    with source() as opened:
        (seen,) = opened.conditions()
    assert (seen.throttled, seen.temperature_c) == (("power limit",), 50.0)


def test_processes_of_others_are_counted(nvml: NvmlDouble) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as ours:
        nvml.script(f"compute {os.getpid()}", f"compute {ours.pid}", "compute 1", "graphics 1")
        with source() as opened:
            (seen,) = opened.conditions()
        ours.communicate(b"\n")
    in_a_container = Path("/proc/self/ns/pid").stat().st_ino != 0xEFFFFFFC
    assert seen.others == (None if in_a_container else 1)


def test_closing_twice_is_closing_once(nvml: NvmlDouble) -> None:
    nvml.script()
    pynvml.nvmlInit()
    with source() as opened:
        opened.close()
    assert nvml.users == 1


def test_the_limit_of_the_board_bounds_what_is_plausible(nvml: NvmlDouble) -> None:
    nvml.script("gpus 2", "limit 300", "gpu 1 max_limit 700")
    with source() as opened:
        assert opened.most_watts == 1400
    limits = ("nvmlDeviceGetPowerManagementLimitConstraints", "nvmlDeviceGetEnforcedPowerLimit")
    nvml.script(*(f"fail {name} {double.NOT_SUPPORTED}" for name in limits))
    with source() as opened:
        assert opened.most_watts == 2000


# What doctor says.


def test_found_gpus_are_named_with_what_may_be_read(nvml: NvmlDouble) -> None:
    nvml.script("gpus 2")
    finding = find_nvml()
    assert finding.availability is Availability.READY
    assert finding.detail == (
        "2 x NVIDIA D1 (test double): energy counter, instant and average power; driver double 0"
    )
    assert finding.remedy == ""
    assert nvml.users == 0


@pytest.mark.parametrize(
    ("line", "detail", "remedy", "availability"),
    [
        (f"fail {COUNTER} 3", "no energy counter", "nothing to be done", Availability.LIMITED),
        ("gpu 1 mig 1", "MIG is on", "sudo nvidia-smi -i 1 -mig 0", Availability.LIMITED),
        ("persistence 0", "persistence mode is off", "sudo nvidia-smi -pm 1", Availability.READY),
        (f"fail {COUNTER} 4", "no permission to read", "sudo chmod a+rw /dev/nvidia", Availability.LIMITED),
        (f"gpu 1 fail * {double.GPU_IS_LOST}", "GPU 1 is lost", "restart", Availability.LIMITED),
        ("gpus 0", "finds no GPU", "nvidia-smi", Availability.MISSING),
        (f"fail nvmlInit {double.LIBRARY_NOT_FOUND}", "is not here", "--gpus all", Availability.MISSING),
        (f"fail nvmlInit {double.DRIVER_NOT_LOADED}", "not loaded", "modprobe nvidia", Availability.MISSING),
        (f"fail nvmlInit {double.VERSION_MISMATCH}", "another version", "restart", Availability.MISSING),
    ],
)
def test_what_is_wrong_is_said_with_what_helps(
    nvml: NvmlDouble, line: str, detail: str, remedy: str, availability: Availability
) -> None:
    nvml.script("gpus 2", line)
    finding = find_nvml()
    assert detail in finding.detail
    assert remedy in finding.remedy
    assert bool(remedy) is bool(finding.remedy)
    assert finding.availability is availability
    assert nvml.users == 0


@pytest.mark.usefixtures("nvml")
def test_without_a_driver_it_is_missing() -> None:
    assert find_nvml().availability is Availability.MISSING
    with pytest.raises(MeterError, match="driver is not loaded; sudo modprobe nvidia"):
        NvmlSource()


def test_the_binding_loads_the_double_by_the_librarys_name(nvml_library: Path, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("power 200\n")
    environment = os.environ | {
        "LD_LIBRARY_PATH": str(nvml_library.parent),
        "NVML_DOUBLE_SCRIPT": str(script),
    }
    program = "from jouleline.meters.nvml import *; print(NvmlSource().power(), find_nvml().detail)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("200.0 NVIDIA D1 (test double): energy counter")


def test_without_the_binding_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert find_nvml().remedy == "pip install nvidia-ml-py"


def test_here_it_answers_one_way_or_the_other() -> None:
    assert find_nvml().name == "nvml"
