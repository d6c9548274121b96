"""What the session routes are told. Unknown fields are refused: a misspelt option would be one that does nothing."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Strict

from threadline import documents, turns
from threadline.documents import Budget, MemoryType
from threadline.errors import InputError
from threadline.journal.descent import Descent
from threadline.session.recall import RecallOptions
from threadline.session.session import ScopeName, SwitchReason
from threadline.tags import from_group
from threadline.turns import Role

Count = Annotated[int, Strict(), Field(ge=-(2**63), lt=2**63)]
Switch = Annotated[bool, Strict()]
#: How long a request may wait, in seconds.
Seconds = Annotated[float, Field(ge=0, le=300, allow_inf_nan=False)]
Time = Annotated[AwareDatetime, Field(examples=["2026-05-01T12:00:00+02:00"])]


class Body(BaseModel):
    """The JSON object of a request."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Identity(Body):
    """Where a session comes from, as its host knows it."""

    platform: str | None = None
    user: str | None = None
    chat: str | None = None
    thread: str | None = None
    agent: str | None = None

    def value(self) -> turns.Identity:
        """As the library has it."""
        return turns.Identity(self.platform, self.user, self.chat, self.thread, self.agent)


class Opening(Body):
    """A session that is opened."""

    session: str = Field(examples=["chats/2026-11"])
    """The id its host gives it: any text up to 1,024 characters."""
    identity: Identity | None = None
    tags: list[str] | None = None
    """Delivered with its turns; recall can be narrowed to them."""
    metadata: dict[str, Any] | None = None
    """Delivered with its turns."""


class Message(Body):
    """One thing said or done within a turn."""

    role: Role
    text: str
    speaker: str | None = None
    occurred_at: Time | None = None
    ref: str | None = None
    """The host's id of the message; recall returns it."""

    def value(self) -> turns.Message:
        """As the library has it."""
        return turns.Message(self.role, self.text, self.speaker, self.occurred_at, self.ref)


class Said(Body):
    """A turn: one user message and what the agent answered and did. Either `user` and `assistant`, or `messages`."""

    user: str | None = Field(None, examples=["I moved to Lisbon in May."])
    assistant: str | None = Field(None, examples=["Noted! How is it?"])
    messages: list[Message] | None = Field(None, examples=[None])
    """Everything that was said and done, in order, tool calls included."""
    occurred_at: Time | None = None
    """When; now if not given."""
    host_key: str | None = Field(None, examples=["message-4711"])
    """The host's key of the turn. Sent again with its key, it is the same turn: a lost answer costs nothing."""
    metadata: dict[str, Any] | None = None

    def value(self) -> list[turns.Message] | None:
        """Its messages as the library has them."""
        return None if self.messages is None else [message.value() for message in self.messages]


class Noted(Body):
    """Something retained on purpose."""

    text: str = Field(examples=["Prefers trains to planes."])
    tags: list[str] = []
    context: str | None = None
    """What the text is about, where it does not say so itself."""
    occurred_at: Time | None = None
    host_key: str | None = None
    """Sent again with its key, it is the same note."""
    metadata: dict[str, Any] | None = None


class Branched(Body):
    """A branch."""

    session: str
    """The id of the new session."""
    at_turn: Count | None = None
    """The last of the parent's own turns that it sees; 0 for none; the latest if not given."""


class Continued(Body):
    """A continuation under a new id."""

    session: str


class Descended(Body):
    """How a session descends, told late."""

    parent: str
    kind: Descent = "branch"
    at_turn: Count | None = None


class Switched(Body):
    """Where the host goes."""

    session: str | None = None
    """The session it goes to, new or old; none, or the same: it stays, but for what the reason says."""
    reason: SwitchReason = "resume"
    parent: str | None = None
    at_turn: Count | None = None


class Compressed(Body):
    """A conversation that was summarised in place."""

    kept_turns: Count = 0
    """How many of the last turns the host's model still has word for word."""


class Rewound(Body):
    """How many turns are undone."""

    turns: Count = 1


class RewoundTo(Body):
    """What the host still has."""

    kept: list[str]
    """What the user said in each turn that is left, oldest first."""


class TakenBack(Body):
    """Which turns are undone."""

    turns: list[Count]


class Asked(Body):
    """A recall over a bank."""

    query: str = Field(examples=["Where does Alice live?"])
    max_tokens: Count | None = None
    """The most tokens that the texts returned may take together; 4,096."""
    limit: Count | None = None
    """The most memories returned; 50."""
    tags: list[str] | dict[str, Any] | None = Field(
        None, examples=[{"and": [{"tags": ["travel"], "match": "any"}, {"not": {"tags": ["work"]}}]}]
    )
    """Only what carries all of these; or a condition, as a tag group: `{"tags": [...], "match": "any"}`, joined with
    `and`, `or` and `not`."""
    types: list[MemoryType] | None = None
    since: Time | None = None
    """Only what was said at this moment or later."""
    until: Time | None = None
    """Only what was said before it."""
    as_of: Time | None = None
    """What was known at this moment."""
    asked_at: Time | None = None
    """The moment from which "yesterday" is seen."""
    budget: Budget | None = None
    min_confidence: float | None = None
    outside_context: Switch | None = None
    """Leave out what the host's model still holds word for word; for a session's recall only."""

    def options(self) -> RecallOptions:
        """What is said of it besides the query, as the library takes it.

        Raises:
            InputError: the tags are no condition.
        """
        names = self.model_fields_set & RecallOptions.__annotations__.keys()
        said = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if isinstance(self.tags, dict):
            said["tags"] = from_group(self.tags)
        return cast("RecallOptions", said)


class Recall(Asked):
    """A recall over a bank."""

    fresh: Switch = False
    """Wait first until everything said so far is delivered."""


class Wanted(Body):
    """A memory that somebody expects."""

    document: str = Field(examples=["session:chats/2026-11"])
    turn: Count | None = None

    def value(self) -> documents.Wanted:
        """As the library has it."""
        return documents.Wanted(self.document, self.turn)


class Explain(Asked):
    """A recall that is to be explained."""

    wanted: Wanted | None = None


class SessionAsked(Asked):
    """A question of a session's."""

    scope: ScopeName = "session"
    """`session`: it and its ancestors up to each fork; `bank`: everything in the bank."""


class SessionRecall(SessionAsked, Recall):
    """A recall for a session."""


class SessionExplain(SessionAsked, Explain):
    """A session's recall that is to be explained."""


class Prefetched(SessionAsked):
    """What a prefetch found: the arguments are those given to it."""

    deadline: Seconds
    """How long to wait, in seconds."""
    instead: str | None = None
    """Where that is not enough, return what an earlier prefetch, of this query, has found by then."""


class Flush(Body):
    """How long to wait for delivery."""

    seconds: Seconds = 20.0
    hurry: Switch = True
    """Try at once what rests after a failure."""


class ProbeFor(Body):
    """How long a check may take."""

    seconds: Seconds = 10.0


class Ids(Body):
    """Deliveries, by their numbers."""

    ids: list[Count] = []


class Rebuild(Body):
    """What a bank is made again from."""

    from_journal: Switch = False
    """Empty it first and deliver every turn and note of the journal again, and wait until that is done."""


class Forget(Body):
    """What is to be forgotten: exactly one of a session (or one turn of it), a document, or everything."""

    session: str | None = None
    turn: Count | None = None
    document: str | None = Field(None, examples=["note:6f1c"])
    everything: Switch = False
    """The whole bank; it needs a key with scope admin."""
    seconds: Seconds = 30.0
    """How long to wait for it; what takes longer is done all the same, and the proof says that it is not complete."""

    def check(self) -> None:
        """Refuse what is said twice, before anything is done.

        Raises:
            InputError: not exactly one thing was named.
        """
        if self.everything and (self.session is not None or self.document is not None or self.turn is not None):
            raise InputError("Name one thing to forget: a session (and a turn of it), a document, or everything.")
