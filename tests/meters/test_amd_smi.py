import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jouleline.core.meter import MeterError
from jouleline.core.ports import Availability
from jouleline.meters.amd_smi import DIES_LABEL, DIVIDED_LABEL, AmdSmiSource, find_amd_smi
from jouleline.meters.neighbours import Neighbours
from tests.support import amd_smi as double
from tests.support.amd_smi import AmdSmiDouble, GpuDouble


@contextlib.contextmanager
def source(
    kfd: Path, *gpus: str, accept_partitions: bool = False, environment: dict[str, str] | None = None
) -> Iterator[AmdSmiSource]:
    opened = AmdSmiSource(gpus, accept_partitions=accept_partitions, environment=environment or {}, kfd=kfd)
    try:
        yield opened
    finally:
        opened.close()


def energy_j(opened: AmdSmiSource) -> float:
    parts = opened.energy()
    assert parts is not None
    return sum(part.energy_j for part in parts)


def test_it_names_gpu_and_driver_and_so_a_double_names_itself(amd: AmdSmiDouble, kfd: Path) -> None:
    with source(kfd) as opened:
        assert (opened.name, opened.device) == ("amd-smi", "AMD D1 (test double)")
        assert opened.driver == "amdgpu double 0, AMD SMI double 0"
        assert opened.note.startswith("measured: ")
        assert opened.most_watts == 1500
        assert opened.labels == ()
    assert amd.users == 0


@pytest.mark.parametrize("key", ["energy_accumulator", "power"])
def test_the_accumulator_counts_steps_of_its_resolution(amd: AmdSmiDouble, kfd: Path, key: str) -> None:
    amd.gpus = [GpuDouble(energy_key=key, power=double.steps(100, 300, each_s=2))]
    with source(kfd) as opened:
        before = energy_j(opened)
        amd.advance(5)
        assert energy_j(opened) - before == pytest.approx(2 * 100 + 3 * 300, abs=1e-4)


@pytest.mark.parametrize(
    ("told", "power", "average"),
    [
        (("current_socket_power",), 100, None),
        (("average_socket_power",), None, 100),
        (("current_socket_power", "average_socket_power"), 100, 100),
    ],
)
def test_power_is_what_the_generation_tells(
    amd: AmdSmiDouble, kfd: Path, told: tuple[str, ...], power: float | None, average: float | None
) -> None:
    amd.gpus = [GpuDouble(told=told)]
    with source(kfd) as opened:
        assert (opened.power(), opened.average_power()) == (power, average)


def test_a_guest_without_a_counter_gives_power_alone_or_nothing(amd: AmdSmiDouble, kfd: Path) -> None:
    amd.gpus = [GpuDouble(failing={"energy": double.NOT_SUPPORTED})]
    with source(kfd) as opened:
        assert opened.energy() is None
        assert opened.power() == 100
    amd.gpus[0].failing["power"] = double.NOT_SUPPORTED
    with pytest.raises(MeterError, match="tells neither energy nor power, as in a virtual machine"):
        AmdSmiSource(environment={}, kfd=kfd)
    assert amd.users == 0


def test_several_gpus_are_summed_and_said_to_be(amd: AmdSmiDouble, kfd: Path) -> None:
    amd.gpus = [GpuDouble(), GpuDouble(power=[(0, 250)])]
    with source(kfd) as opened:
        before = energy_j(opened)
        amd.advance(2)
        assert energy_j(opened) - before == pytest.approx(700, abs=1e-3)
        assert opened.power() == 350
        assert opened.labels == ("sum over 2 GPUs",)
        assert opened.device == "2 x AMD D1 (test double)"


@pytest.mark.parametrize(
    ("gpus", "environment", "chosen"),
    [
        ((), {}, [0, 1, 2]),
        (("2", "0"), {"ROCR_VISIBLE_DEVICES": "1"}, [2, 0]),
        (("d1ff0000",), {}, [1]),
        (("GPU-00000000000000d2",), {}, [2]),
        ((), {"ROCR_VISIBLE_DEVICES": "1,2"}, [1, 2]),
        # HIP counts among those that ROCm's runtime left.
        ((), {"ROCR_VISIBLE_DEVICES": "1,2", "HIP_VISIBLE_DEVICES": "1"}, [2]),
        ((), {"HIP_VISIBLE_DEVICES": "0", "CUDA_VISIBLE_DEVICES": "1"}, [0]),
        ((), {"CUDA_VISIBLE_DEVICES": "1"}, [1]),
    ],
)
def test_the_gpus_are_those_named_or_those_that_rocm_may_use(
    amd: AmdSmiDouble, kfd: Path, gpus: tuple[str, ...], environment: dict[str, str], chosen: list[int]
) -> None:
    amd.gpus = [GpuDouble() for _ in range(3)]
    with source(kfd, *gpus, environment=environment) as opened:
        parts = opened.energy()
    assert parts is not None
    assert [part.name for part in parts] == [f"GPU {index}" for index in chosen]


@pytest.mark.parametrize(
    ("gpus", "environment", "said"),
    [
        (("1",), {}, r"no GPU '1'; known are 0 \(GPU-00000000000000d0\)"),
        ((), {"ROCR_VISIBLE_DEVICES": ""}, "ROCR_VISIBLE_DEVICES=: no GPU is left"),
        ((), {"HIP_VISIBLE_DEVICES": "3"}, "HIP_VISIBLE_DEVICES=3: there is no GPU '3'"),
    ],
)
def test_a_gpu_that_is_not_there_is_named(
    amd: AmdSmiDouble, kfd: Path, gpus: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    with pytest.raises(MeterError, match=said):
        AmdSmiSource(gpus, environment=environment, kfd=kfd)
    assert amd.users == 0


def test_two_gpus_on_a_card_are_counted_once_and_labelled(amd: AmdSmiDouble, kfd: Path) -> None:
    name = "AMD Instinct MI250X (test double)"
    amd.gpus = [GpuDouble(name=name), GpuDouble(name=name, power=[(0, 0)])]
    amd.advance(60)
    with source(kfd) as opened:
        assert opened.labels == (DIES_LABEL,)
        assert opened.power() == 100
    with source(kfd, "0") as opened:
        assert opened.labels == (DIES_LABEL,)
    with pytest.raises(MeterError, match=r"GPU 1 .* tells no energy of its own.*measure GPU 0"):
        AmdSmiSource(["1"], environment={}, kfd=kfd)
    assert "counted with the GPU before it" in find_amd_smi(kfd).detail


def test_a_partition_is_refused_unless_its_label_is_accepted(amd: AmdSmiDouble, kfd: Path) -> None:
    amd.gpus = [GpuDouble(partition="CPX")]
    with pytest.raises(MeterError, match=r"partition \(CPX\).*--compute-partition SPX"):
        AmdSmiSource(environment={}, kfd=kfd)
    with source(kfd, accept_partitions=True) as opened:
        assert opened.labels == (DIVIDED_LABEL,)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (double.IO, r"GPU 0 \(AMD D1 \(test double\)\) does not answer.*restart the machine"),
        (double.NO_PERMISSION, "no permission to read the energy counter of GPU 0.*render,video"),
        (double.BUSY, "energy counter of GPU 0 .* AMD SMI says AMDSMI_STATUS_30"),
    ],
)
def test_a_reading_that_fails_says_what_where_and_what_to_do(
    amd: AmdSmiDouble, kfd: Path, code: int, said: str
) -> None:
    with source(kfd) as opened:
        amd.gpus[0].failing["energy"] = code
        with pytest.raises(MeterError, match=said) as error:
            opened.energy()
    assert "\n" not in str(error.value)


def test_a_lost_gpu_shows_in_every_reading(amd: AmdSmiDouble, kfd: Path) -> None:
    with source(kfd) as opened:
        amd.gpus[0].failing["*"] = double.IO
        for read in (opened.energy, opened.power, opened.conditions):
            with pytest.raises(MeterError, match="does not answer"):
                read()


def test_a_figure_that_disappears_is_no_figure(amd: AmdSmiDouble, kfd: Path) -> None:
    with source(kfd) as opened:
        amd.gpus[0].told = ()
        with pytest.raises(MeterError, match="not told any more"):
            opened.power()
        amd.gpus[0].energy_key = "gone"
        with pytest.raises(MeterError, match=r"counter of GPU 0 .* is gone"):
            opened.energy()


def test_conditions_tell_clocks_heat_and_what_held_a_gpu_down(amd: AmdSmiDouble, kfd: Path) -> None:
    gpu = amd.gpus[0]
    gpu.metrics = {"ppt_residency_acc": 70, "hbm_thm_residency_acc": 5, "vr_thm_residency_acc": "N/A"}
    with source(kfd) as opened:
        (first,) = opened.conditions()
        assert (first.core_clock_hz, first.memory_clock_hz, first.temperature_c) == (2.1e9, 1.3e9, 55.0)
        # What was held down before anybody looked is not this measurement's.
        assert first.throttled == ()
        gpu.metrics["ppt_residency_acc"] = 71
        assert opened.conditions()[0].throttled == ("power limit",)
        assert opened.conditions()[0].throttled == ()


@pytest.mark.parametrize(
    ("metrics", "throttled"),
    [
        ({"indep_throttle_status": 0}, ()),
        ({"indep_throttle_status": 1 | 1 << 36}, ("power limit", "heat")),
        ({"indep_throttle_status": "N/A", "throttle_status": False}, ()),
        ({"indep_throttle_status": True}, ("a limit that the driver does not name",)),
        ({"throttle_status": True}, ("a limit that the driver does not name",)),
    ],
)
def test_older_metrics_tell_throttling_too(
    amd: AmdSmiDouble, kfd: Path, metrics: dict[str, object], throttled: tuple[str, ...]
) -> None:
    amd.gpus[0].metrics = metrics
    with source(kfd) as opened:
        assert opened.conditions()[0].throttled == throttled


def test_processes_of_others_are_counted(
    amd: AmdSmiDouble, kfd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Neighbours, "_in_host_namespace", lambda _: True)
    amd.gpus[0].processes = [{"pid": os.getpid(), "name": "ours"}, {"pid": 1, "name": "init"}]
    with source(kfd) as opened:
        assert opened.conditions()[0].others == 1
        amd.gpus[0].processes = [object()]
        assert opened.conditions()[0].others is None


def test_doctor_looking_does_not_end_a_measurement(amd: AmdSmiDouble, kfd: Path) -> None:
    with source(kfd) as opened:
        assert find_amd_smi(kfd).availability is Availability.READY
        assert opened.energy() is not None
        opened.close()
        opened.close()
    assert amd.users == 0


# What doctor says.


def test_found_gpus_are_named_with_what_may_be_read(amd: AmdSmiDouble, kfd: Path) -> None:
    amd.gpus = [GpuDouble(), GpuDouble()]
    finding = find_amd_smi(kfd)
    assert finding.availability is Availability.READY
    assert finding.detail == "2 x AMD D1 (test double): energy counter, instant power"


@pytest.mark.parametrize(
    ("failing", "detail", "remedy"),
    [
        ({"energy": double.NOT_SUPPORTED}, "no energy counter", "nothing to be done"),
        ({"energy": double.NO_PERMISSION}, "no permission", "sudo usermod -aG render,video $USER"),
        ({"*": double.IO}, "does not answer", "restart"),
    ],
)
def test_what_is_wrong_is_said_with_what_helps(
    amd: AmdSmiDouble, kfd: Path, failing: dict[str, int], detail: str, remedy: str
) -> None:
    amd.gpus[0].failing = failing
    finding = find_amd_smi(kfd)
    assert finding.availability is Availability.LIMITED
    assert detail in finding.detail
    assert remedy in finding.remedy
    assert amd.users == 0


def test_no_driver_and_no_gpu_are_told_apart(amd: AmdSmiDouble, kfd: Path) -> None:
    amd.gpus = []
    assert "finds no GPU" in find_amd_smi(kfd).detail
    amd.init_code = double.DRIVER_NOT_LOADED
    finding = find_amd_smi(kfd)
    assert (finding.availability, finding.remedy) == (Availability.MISSING, "sudo modprobe amdgpu")


def test_without_the_device_file_nothing_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amdsmi", None)
    finding = find_amd_smi(tmp_path / "none")
    assert finding.availability is Availability.MISSING
    assert "/dev/kfd" in finding.detail


def test_without_the_binding_the_package_is_named(kfd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amdsmi", None)
    assert "pip install /opt/rocm/share/amd_smi" in find_amd_smi(kfd).remedy


def test_a_binding_without_its_library_prints_nothing_and_breaks_nothing(
    tmp_path: Path, kfd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # As the real one ends without ROCm.
    (tmp_path / "amdsmi.py").write_text("print('Unable to find libamd_smi.so')\n{}['libamd_smi.so']\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "amdsmi", raising=False)
    finding = find_amd_smi(kfd)
    assert finding.availability is Availability.MISSING
    assert "KeyError: 'libamd_smi.so'" in finding.detail
    assert "amd-smi-lib" in finding.remedy
    assert capsys.readouterr().out == ""
