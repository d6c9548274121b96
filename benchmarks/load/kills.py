"""SIGKILL in the middle of the load, again and again: `make load-kills`.

Clients retain and recall while the server is killed and started again. Afterwards every retain that was answered (a
synchronous one with its result, an asynchronous one with its acceptance) must be there exactly once, asked for by its
document and found in the listing; one that was not answered, at most once. A client that heard nothing sends the same
again with even odds: the same document, and the same operation id where it has one.

python -m benchmarks.load.kills <folder of conversations> [--kills N] [--clients N] [--banks N] [--seed N]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.evaluation import tell
from benchmarks.load.material import Material
from benchmarks.load.servers import Ours

_PATIENCE = aiohttp.ClientTimeout(total=60.0)
_SETTLE_SECONDS = 120.0
_PAGE = 500
_RECALLED = 0.5


@dataclass(slots=True)
class Sent:
    """One retain of a client.

    Attributes:
        mark: ends its text, and no other's.
        operation: its id, where it is asynchronous.
        times: how often it was sent.
        answered: whether any of those was answered.
    """

    bank: str
    document: str
    text: str
    mark: str
    operation: str | None
    times: int = 0
    answered: bool = False

    def body(self) -> dict[str, Any]:
        """The request."""
        item = {"content": self.text, "document_id": self.document}
        if self.operation is None:
            return {"items": [item]}
        return {"items": [item], "async": True, "operation_id": self.operation}


@dataclass(slots=True)
class Crowd:
    """Clients that outlive their server.

    Attributes:
        sent: all that they retained, or tried to.
        refused: answers that are neither a success nor the end of the server.
        recalls: how many were answered.
    """

    url: str
    material: Material
    banks: int
    seed: int
    sent: list[Sent] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    recalls: int = 0
    over: bool = False
    up: asyncio.Event = field(default_factory=asyncio.Event)

    async def client(self, number: int, session: aiohttp.ClientSession) -> None:
        """Live until it is over."""
        chance = random.Random(f"{self.seed} {number}")
        while not self.over:
            bank = f"kills-{chance.randrange(self.banks)}"
            if chance.random() < _RECALLED:
                await self._recall(session, bank, chance.choice(self.material.questions))
                continue
            mark = f"[{number}/{len(self.sent)}]"
            operation = str(uuid.UUID(int=chance.getrandbits(128), version=4)) if chance.random() < 0.5 else None
            text = f"{chance.choice(self.material.texts)} {mark}"
            sent = Sent(bank, f"{number}-{len(self.sent)}", text, mark, operation)
            self.sent.append(sent)
            while not await self._send(session, sent) and chance.random() < 0.5:
                pass

    async def _send(self, session: aiohttp.ClientSession, sent: Sent) -> bool:
        """Retain; false when nobody answered."""
        await self.up.wait()
        sent.times += 1
        try:
            async with session.post(f"/v1/default/banks/{sent.bank}/memories", json=sent.body()) as answer:
                told = await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
        if answer.status == 200:
            sent.answered = True
        else:
            self.refused[f"retain {answer.status} {told[:200]!r}"] += 1
        return True

    async def _recall(self, session: aiohttp.ClientSession, bank: str, query: str) -> None:
        await self.up.wait()
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with session.post(f"/v1/default/banks/{bank}/memories/recall", json={"query": query}) as answer:
                told = await answer.read()
            if answer.status == 200:
                self.recalls += 1
            elif answer.status != 404:  # nobody retained anything there yet
                self.refused[f"recall {answer.status} {told[:200]!r}"] += 1


async def live(server: Ours, crowd: Crowd, clients: int, kills: int, seconds: tuple[float, float]) -> None:
    """Have clients live through so many kills, each after a while between two bounds; then let them end."""
    chance = random.Random(f"kills {crowd.seed}")
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(crowd.url, connector=connector, timeout=_PATIENCE) as session:
        crowd.up.set()
        living = [asyncio.create_task(crowd.client(number, session)) for number in range(clients)]
        for kill in range(kills):
            await asyncio.sleep(chance.uniform(*seconds))
            crowd.up.clear()
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            tell(f"  kill {kill + 1}: {len(crowd.sent)} retains so far")
            crowd.up.set()
        await asyncio.sleep(seconds[0])
        crowd.over = True
        await asyncio.gather(*living)


async def check(crowd: Crowd) -> list[str]:
    """What does not hold afterwards, in words."""
    wrong: list[str] = [f"{count} times: {what}" for what, count in crowd.refused.items()]
    async with aiohttp.ClientSession(crowd.url, timeout=_PATIENCE) as session:
        for bank in sorted({sent.bank for sent in crowd.sent}):
            own = [sent for sent in crowd.sent if sent.bank == bank]
            wrong += await _unsettled(session, bank)
            listed = await _all(session, f"/v1/default/banks/{bank}/memories/list")
            documents = Counter(one["id"] for one in await _all(session, f"/v1/default/banks/{bank}/documents"))
            marks = Counter(str(item["text"]).rpartition(" ")[2] for item in listed)
            for sent in own:
                wrong += _judge(sent, marks[sent.mark], documents[sent.document])
                wrong += await _by_document(session, sent)
            known = {sent.document for sent in own}
            wrong += [f"{bank}: nobody sent {one}" for one in documents if one not in known]
            if len(listed) != sum(marks[sent.mark] for sent in own):
                wrong.append(f"{bank}: {len(listed)} memories, of which {sum(marks.values())} were sent")
    return wrong


def _judge(sent: Sent, listed: int, documents: int) -> list[str]:
    """Whether a retain is there as often as it has to be."""
    expected = (1,) if sent.answered else (0, 1)
    kind = "sync" if sent.operation is None else "async"
    who = f"{sent.bank}/{sent.document} ({kind}, sent {sent.times} times, answered: {sent.answered})"
    places = {"in the listing": listed, "among the documents": documents}
    return [f"{who} is {count} times {where}" for where, count in places.items() if count not in expected]


async def _by_document(session: aiohttp.ClientSession, sent: Sent) -> list[str]:
    async with session.get(f"/v1/default/banks/{sent.bank}/documents/{sent.document}") as answer:
        if answer.status == 404 and not sent.answered:
            return []
        found = await answer.json()
    if answer.status != 200:
        return [f"{sent.bank}/{sent.document}, asked for: {answer.status}"]
    if found["original_text"] != sent.text or found["memory_unit_count"] < 1:
        return [f"{sent.bank}/{sent.document} is not what was sent: {found}"]
    return []


async def _unsettled(session: aiohttp.ClientSession, bank: str) -> list[str]:
    """The operations of a bank that did not end well, once all have ended."""
    until = time.monotonic() + _SETTLE_SECONDS
    while True:
        operations = await _all(session, f"/v1/default/banks/{bank}/operations", "operations", 100)
        waiting = [one for one in operations if one["status"] in ("pending", "processing")]
        if not waiting or time.monotonic() > until:
            return [f"{bank}: {one}" for one in operations if one["status"] != "completed"]
        await asyncio.sleep(0.2)


async def _all(
    session: aiohttp.ClientSession, path: str, name: str = "items", limit: int = _PAGE
) -> Sequence[dict[str, Any]]:
    """Everything that a listing lists."""
    found: list[dict[str, Any]] = []
    while True:
        async with session.get(path, params={"limit": limit, "offset": len(found)}) as answer:
            answer.raise_for_status()
            page = (await answer.json())[name]
        found += page
        if len(page) < limit:
            return found


async def prove(server: Ours, crowd: Crowd, clients: int, kills: int, seconds: tuple[float, float]) -> dict[str, Any]:
    """Kill and check; the figures, and under `wrong` what does not hold."""
    await live(server, crowd, clients, kills, seconds)
    wrong = await check(crowd)
    return {
        "kills": kills,
        "retains_answered": sum(sent.answered for sent in crowd.sent),
        "of_them_async": sum(sent.answered and sent.operation is not None for sent in crowd.sent),
        "sent_again": sum(sent.times > 1 for sent in crowd.sent),
        "unanswered": sum(not sent.answered for sent in crowd.sent),
        "recalls": crowd.recalls,
        "wrong": wrong,
    }


def main(arguments: argparse.Namespace) -> None:
    """Print what does not hold, end with one line of JSON."""
    tell(f"  seed {arguments.seed}")
    with Ours(Path(sys.executable).with_name("threadline")) as server:
        crowd = Crowd(server.url, Material.of(arguments.data), arguments.banks, arguments.seed)
        figures = asyncio.run(prove(server, crowd, arguments.clients, arguments.kills, (1.0, 4.0)))
    for line in figures["wrong"][:50]:
        print(line)
    print(json.dumps({**figures, "wrong": len(figures["wrong"])}))
    if figures["wrong"]:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.kills")
    parser.add_argument("data", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--banks", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    main(parser.parse_args())
