"""What functions of the language, of C and C++ libraries and of GPU runtimes give to host code."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from .hostdeclarations import HostDeclarations
from .hostvalues import ANY, NUMBER, Buffer, Cell, HostValue, Kind, Pointer, Record

Handler: TypeAlias = Callable[[HostDeclarations, Sequence[HostValue]], HostValue]

_LEADING_INTEGER: Final = re.compile(r"\s*[+-]?(?:0[xX][0-9a-fA-F]+|\d+)")
_LEADING_REAL: Final = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_CONVERSION: Final = re.compile(r"%\*?\d*(?:l|ll|h|z)?([diufegxs])")
_BYTES: Final = Kind("?", 1)


def integer(text: HostValue, base: HostValue = 10) -> int | None:
    """What ``atoi`` and its like make of a text."""
    if not isinstance(text, str):
        return None
    found = _LEADING_INTEGER.match(text)
    if found is None:
        return 0
    digits = found[0].strip()
    if base in (0, 16) and "x" in digits.lower():
        return int(digits, 16)
    return int(re.match(r"[+-]?\d+", digits)[0]) if "x" in digits.lower() else int(digits)  # type: ignore[index]


def real(text: HostValue) -> float | None:
    """What ``atof`` and its like make of a text."""
    if not isinstance(text, str):
        return None
    found = _LEADING_REAL.match(text)
    value = float(found[0]) if found is not None else 0.0
    return value if math.isfinite(value) else None


def _number(convert: Callable[..., int | float | None]) -> Handler:
    """A function that makes a number of a text, which may be a word of the run line."""

    def handler(state: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
        if not values:
            return None
        if values[0] in state.arguments:
            state.read += 1
        base = values[2] if len(values) > 2 else 10
        return convert(values[0], base) if convert is integer else convert(values[0])

    return handler


def _math(function: Callable[..., Any], *, whole: bool = False) -> Handler:
    def handler(_: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
        numbers = [value for value in values if isinstance(value, NUMBER)]
        if len(numbers) < len(values) or not numbers:
            return None
        try:
            value = function(*numbers)
        except (ValueError, OverflowError, ZeroDivisionError, TypeError):
            return None
        if isinstance(value, complex) or not math.isfinite(value):
            return None
        return value if whole else float(value)

    return handler


def _extreme(function: Callable[..., Any]) -> Handler:
    def handler(_: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
        if len(values) == 1 and isinstance(values[0], Buffer):
            values = [cell.value for cell in values[0].cells.values()]
        numbers = [value for value in values if isinstance(value, NUMBER)]
        return function(numbers[:2]) if len(numbers) >= 2 and len(numbers) == len(values) else None

    return handler


def _copy_of_text(_: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    return values[0] if values and isinstance(values[0], str) else None


# Memory


def _allocated(size: HostValue, element: Kind, space: str, text: str) -> Pointer:
    known = int(size) if isinstance(size, NUMBER) and size >= 0 else None
    if element.code == "?" and element.size <= 1:
        return Pointer(Buffer("", _BYTES, Cell(known), space))
    count = known // element.size if known is not None and element.size else None
    return Pointer(Buffer("", element, Cell(count), space, text))


def _malloc(_: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    return _allocated(values[-1] if values else None, _BYTES, "host", "")


def _calloc(_: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    size: HostValue = 1
    for value in values[:2]:
        size = size * value if isinstance(size, int) and isinstance(value, int) else None
    return _allocated(size, _BYTES, "host", "")


def _device_malloc(space: str, *, size_at: int = 1) -> Handler:
    def handler(state: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
        target = values[0] if values else None
        cell = target.cell() if isinstance(target, Pointer) else None
        if cell is not None and len(values) > size_at:
            name = cell.kind.name if cell.kind.code == "pointer" else ""
            element = state.kind_of(name) if name else _BYTES
            size = values[size_at]
            if element.code == "?" and element.size > 1 and isinstance(size, int):
                element = _BYTES
            state.write(cell, _allocated(size, element, space, name))
        return 0

    return handler


def _omp_alloc(_: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    return _allocated(values[0] if values else None, _BYTES, "device", "")


def _copied(state: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    target = values[0] if values else None
    if isinstance(target, Pointer):
        if isinstance(target.target, Buffer):
            state.forget(target.target)
            source = values[1] if len(values) > 1 else None
            if isinstance(source, Pointer) and isinstance(source.target, Buffer) and source.offset == 0:
                for index, cell in list(source.target.cells.items())[:64]:
                    if (into := target.cell(index)) is not None:
                        state.write(into, cell.value)
        else:
            source = values[1] if len(values) > 1 else None
            origin = source.cell() if isinstance(source, Pointer) else None
            state.write(target.target, origin.value if origin is not None else None)
    return 0


def _filled(state: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    target = values[0] if values else None
    if isinstance(target, Pointer):
        if isinstance(target.target, Buffer):
            for cell in target.target.cells.values():
                state.write(cell, 0 if values[1:2] == [0] and cell.kind.code in ("int", "real") else None)
        elif isinstance(target.target.value, Record):
            for cell in target.target.value.fields.values():
                state.write(cell, 0 if values[1:2] == [0] else None)
        else:
            state.write(target.target, 0 if values[1:2] == [0] else None)
    return 0


def _device_pointer(state: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    """``cudaHostGetDevicePointer(&device, host, 0)``."""
    cell = values[0].cell() if values and isinstance(values[0], Pointer) else None
    if cell is not None and len(values) > 1:
        state.write(cell, values[1])
    return 0


# Texts


def _compare(limit_at: int | None, *, fold: bool = False) -> Handler:
    def handler(_: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
        left, right = [*values[:2], None, None][:2]
        if not (isinstance(left, str) and isinstance(right, str)):
            # A null pointer or what is not known is not compared.
            return None
        if fold:
            left, right = left.lower(), right.lower()
        if limit_at is not None:
            limit = values[limit_at] if limit_at < len(values) else None
            if not isinstance(limit, int):
                return None
            left, right = left[:limit], right[:limit]
        return (left > right) - (left < right)

    return handler


def _sscanf(state: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    text, form = [*values[:2], None, None][:2]
    known = text.split() if isinstance(text, str) and isinstance(form, str) else []
    kinds = _CONVERSION.findall(form) if isinstance(form, str) else []
    done = 0
    for index, target in enumerate(values[2:]):
        cell = target.cell() if isinstance(target, Pointer) else None
        value: HostValue = None
        if index < len(known) and index < len(kinds):
            value = known[index] if kinds[index] == "s" else real(known[index])
            value = integer(known[index]) if kinds[index] in "diux" else value
            done += 1
        if cell is not None:
            state.write(cell, value)
    return done if known else None


def _token(_: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    """``strtok``: the first part of a text; what later calls give is not followed."""
    text, marks = [*values[:2], None, None][:2]
    if not (isinstance(text, str) and isinstance(marks, str)):
        return None
    return next((part for part in re.split(f"[{re.escape(marks)}]", text) if part), 0) if marks else text


def _length(_: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    return len(values[0]) if values and isinstance(values[0], str) else None


def _found(_: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    left, right = [*values[:2], None, None][:2]
    if isinstance(right, int) and 0 < right < 0x110000:
        right = chr(right)
    if isinstance(left, str) and isinstance(right, str):
        at = left.find(right)
        return left[at:] if at >= 0 else 0
    return None


# The device


def _properties(state: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    cell = values[0].cell() if values and isinstance(values[0], Pointer) else None
    if cell is not None:
        known = {
            "multiProcessorCount": state.multiprocessors,
            "maxThreadsPerBlock": 1024,
            "warpSize": 32,
            "maxThreadsPerMultiProcessor": 1536,
            "sharedMemPerBlock": 49152,
            "regsPerBlock": 65536,
            "major": 8,
            "managedMemory": 1,
            "unifiedAddressing": 1,
            "cooperativeLaunch": 1,
            "concurrentKernels": 1,
            "canMapHostMemory": 1,
        }
        record = Record("cudaDeviceProp", {name: Cell(value) for name, value in known.items()})
        for name, sizes in (("maxThreadsDim", (1024, 1024, 64)), ("maxGridSize", (2**31 - 1, 65535, 65535))):
            cells = {index: Cell(size) for index, size in enumerate(sizes)}
            record.fields[name] = Cell(Pointer(Buffer(name, ANY, Cell(3), cells=cells)))
        state.write(cell, record)
    return 0


def _attribute(state: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    cell = values[0].cell() if values and isinstance(values[0], Pointer) else None
    if cell is not None:
        state.write(cell, values[1] if len(values) > 1 else None)
    return 0


def _outputs(*given: HostValue) -> Handler:
    """A function that writes what is ``given`` through its first parameters."""

    def handler(state: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
        for target, value in zip(values, given, strict=False):
            cell = target.cell() if isinstance(target, Pointer) else None
            if cell is not None:
                state.write(cell, value)
        return 0

    return handler


def _nothing(_: HostDeclarations, __: Sequence[HostValue]) -> HostValue:
    return 0


def _first(_: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    return values[0] if values else None


def _opened(_: HostDeclarations, __: Sequence[HostValue]) -> HostValue:
    return Pointer(Cell())


def _swapped(state: HostDeclarations, values: Sequence[HostValue]) -> HostValue:
    del state, values
    return None


_REAL_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "sqrt": math.sqrt,
    "cbrt": lambda x: math.copysign(abs(x) ** (1 / 3), x),
    "ceil": math.ceil,
    "floor": math.floor,
    "round": lambda x: math.floor(abs(x) + 0.5) * (1 if x >= 0 else -1),
    "trunc": math.trunc,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "exp": math.exp,
    "exp2": lambda x: 2.0**x,
    "pow": math.pow,
    "fabs": abs,
    "fmod": math.fmod,
    "fmin": min,
    "fmax": max,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "hypot": math.hypot,
}

LIBRARY: Final[dict[str, Handler]] = {
    **{name + suffix: _math(function) for name, function in _REAL_FUNCTIONS.items() for suffix in ("", "f")},
    **{name: _math(abs, whole=True) for name in ("abs", "labs", "llabs")},
    **{name: _math(round, whole=True) for name in ("lround", "lrint", "llround")},
    **dict.fromkeys(("min", "MIN"), _extreme(min)),
    **dict.fromkeys(("max", "MAX"), _extreme(max)),
    **dict.fromkeys("atoi atol atoll strtol strtoul strtoll strtoull".split(), _number(integer)),
    **dict.fromkeys("stoi stol stoul stoll stoull".split(), _number(integer)),
    **dict.fromkeys("atof strtod strtof stof stod".split(), _number(real)),
    **dict.fromkeys(("strdup", "string"), _copy_of_text),
    "strcmp": _compare(None),
    "strncmp": _compare(2),
    "strcasecmp": _compare(None, fold=True),
    "strncasecmp": _compare(2, fold=True),
    "strlen": _length,
    "strtok": _token,
    **dict.fromkeys(("strstr", "strchr"), _found),
    "sscanf": _sscanf,
    **dict.fromkeys(("malloc", "alloca", "aligned_alloc", "_mm_malloc", "omp_alloc"), _malloc),
    "calloc": _calloc,
    "realloc": _malloc,
    "posix_memalign": _device_malloc("host", size_at=2),
    "omp_target_alloc": _omp_alloc,
    "memcpy": _copied,
    "memmove": _copied,
    "memset": _filled,
    "swap": _swapped,
    **dict.fromkeys(
        (
            "printf fprintf puts putchar fflush srand srandom srand48 free fclose puts perror assert delete "
            "exit_data usleep setbuf setvbuf omp_set_num_threads omp_target_free fputs"
        ).split(),
        _nothing,
    ),
    "fopen": _opened,
    "move": _first,
    "forward": _first,
    "raw_pointer_cast": _first,
    "data": _first,
    "omp_get_num_devices": lambda _, __: 1,
    "omp_get_default_device": lambda _, __: 0,
    "omp_get_initial_device": lambda _, __: 1,
    "omp_target_memcpy": _copied,
    # A program that runs alone.
    **dict.fromkeys(("MPI_Init", "MPI_Init_thread"), _nothing),
    "MPI_Comm_rank": _outputs(None, 0),
    "MPI_Comm_size": _outputs(None, 1),
}
for _prefix in ("cuda", "hip"):
    LIBRARY.update(
        {
            _prefix + name: handler
            for name, handler in {
                "Malloc": _device_malloc("device"),
                "MallocAsync": _device_malloc("device"),
                "MallocManaged": _device_malloc("managed"),
                "MallocHost": _device_malloc("pinned"),
                "HostMalloc": _device_malloc("pinned"),
                "HostAlloc": _device_malloc("pinned"),
                "HostGetDevicePointer": _device_pointer,
                "Memcpy": _copied,
                "MemcpyAsync": _copied,
                "MemcpyToSymbol": _nothing,
                "Memset": _filled,
                "MemsetAsync": _filled,
                "GetDeviceProperties": _properties,
                "DeviceGetAttribute": _attribute,
                "GetDeviceCount": _outputs(1),
                "GetDevice": _outputs(0),
                "DriverGetVersion": _outputs(None),
            }.items()
        }
    )
RUNTIME_PREFIXES: Final = ("cuda", "hip")
"""Functions of these runtimes write only through pointers to single variables, and succeed."""
ATTRIBUTES: Final[Mapping[str, str]] = {
    "DevAttrMultiProcessorCount": "multiProcessorCount",
    "DeviceAttributeMultiprocessorCount": "multiProcessorCount",
}
