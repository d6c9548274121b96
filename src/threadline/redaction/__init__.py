"""Secrets taken out of a text before anything is written: keys, tokens, passwords, private keys.

Each becomes `[redacted:<kind>]`. Four finders look at a text, each only when a literal it cannot do without
is there, so that an ordinary message costs one pass over it:

- tokens with a known look: the rules of detect-secrets (https://github.com/Yelp/detect-secrets), and a table
  for what those lack;
- private key blocks, with their body;
- passwords in URLs and on command lines;
- values that are named: `password: hunter2`, `"api_key": "..."`, `my password is ...`, `Authorization: ...`.

docs/redaction.md says what is found, what is not, and why.
"""

from __future__ import annotations

from threadline.redaction.blocks import find_key_blocks
from threadline.redaction.literals import literals_in, scanner
from threadline.redaction.marks import MARK, Secret, lower, outside_marks
from threadline.redaction.named import find_command_passwords, find_named_values, find_url_passwords
from threadline.redaction.tokens import LEFT_OUT, LIBRARY, find_tokens, library_rules

__all__ = ["LEFT_OUT", "LIBRARY", "MARK", "Secret", "find_secrets", "redact", "warm"]


def redact(text: str) -> tuple[str, int]:
    """Replace every secret by `[redacted:<kind>]`.

    Redacting a text again changes nothing. Time is linear in the text's length. Any thread may call it.

    Returns:
        The text without its secrets, and how many were replaced.

    """
    count = 0
    # With one taken out, what stood before it may look like another: a token is only one where it ends.
    while secrets := find_secrets(text):
        text = _without(text, secrets)
        count += len(secrets)
    return text, count


def _without(text: str, secrets: list[Secret]) -> str:
    parts: list[str] = []
    done = 0
    for secret in secrets:
        parts += text[done : secret.start], f"{MARK}{secret.kind}]"
        done = secret.end
    return "".join([*parts, text[done:]])


def find_secrets(text: str) -> list[Secret]:
    """Every secret of a text, in order, none overlapping another."""
    lowered = lower(text)
    literals = literals_in(text, exact=True)
    names = literals_in(lowered, exact=False)
    if not literals and not names:
        return []
    found = [
        *find_tokens(text, literals),
        *find_key_blocks(text, literals),
        *find_url_passwords(text, literals),
        *find_named_values(text, lowered, names),
        *find_command_passwords(text, lowered, names),
    ]
    return _merge(outside_marks(text, found))


def warm() -> None:
    """Load the rules now (about 0.2 s), so that the first secret met does not wait for them."""
    library_rules()
    scanner(exact=True)
    scanner(exact=False)


def _merge(found: list[Secret]) -> list[Secret]:
    """Join what overlaps. The kind is that of the finder listed first, which knows best what it saw."""
    if len(found) < 2:
        return found
    ranked = sorted(enumerate(found), key=lambda pair: (pair[1].start, pair[0]))
    merged: list[tuple[int, Secret]] = [ranked[0]]
    for rank, secret in ranked[1:]:
        best, last = merged[-1]
        if secret.start >= last.end:
            merged.append((rank, secret))
            continue
        kind = last.kind if best <= rank else secret.kind
        merged[-1] = (min(best, rank), Secret(last.start, max(last.end, secret.end), kind))
    return [secret for _, secret in merged]
