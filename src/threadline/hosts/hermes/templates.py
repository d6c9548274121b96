"""Which bank an agent remembers in: `bank_id`, or what `bank_id_template` makes of who is speaking.

A bank is what keeps one user's memories from another's, so where the template cannot be filled the answer must not be
a bank that several users share by accident. The fallback is `bank_id`; but where the host serves users of a platform,
and the template asks for the user or cannot be understood, it is `bank_id` narrowed to that user, or if even that is
unknown to the chat, or to the session. On the owner's own machine (terminal, desktop) there is one user, and `bank_id`
is theirs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from string import Formatter

from threadline.errors import InvalidBankError
from threadline.session.checks import check_bank

PLACEHOLDERS = ("profile", "workspace", "platform", "user", "session")

#: Platforms of the host on which only its owner speaks. Where the host names a user, it is believed all the same.
_OWN = frozenset({"", "cli", "tui", "desktop", "webui", "local", "acp", "cron"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Who is speaking and where, as far as the host says; empty where it does not.

    Attributes:
        profile, workspace: of the agent.
        session: the one that the agent was started with. A bank is chosen once for an agent, as the Hindsight provider
            does it; it does not move when the agent goes to another session.
    """

    profile: str = ""
    workspace: str = ""
    platform: str = ""
    user: str = ""
    chat: str = ""
    session: str = ""

    @property
    def is_shared(self) -> bool:
        """Whether others than the owner may speak to the agent there."""
        return bool(self.user) or self.platform.lower() not in _OWN


@dataclass(frozen=True, slots=True)
class Choice:
    """A bank, and why it is not what the template says, where it is not."""

    bank: str
    problem: str = ""


def choose_bank(template: str, bank_id: str, origin: Origin) -> Choice:
    """The bank for an origin.

    What a placeholder stands for is written in letters, digits, `-` and `_`, as the Hindsight provider does it, so that
    its banks are found again. Where that is not all of it, a short hash follows: `ann@home` and `ann-home` stay apart.

    Raises:
        InvalidBankError: `bank_id` itself cannot be used.
    """
    check_bank(bank_id)
    if not template.strip():
        return Choice(bank_id)
    try:
        names = _names(template)
    except ValueError as error:
        return _fall_back(template, bank_id, origin, f"it cannot be read ({error})", narrow=True)
    unknown = [name for name in names if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        reason = f"there is no {{{unknown[0]}}}; there are {known}"
        return _fall_back(template, bank_id, origin, reason, narrow=True)
    values = {name: segment(getattr(origin, name)) for name in names}
    empty = [name for name in names if not values[name]]
    if empty:
        reason = f"the host does not say what {{{empty[0]}}} is here"
        return _fall_back(template, bank_id, origin, reason, narrow="user" in names)
    try:
        return Choice(check_bank(_tidy(template.format(**values))))
    except (InvalidBankError, ValueError) as error:
        return _fall_back(template, bank_id, origin, f"what it makes is no bank ({error})", narrow=True)


def segment(value: str) -> str:
    """A value as a part of a bank's name; values that differ stay different."""
    letters = "".join(each if each.isalnum() or each in "-_" else "-" for each in value)
    plain = _tidy(letters)
    if plain == value:
        return plain
    return f"{plain[:80]}-{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:10]}".lstrip("-")


def _names(template: str) -> list[str]:
    """The placeholders of a template, in order.

    Raises:
        ValueError: it is not one.
    """
    names: list[str] = []
    for _, name, details, conversion in Formatter().parse(template):
        if details or conversion:
            raise ValueError("write placeholders as {user}, with nothing else in the braces")
        if name is not None:
            names.append(name)
    return names


def _tidy(name: str) -> str:
    while "--" in name:
        name = name.replace("--", "-")
    while "__" in name:
        name = name.replace("__", "_")
    return name.strip("-_")


def _fall_back(template: str, bank_id: str, origin: Origin, reason: str, *, narrow: bool) -> Choice:
    bank = bank_id
    if narrow and origin.is_shared:
        whose = f"{origin.platform}:{origin.user or origin.chat or origin.session}"
        bank = f"{bank_id}-{segment(whose)}"[:256]
    return Choice(bank, f"bank_id_template {template!r}: {reason}. This agent remembers in the bank {bank!r} instead.")
