"""What others wrote, on the user's terminal: control characters are shown, and not obeyed.

Names in a source, a compiler's words, a program's output, a model's answer and what another machine says
all end up there. An escape sequence in them could rename the window, hide a line, or type for the user.
"""

from __future__ import annotations

from typing import Final

_PICTURES: Final = 0x2400
_KEPT: Final = "\n\t"
# Those that turn the direction of what follows, so that code reads otherwise than it is (CVE-2021-42574).
_TURNS: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SIGNS: Final = {
    **{code: chr(_PICTURES + code) for code in range(0x20) if chr(code) not in _KEPT},
    0x7F: "\N{SYMBOL FOR DELETE}",
    **dict.fromkeys((*range(0x80, 0xA0), *_TURNS), "\N{REPLACEMENT CHARACTER}"),
}


def visible(text: str) -> str:
    """The text with a sign for each character that a terminal would obey; lines and tabs stay."""
    return text.translate(_SIGNS)
