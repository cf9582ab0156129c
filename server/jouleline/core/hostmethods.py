"""What the methods of vectors and strings give to host code."""

from __future__ import annotations

from collections.abc import Sequence

from .hoststate import HostState
from .hostvalues import Buffer, HostValue, Pointer, copied


def of_vector(state: HostState, buffer: Buffer, name: str, values: Sequence[HostValue]) -> HostValue:
    count = buffer.count.value
    match name:
        case "size" | "length":
            return count
        case "data" | "begin" | "get" | "cbegin":
            return Pointer(buffer)
        case "end" | "cend":
            return Pointer(buffer, count if isinstance(count, int) else None)
        case "resize" | "assign":
            state.write(buffer.count, values[0] if values and isinstance(values[0], int) else None)
        case "clear":
            state.write(buffer.count, 0)
        case "push_back" | "emplace_back":
            cell = buffer.cell(count) if isinstance(count, int) else None
            if cell is not None and values:
                state.write(cell, copied(values[0]))
            state.write(buffer.count, count + 1 if isinstance(count, int) else None)
        case "empty":
            return int(not count) if isinstance(count, int) else None
        case "back" | "front" | "at":
            at = count - 1 if name == "back" and isinstance(count, int) else 0
            at = values[0] if name == "at" and values and isinstance(values[0], int) else at
            cell = buffer.cell(at)
            return cell.value if cell is not None else None
    return None


def of_string(text: str, name: str, values: Sequence[HostValue]) -> HostValue:
    match name, [*values]:
        case "c_str" | "data" | "str", _:
            return text
        case "size" | "length", _:
            return len(text)
        case "empty", _:
            return int(not text)
        case "compare", [str(other), *_]:
            return (text > other) - (text < other)
        case "substr", [int(start)]:
            return text[start:]
        case "substr", [int(start), int(length)]:
            return text[start : start + length]
        case "find", [str(other)]:
            return text.find(other) % 2**64
    return None
