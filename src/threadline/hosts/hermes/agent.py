"""Who the agent is and who speaks to it, as the host says it when it starts a provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from threadline.hosts.hermes.config import Config
from threadline.hosts.hermes.messages import canonical, said
from threadline.hosts.hermes.templates import Origin
from threadline.turns import Identity, Json, Message

#: What goes into a session's metadata besides its identity: the Hindsight provider's names, and what it leaves out.
_METADATA = (
    "user_name",
    "user_id_alt",
    "chat_name",
    "chat_type",
    "agent_workspace",
    "session_title",
    "gateway_session_key",
)


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent of the host.

    Attributes:
        hermes: the home of the host that it runs in.
        session: the session that it was started with.
        writes: whether what it says is the user's conversation; an agent that only helps in the background may
            recall, and never writes.
        told: what the host said of it, by the host's names.
    """

    hermes: Path
    session: str
    writes: bool = True
    told: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, hermes: str | Path, session: object, given: Mapping[str, Any]) -> Agent:
        """An agent as the host describes it to `initialize`."""
        told = {name: text for name, value in given.items() if (text := _text(value))}
        context = told.get("agent_context", "primary")
        return cls(Path(hermes).expanduser().absolute(), _text(session), context == "primary", told)

    @property
    def origin(self) -> Origin:
        """What a bank can be chosen by."""
        told = self.told
        return Origin(
            profile=told.get("agent_identity", ""),
            workspace=told.get("agent_workspace", ""),
            platform=told.get("platform", ""),
            user=told.get("user_id", ""),
            chat=told.get("chat_id", ""),
            session=self.session,
        )

    @property
    def identity(self) -> Identity:
        """What its sessions are described by."""
        told = self.told
        return Identity(
            platform=told.get("platform"),
            user=told.get("user_id"),
            chat=told.get("chat_id"),
            thread=told.get("thread_id"),
            agent=told.get("agent_identity"),
        )

    def metadata(self, config: Config) -> dict[str, Json]:
        """What is delivered with its sessions."""
        found: dict[str, Json] = {name: self.told[name] for name in _METADATA if name in self.told}
        if config.retain_source:
            found["source"] = config.retain_source
        return found


@dataclass(frozen=True, slots=True)
class Author:
    """Who began a turn, where newer hosts say it: in a group not always the same, and sometimes another bot.

    Attributes:
        said: what they said, as texts are compared.
    """

    said: str
    id: str = ""
    name: str = ""
    is_bot: bool = False

    @classmethod
    def of(cls, given: object, user: str) -> Author | None:
        """The author as the host says it (`turn_author`); None where it does not."""
        if not isinstance(given, Mapping):
            return None
        author = cls(
            canonical(said(user)), _text(given.get("id")), _text(given.get("name")), given.get("is_bot") is True
        )
        return author if author.id or author.name else None

    def metadata(self, messages: Sequence[Message]) -> dict[str, Json]:
        """What is kept of it with the turn; nothing with a turn that somebody else began."""
        if not any(message.role == "user" and canonical(message.text) == self.said for message in messages):
            return {}
        found: dict[str, Json] = {"author_id": self.id, "author_name": self.name, "author_is_bot": self.is_bot}
        return {name: value for name, value in found.items() if value}


def _text(value: object) -> str:
    """A value of the host's as text; what is neither text nor a number is none."""
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
