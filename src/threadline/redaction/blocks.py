"""Private keys with their body."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from threadline.redaction.marks import KEY_BLOCK, Secret

_KEY_BORDER = re.compile(
    r"-----(?:(?P<begin>BEGIN)|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"|(?P<putty>PuTTY-User-Key-File-\d:)|Private-MAC: [0-9a-f]{1,128}"
)
KEY_TRIGGERS = ("PRIVATE KEY", "PuTTY-User-Key-File")
_KEY_BODY = re.compile(r"(?:(?:\s|\\[rn]){1,4}[A-Za-z0-9+/=]{16,}+)+")


def find_key_blocks(text: str, literals: frozenset[str]) -> Iterator[Secret]:
    """Private keys with their body; one whose end is missing, as far as its Base64 goes."""
    if literals.isdisjoint(KEY_TRIGGERS):
        return
    for border, following in itertools.pairwise([*_KEY_BORDER.finditer(text), None]):
        if border is None or not (border["begin"] or border["putty"]):
            continue
        if following and not (following["begin"] or following["putty"]):
            yield Secret(border.start(), following.end(), KEY_BLOCK)
        elif body := _KEY_BODY.match(text, border.end()):
            yield Secret(border.start(), body.end(), KEY_BLOCK)
