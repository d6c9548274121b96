"""Retain as a server does it: items of documents, stored and recallable when it returns, all of them or none."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from threadline.engine.retain.split import slices
from threadline.engine.store.base import Entity, Item
from threadline.errors import RequestError
from threadline.redaction import redact
from threadline.server import configs, metrics
from threadline.server.house import Room
from threadline.session.checks import check_id, clean_text, map_texts
from threadline.turns import Json

UpdateMode = Literal["replace", "append"]


@dataclass(frozen=True, slots=True)
class Retaining:
    """One item of a retain.

    Attributes:
        document: the document it is of; None: one that is made for it.
        occurred_at: when it was said; None: now.
        timeless: it has no time, such as a reference text.
        mode: whether it takes the place of what its document has.
        params: what the caller said of it, kept with the document.
    """

    text: str
    document: str | None = None
    occurred_at: datetime | None = None
    timeless: bool = False
    context: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    entities: tuple[Entity, ...] = ()
    mode: UpdateMode = "replace"
    role: str = "user"
    params: Mapping[str, Json] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The item as JSON, for an operation that is carried out later."""
        return {
            "text": self.text,
            "document": self.document,
            "occurred_at": None if self.occurred_at is None else self.occurred_at.isoformat(),
            "timeless": self.timeless,
            "context": self.context,
            "metadata": dict(self.metadata),
            "tags": list(self.tags),
            "entities": [[entity.name, entity.kind] for entity in self.entities],
            "mode": self.mode,
            "role": self.role,
            "params": dict(self.params),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Retaining:
        """The item that `as_json` gave."""
        occurred_at = value["occurred_at"]
        return cls(
            **{
                **value,
                "occurred_at": None if occurred_at is None else datetime.fromisoformat(occurred_at),
                "tags": tuple(value["tags"]),
                "entities": tuple(Entity(*each) for each in value["entities"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Retained:
    """What a retain stored.

    Attributes:
        documents: those it wrote to, in order.
        units: how many memories were made.
        applied: False where its key was applied before, and nothing was to be done.
    """

    documents: tuple[str, ...]
    units: int
    applied: bool


def placed(items: Sequence[Retaining]) -> list[Retaining]:
    """The items, each with a document: those without share one if none has any, else each gets its own.

    Raises:
        RequestError: one is to be appended to nothing.
        InvalidIdError: a document's id or a tag cannot be used.
    """
    shared = str(uuid.uuid4()) if all(item.document is None for item in items) else None
    return [_placed(item, shared) for item in items]


def retain(room: Room, items: Sequence[Retaining], *, key: str | None = None) -> Retained:
    """Store items in one transaction. They can be recalled when it returns.

    Args:
        key: the idempotency key; one that was applied before changes nothing. None: each call is another retain.

    Raises:
        RequestError, InvalidIdError: an item cannot be used; nothing was stored.
        EmbedderError: the model cannot be loaded or run.
        StorageError: the bank cannot be written.
    """
    config = room.config
    ready = [_item(item, _config_of(item, config)) for item in screen(room, placed(items))]
    if not ready:
        return Retained((), 0, applied=True)
    documents = tuple(dict.fromkeys(item.source for item, _ in ready))
    replaced = {item.source for item, mode in ready if mode == "replace"}
    stored = [item for item, _ in ready]
    key = key or f"retain:{secrets.token_hex(16)}"
    vectors = room.tenant.house.backlogs
    if vectors.embeds_now():
        applied = room.engine.put(stored, key, replaced=replaced)
    else:
        with vectors.later(room):
            applied = room.engine.put(stored, key, replaced=replaced, embed=False)
    from threadline.server import refreshing, webhooks  # they submit operations, and these retain

    webhooks.emit_retained(room, items, key)
    if applied:
        metrics.RETAINED.inc(len(items))
        refreshing.after_write(room)
    return Retained(documents, sum(len(chunk) for item in stored for chunk in item.chunks), applied)


def screen(room: Room, items: Sequence[Retaining]) -> list[Retaining]:
    """The items as they may be written, also where they are only to be retained later: without secrets.

    Raises:
        RequestError: there is a secret in one, and the bank takes nothing with secrets.
        InvalidTurnError: a text cannot be stored.
    """
    config = room.config
    redacts = room.tenant.house.settings.redact is not False
    return [_screened(item, _config_of(item, config), redacts=redacts) for item in items]


def cut(text: str, config: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """A text in chunks, each in the slices that become memories. Joined they are the text.

    Args:
        config: that of the bank.
    """
    return tuple(tuple(slices(chunk)) for chunk in slices(text, int(config["retain_chunk_size"])))


def screened(text: str, what: str, config: Mapping[str, Any], *, redacts: bool) -> str:
    """A text as it may be stored: without secrets, where the server or the bank's `memory_defense` says so.

    Args:
        what: what it is, for the user.
        config: that of the bank.
        redacts: whether the server takes secrets out of all banks.

    Raises:
        RequestError: there is a secret in it, and the bank takes nothing with secrets.
    """
    text = clean_text(text, what)
    actions = configs.defense(config)
    if "block" in actions and redact(text)[1]:
        raise RequestError(
            f"The memory_defense of this bank takes nothing with secrets in it, and there is one in the {what}: take "
            "it out and send the rest. Nothing was stored.",
            422,
        )
    return redact(text)[0] if redacts or "redact" in actions else text


def _placed(item: Retaining, shared: str | None) -> Retaining:
    if item.document is None and item.mode == "append":
        raise RequestError("update_mode='append' requires a document_id")
    document = item.document if item.document is not None else shared or str(uuid.uuid4())
    check_id(document, "document id")
    for tag in item.tags:
        check_id(tag, "tag")
    return replace(item, document=document)


def _screened(item: Retaining, config: Mapping[str, Any], *, redacts: bool) -> Retaining:
    """An item with everything that is written of it screened."""

    def screen(what: str) -> Callable[[str], str]:
        return lambda text: screened(text, what, config, redacts=redacts)

    return replace(
        item,
        text=screen("content")(item.text),
        context=item.context and screen("context")(item.context),
        metadata={name: map_texts(value, screen("metadata")) for name, value in item.metadata.items()},
        params={name: map_texts(value, screen("parameters")) for name, value in item.params.items()},
    )


def _config_of(item: Retaining, config: Mapping[str, Any]) -> Mapping[str, Any]:
    strategy = item.params.get("strategy")
    return configs.with_strategy(config, strategy if isinstance(strategy, str) else None)


def _item(item: Retaining, config: Mapping[str, Any]) -> tuple[Item, UpdateMode]:
    now = datetime.now(UTC)
    made = Item(
        source=item.document or "",
        chunks=cut(item.text, config),
        occurred_at=item.occurred_at or now,
        stored_at=now,
        role=item.role,
        tags=tuple(dict.fromkeys(item.tags)),
        metadata=item.metadata,
        context=item.context,
        entities=item.entities,
        extra={**({"timeless": True} if item.timeless else {}), "params": dict(item.params)},
    )
    return made, item.mode
