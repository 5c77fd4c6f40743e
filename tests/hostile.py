"""Text that a terminal would interpret, and what must not reach one. Independent of how the operator decides that."""

from __future__ import annotations

import unicodedata

BIDI = "".join(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
CONTROLS = "".join(map(chr, [*range(0x20), 0x7F, *range(0x80, 0xA0)]))
HOSTILE = f"begin {CONTROLS}{BIDI}\u2028\u2029 \x1b[8mhidden\x1b]0;title\x07 \x9b2J\nError: forged end"
"""All of C0, DEL, C1, the bidirectional overrides and the separators, and some sequences that terminals know."""


def interpreted(text: str, own: str = "\n\t") -> list[str]:
    """The characters of a text that a terminal or an editor would interpret, beside those of our own layout."""
    bad = {"Cc", "Zl", "Zp", "Cs"}
    return sorted({
        f"U+{ord(char):04X}" for char in text if char not in own and (unicodedata.category(char) in bad or char in BIDI)
    })  # fmt: skip
