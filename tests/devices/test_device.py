"""Values of `jouleline.core.device`: figures, ridge points, names."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.device import (
    FIGURE_UNITS,
    Catalogue,
    Device,
    DuplicateDevice,
    Figure,
    Provenance,
    UnknownDevice,
    normalise,
)


def figure(value: float, unit: str) -> Figure:
    return Figure(value, unit, Provenance.ASSUMED, "made up for a test")


def device(device_id: str = "toy-1", *aliases: str) -> Device:
    return Device(
        id=device_id,
        name=device_id.upper(),
        aliases=aliases,
        vendor="nvidia",
        architecture="Toy",
        target="sm_00",
        multiprocessors=figure(10, "1"),
        warp_size=figure(32, "1"),
        clock_hz=figure(1e9, "Hz"),
        sp_flop_per_s=figure(1000e9, "FLOP/s"),
        dp_flop_per_s=figure(100e9, "FLOP/s"),
        int_op_per_s=figure(500e9, "op/s"),
        dram_bytes_per_s=figure(100e9, "B/s"),
        dram_bytes=figure(1e9, "B"),
        l2_bytes=figure(1e6, "B"),
        tdp_w=figure(100, "W"),
    )


def test_ridge_points_are_peaks_over_bandwidth() -> None:
    toy = device()
    assert (toy.ridge("sp"), toy.ridge("dp"), toy.ridge("int")) == (10.0, 1.0, 5.0)


def test_a_device_without_tensor_units_has_no_tensor_ridge() -> None:
    assert device().ridge("tensor") is None


def test_tensor_ridge() -> None:
    toy = dataclasses.replace(device(), tensor_flop_per_s=figure(4000e9, "FLOP/s"))
    assert toy.ridge("tensor") == 40.0


def test_figures_leaves_out_the_unknown() -> None:
    assert "tensor_flop_per_s" not in device().figures()
    assert device().figures()["tdp_w"].value == 100


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_figure_is_finite_and_not_negative(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        figure(value, "W")


def test_a_figure_without_a_source_is_a_bug() -> None:
    with pytest.raises(ValueError, match="source"):
        Figure(1.0, "W", Provenance.MEASURED, " ")


def test_a_figure_in_the_wrong_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="clock_hz must be in Hz, not MHz"):
        dataclasses.replace(device(), clock_hz=figure(1000, "MHz"))


def test_no_bandwidth_no_device() -> None:
    with pytest.raises(ValueError, match="dram_bytes_per_s must not be zero"):
        dataclasses.replace(device(), dram_bytes_per_s=figure(0, "B/s"))


def test_every_figure_field_has_a_unit() -> None:
    header = {"id", "name", "aliases", "vendor", "architecture", "target"}
    assert {field.name for field in dataclasses.fields(Device)} - header == set(FIGURE_UNITS)


@pytest.mark.parametrize(
    "name", ["toy-1", "TOY-1", "toy 1", "toy_1", "Toy1", "NVIDIA Toy 1", "NVIDIA GeForce Toy-1"]
)
def test_names_ignore_case_separators_and_brand(name: str) -> None:
    assert Catalogue([device()]).get(name).id == "toy-1"


@given(st.text())
def test_normalising_twice_changes_nothing(name: str) -> None:
    assert normalise(normalise(name)) == normalise(name)


@given(st.lists(st.text("abcxyz0189", min_size=1), min_size=1), st.lists(st.sampled_from(" -_./")))
def test_separators_and_case_never_matter(parts: list[str], separators: list[str]) -> None:
    spread = "".join(p + s for p, s in zip(parts, [*separators, *["-"] * len(parts)], strict=False))
    assert normalise(spread.upper()) == normalise("".join(parts))


@given(st.text(max_size=40))
def test_a_name_finds_a_device_or_is_unknown(name: str) -> None:
    catalogue = Catalogue([device("toy-1", "thing")])
    try:
        assert catalogue.get(name).id == "toy-1"
    except UnknownDevice as error:
        assert error.name == name  # noqa: PT017 - both outcomes are right


def test_iteration_keeps_the_order_given() -> None:
    catalogue = Catalogue([device("toy-2"), device("toy-1")])
    assert [d.id for d in catalogue] == ["toy-2", "toy-1"]
    assert len(catalogue) == 2


def test_two_devices_of_one_id_are_refused() -> None:
    with pytest.raises(DuplicateDevice, match='"toy-1" of device toy-1 already belongs to toy-1'):
        Catalogue([device(), device()])


def test_an_alias_of_another_device_is_refused() -> None:
    with pytest.raises(DuplicateDevice, match='"TOY 1" of device toy-2 already belongs to toy-1'):
        Catalogue([device("toy-1"), device("toy-2", "TOY 1")])
