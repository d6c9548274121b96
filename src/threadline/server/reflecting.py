"""Reflect as a server does it: without a language model, in quotes, with what they stand on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from threadline.documents import Query, Recalled, Reflection
from threadline.engine.explain import recalled
from threadline.engine.recall.select import Hit
from threadline.engine.reflect.extract import Extractive
from threadline.engine.store.shelf import Unit
from threadline.server.house import Room

#: The most tokens of memories that are read for an answer, unless the answer may be longer.
READ_TOKENS = 4096

_ANSWER = Extractive()


@dataclass(frozen=True, slots=True)
class Reflected(Reflection):
    """An answer with its memories as the server's callers know them.

    Attributes:
        units: the same as `memories`, in the same order.
        read: how many memories were read for it, by type.
    """

    units: tuple[Unit, ...] = ()
    read: Mapping[str, int] = field(default_factory=dict)


def reflect(room: Room, query: Query) -> Reflected:
    """Answer a question from what a recall of it finds.

    The answer keeps to the query's `max_tokens`; what is read for it may be more.

    Raises:
        EmbedderError: the model cannot be loaded or run.
        StorageError: the bank cannot be read.
    """
    tokens = max(query.max_tokens, READ_TOKENS)
    hits = room.engine.recall(replace(query, scope=room.tenant.scope(room), max_tokens=tokens))
    units = room.shelf.units([hit.memory.id for hit in hits])
    told = [(_told(hit, units[hit.memory.id]), units[hit.memory.id]) for hit in hits if hit.memory.id in units]
    answer = _ANSWER(query.text, [memory for memory, _ in told], query.max_tokens)
    behind = {id(memory): unit for memory, unit in told}
    return Reflected(
        answer.text,
        answer.memories,
        answer.extractive,
        units=tuple(behind[id(memory)] for memory in answer.memories),
        read=Counter(unit.type for _, unit in told),
    )


def _told(hit: Hit, unit: Unit) -> Recalled:
    """A hit with its document as its caller knows it: an answer names it where it would name the session."""
    memory = recalled(hit)
    return memory if memory.session else replace(memory, document=unit.document, session=unit.document)
