"""How a turn of the host's log, or one that the host hands over, gets into a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from threadline.errors import ForgottenError, InputError
from threadline.hosts.fence import strip_fences
from threadline.hosts.hermes import messages as texts
from threadline.hosts.hermes.alignment import REST, Held
from threadline.hosts.hermes.hostturns import HostTurn
from threadline.session.session import Session
from threadline.turns import Json, Message

#: The metadata of a turn, by its session's id, its messages, and the how manyth of the session it is in the log.
Metadata = Callable[[str, Sequence[Message], int], Mapping[str, Json]]


@dataclass
class Reconciled:
    """What a comparison with the log changed.

    Attributes:
        added: (session, number) of the turns that were recorded.
        retracted: (session, number) of the turns that were taken back.
        lineages: the sessions of which it was learned how they descend.
        skipped: session (or the log's path) -> why something of it was left alone.
    """

    added: list[tuple[str, int]] = field(default_factory=list)
    retracted: list[tuple[str, int]] = field(default_factory=list)
    lineages: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything did."""
        return bool(self.added or self.retracted or self.lineages)

    def include(self, other: Reconciled) -> None:
        """Add what another comparison changed."""
        self.added += other.added
        self.retracted += other.retracted
        self.lineages += other.lineages
        self.skipped |= other.skipped


@dataclass
class Told:
    """A turn as the host hands it over."""

    user: str
    assistant: str
    messages: Sequence[Mapping[str, object]] | None

    @cached_property
    def said(self) -> str:
        """What the user said, canonical."""
        return texts.canonical(texts.said(texts.plain(self.user)))

    @cached_property
    def listed(self) -> list[Message]:
        """Everything that was said and done."""
        found = texts.last_turn(self.messages or (), self.user)
        if found:
            return found
        answer = strip_fences(texts.plain(self.assistant)).strip()
        asked = texts.user_message(texts.plain(self.user))
        return [*([asked] if asked else []), *([Message("assistant", answer)] if answer else [])]

    @cached_property
    def answers(self) -> set[str]:
        """How the answer may stand in the log; others may have changed it on its way."""
        last = [message.text for message in self.listed if message.role == "assistant"][-1:]
        return {texts.canonical(text) for text in (texts.plain(self.assistant), *last)} - {""}

    def is_turn(self, turn: HostTurn) -> bool:
        """Whether it is surely a turn of the log."""
        return turn.user in ("", self.said) and turn.answer in self.answers


class Writing:
    """Writes turns of the log into one session.

    Args:
        keys: the keys that the journal has for it; None to ask the journal each time.
    """

    def __init__(
        self,
        session: Session,
        result: Reconciled,
        keys: set[str | None] | None,
        metadata: Metadata | None,
        named: Callable[[str, Message], Message],
    ) -> None:
        self._session = session
        self._result = result
        self._keys = keys
        self._metadata = metadata
        self._named = named

    def bring(self, turn: HostTurn, one: Held | None, told: Told | None, restored: bool = False) -> Held | None:
        """Have the journal hold a turn as the log has it.

        Args:
            one: what it holds of the turn.
            told: how the host handed the turn over, if it did.
            restored: a turn that was taken back, but not in the log, was restored there.

        Returns:
            What it holds now; None where it cannot.
        """
        if one is None:
            one = self._find(turn)
        if one is None or (restored and not one.visible):
            return self._add(turn, told)
        if one.visible:
            self._grow(turn, one)
        return one

    def _find(self, turn: HostTurn) -> Held | None:
        """What was recorded of a turn just now, by another process."""
        found = self._session.find_turn(turn.key(self._session.id)) if self._keys is None else None
        if found is None or (turn.genuine and Held(found).from_log and found.occurred_at != turn.occurred_at):
            return None
        return Held(found)

    def _add(self, turn: HostTurn, told: Told | None) -> Held | None:
        listed = turn.messages()
        if told is not None:
            listed = _captioned(listed, told)
        place = turn.place
        while self._taken(turn.key(self._session.id, place)):
            place += 1
        added = self._write(turn, listed, turn.key(self._session.id, place))
        if added is not None:
            self._grow(turn, added)
        return added

    def _grow(self, turn: HostTurn, one: Held) -> None:
        rest = one.missing(turn)
        if rest:
            key = f"{one.turn.host_key or turn.key(self._session.id)}{REST}{len(one.messages)}"
            found = self._write(turn, rest, key, rest[0].occurred_at)
            one.rests += [found.turn] if found is not None else []

    def _taken(self, key: str) -> bool:
        return key in self._keys if self._keys is not None else self._session.find_turn(key) is not None

    def _write(
        self, turn: HostTurn, listed: Sequence[Message], key: str, occurred_at: datetime | None = None
    ) -> Held | None:
        metadata = self._metadata(self._session.id, listed, turn.number) if self._metadata else None
        listed = [self._named(self._session.id, message) for message in listed]
        try:
            added = self._session.add_turn(
                messages=listed, occurred_at=occurred_at or turn.occurred_at, host_key=key, metadata=metadata
            )
        except ForgottenError:
            return None  # the user wanted it gone
        except InputError as error:
            self._result.skipped[self._session.id] = str(error)
            return None
        if self._keys is not None:
            self._keys.add(key)
        self._result.added.append((self._session.id, added.number))
        return Held(added)


def target_of(turns: Sequence[HostTurn], told: Told, matched: Mapping[int, Held]) -> HostTurn | None:
    """The turn of the log that the host told of."""
    for turn in reversed(turns):
        if told.is_turn(turn):
            return turn
    # Its answer may have been changed on its way here.
    same = [turn for turn in turns if turn.user == told.said and id(turn) not in matched]
    return same[-1] if same else None


def _captioned(listed: list[Message], told: Told) -> list[Message]:
    """The messages with what the host knows of their pictures: its log has only `[screenshot]` in their place."""
    asked = next((message for message in told.listed if message.role == "user"), None)
    return [
        replace(message, text=asked.text)
        if asked is not None and message.role == "user" and message.speaker is None and "[screenshot]" in message.text
        else message
        for message in listed
    ]


def as_it_is(_: str, message: Message) -> Message:
    """What a message is recorded as where nothing more is known of who spoke."""
    return message
