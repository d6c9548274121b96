"""Which finders have anything to look at: each needs a literal, and all of them are looked for in one pass."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from threadline.redaction.blocks import KEY_TRIGGERS
from threadline.redaction.named import NAME_TRIGGERS
from threadline.redaction.tokens import LIBRARY_TRIGGERS, OWN_RULES

if TYPE_CHECKING:
    from ahocorasick_rs import AhoCorasick


_EXACT_LITERALS = sorted({*(rule.triggers[0] for rule in OWN_RULES), *LIBRARY_TRIGGERS, *KEY_TRIGGERS, "://"})
_LOWER_LITERALS = sorted({*NAME_TRIGGERS, "-u"})
# A scanner lists every place; in a long text that may be millions, so there each literal is looked for once.
_LONG = 65_536


def literals_in(text: str, *, exact: bool) -> frozenset[str]:
    """The literals in the text; of the names, which have no case, those in the lower-cased text."""
    wanted = _EXACT_LITERALS if exact else _LOWER_LITERALS
    if len(text) < _LONG:
        try:
            places = scanner(exact=exact).find_matches_as_indexes(text, overlapping=True)
        except UnicodeEncodeError:
            pass  # a lone surrogate, which the scanner cannot take
        else:
            return frozenset(wanted[index] for index, _, _ in places)
    return frozenset(literal for literal in wanted if literal in text)


@functools.cache
def scanner(*, exact: bool) -> AhoCorasick:
    """What finds all the literals in one pass."""
    from ahocorasick_rs import AhoCorasick

    return AhoCorasick(_EXACT_LITERALS if exact else _LOWER_LITERALS)
