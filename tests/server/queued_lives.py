"""Lives of a process that accepts an operation and carries it out, each killed one step later than the one before.

Run as a program with a folder; it prints what came of each life, a line of JSON each, and forks while it has no thread.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from threadline.database import Database
from threadline.engine.models.fake import FakeEmbedder
from threadline.server import operations, workers  # noqa: F401 - before any fork
from threadline.server.house import House, Room
from threadline.server.retaining import Retaining
from threadline.server.store import operations as store
from threadline.settings import Settings

OPERATION = "7f3e2b1c-0000-4000-8000-000000000001"
PAYLOAD = {"items": [Retaining("Carla plays chess in Lima.", document="doc", mode="append").as_json()]}

#: The writes on the way of an operation. Others come in between, now here and now there: embedding, for one.
WRITES = frozenset({"server.bank", "operations.submit", "operations.take", "engine.put", "operations.complete"})


def main(folder: Path) -> None:
    for step in range(1, 100):
        home = folder / str(step)
        said = _forked(partial(_live, home, step))
        after = _forked(partial(_look, home))
        sys.stdout.write(json.dumps({"said": said, **after[0]}) + "\n")
        if "end" in said:
            return


def _live(home: Path, step: int, tell: Callable[[Any], None]) -> None:
    steps = iter(range(1, 10_000))

    def observe(phase: str, names: tuple[str, ...]) -> None:
        if not WRITES.isdisjoint(names):
            tell(f"{phase} {','.join(names)}")
            if next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

    Database.observer = staticmethod(observe)
    house = _house(home)
    room = house.tenant().make_room("bank")
    operations.submit(room, "batch_retain", PAYLOAD, operation_id=OPERATION)
    tell("accepted")
    assert house.workers.wait_until(lambda: _state(room) == "completed", 20)
    tell("end")
    house.close(5)


def _look(home: Path, tell: Callable[[Any], None]) -> None:
    """What the next process finds: first of itself, then when its client sends the operation again."""
    house = _house(home)
    room = house.tenant().make_room("bank")
    alone = _state(room)
    if alone is not None:
        assert house.workers.wait_until(lambda: _state(room) == "completed", 20)
    sent = operations.submit(room, "batch_retain", PAYLOAD, operation_id=OPERATION)
    assert house.workers.wait_until(lambda: _state(room) == "completed", 20)
    count = room.tenant.database.rows("SELECT count(*) FROM operations")[0][0]
    tell(
        {
            "was_there": alone is not None,
            "repeated": sent.repeated,
            "operations": count,
            "memories": room.tenant.backend.figures(room.id).memories,
        }
    )
    house.close(5)


def _house(home: Path) -> House:
    return House(Settings(home=home, redact=False), embedder=FakeEmbedder)


def _state(room: Room) -> str | None:
    found = store.get(room.tenant.database, room.uid, OPERATION)
    return None if found is None else found.state


def _forked(work: Callable[[Callable[[Any], None]], None]) -> list[Any]:
    """What a forked child tells until it ends."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)

        def tell(what: Any) -> None:
            os.write(writes, json.dumps(what).encode() + b"\n")

        try:
            work(tell)
        except BaseException as error:  # noqa: BLE001 - the parent shows it
            tell(f"failed: {error!r}")
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as told:
        lines = [json.loads(line) for line in told]
    os.waitpid(child, 0)
    return lines


if __name__ == "__main__":
    main(Path(sys.argv[1]))
