"""Events that date a question: when "the move" of "before the move" was is looked up in the bank itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from threadline.engine.recall.rank import Effort, Ranked
from threadline.engine.recall.timeframe import Relation, Timeframe

#: How an event is looked up that dates what is asked for, and how sure one must be to have found it.
EVENT = Effort(depth=50, second_look=30)
_FOUND = 0.5

#: What is "around" an event lies within so many days of when it was told.
_AROUND = timedelta(days=7)


def frames_of(relation: Relation, event: Ranked) -> tuple[Timeframe, ...]:
    """When a thing was that lies before, after or around an event; nothing where the event is not found for sure.

    Args:
        event: the memories weighed against the words that name the event.
    """
    if not len(event.places) or event.confidence[0] < _FOUND:
        return ()
    told = datetime.fromtimestamp(float(event.rows.said_at[event.places[0]]), UTC)
    frame = {
        "before": Timeframe(None, told, "", firm=False),
        "after": Timeframe(told, None, "", firm=False),
        "around": Timeframe(told - _AROUND, told + _AROUND, "", firm=False),
    }[relation]
    return (frame,)
