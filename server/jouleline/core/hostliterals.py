"""The values of literals in host code, integers apart from real numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_ESCAPES: Final = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\", "'": "'", '"': '"', "r": "\r"}


@lru_cache(maxsize=4096)
def literal(text: str) -> int | float | None:
    """The value of a numeric literal, an int where C++ has an integer."""
    text = text.replace("'", "").lower()
    digits = text.rstrip("ulz")
    try:
        if digits.startswith(("0x", "0b")):
            return int(digits, 0) if "." not in digits and "p" not in digits else float.fromhex(digits)
        if digits.isdigit():
            return int(digits, 8 if len(digits) > 1 and digits[0] == "0" else 10)
        if digits[:1] in ("-", "+"):
            value = literal(digits[1:].lstrip())
            return -value if value is not None and digits[0] == "-" else value
        return float(text.rstrip("fl"))
    except (ValueError, OverflowError):
        return None


def unescaped(text: str) -> str:
    """The content of a string literal with its escapes resolved."""
    if "\\" not in text:
        return text
    result, index = [], 0
    while index < len(text):
        if text[index] == "\\" and index + 1 < len(text):
            index += 1
            result.append(_ESCAPES.get(text[index], text[index]))
        else:
            result.append(text[index])
        index += 1
    return "".join(result)
