"""The clients, in a process of their own: `python -m benchmarks.load.clients` takes a job and prints what came of it.

Each client sends the next request once the last is answered: it retains a message in any of the banks, or asks any of
them a question. All that they do follows from the seed.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.load.material import Material
from benchmarks.speed import quantiles

_PATIENCE = aiohttp.ClientTimeout(total=60.0)
# Of so many recalls one is looked into; to read all would take the server's time.
_LOOKED_INTO = 25
_FILLERS = 4


@dataclass(frozen=True, slots=True)
class Job:
    """What the clients do.

    Attributes:
        material: the file of what they say and ask.
        fill: how many messages each bank has before the time begins.
    """

    url: str
    material: str
    clients: int
    seconds: float
    banks: int
    fill: int
    seed: int = 1


@dataclass(slots=True)
class Seen:
    """How the requests of one kind went.

    Attributes:
        seconds: how long each that was answered took.
        in_time: how many were answered before the time was over.
        errors: the others, by status or by kind of failure.
        results: how many memories the recalls that were looked into found.
    """

    seconds: list[float] = field(default_factory=list)
    in_time: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    results: list[int] = field(default_factory=list)

    def figures(self, seconds: float) -> dict[str, Any]:
        """The figures of a run of so many seconds."""
        p50, p95, p99 = quantiles(self.seconds, 0.5, 0.95, 0.99) if self.seconds else (None, None, None)
        return {
            "per_second": round(self.in_time / seconds, 2),
            "ms_p50": p50,
            "ms_p95": p95,
            "ms_p99": p99,
            "ms_max": round(max(self.seconds, default=0.0) * 1000, 1),
            "answered": len(self.seconds),
            "errors": dict(self.errors),
        }


class Crowd:
    """All clients of a job."""

    def __init__(self, job: Job, session: aiohttp.ClientSession) -> None:
        self._job = job
        self._session = session
        self._material = Material.read(Path(job.material))
        self.seen = {"retain": Seen(), "recall": Seen()}

    async def fill(self) -> None:
        """Give each bank its first messages."""
        chance = random.Random(f"fill {self._job.seed}")
        banks = iter(range(self._job.banks))

        async def filler() -> None:
            for bank in banks:
                texts = chance.sample(self._material.texts, self._job.fill)
                items = [{"content": text, "document_id": f"fill-{at}"} for at, text in enumerate(texts)]
                async with self._session.post(_path(bank, "memories"), json={"items": items}) as answer:
                    answer.raise_for_status()

        await asyncio.gather(*(filler() for _ in range(_FILLERS)))

    async def run(self) -> None:
        """Live until the time is over."""
        until = time.perf_counter() + self._job.seconds
        await asyncio.gather(*(self._client(number, until) for number in range(self._job.clients)))

    async def _client(self, number: int, until: float) -> None:
        chance = random.Random(f"client {self._job.seed} {number}")
        sent = 0
        while time.perf_counter() < until:
            sent += 1
            bank = chance.randrange(self._job.banks)
            if chance.random() < 0.5:
                item = {"content": chance.choice(self._material.texts), "document_id": f"{number}-{sent}"}
                await self._ask("retain", _path(bank, "memories"), {"items": [item]}, until)
            else:
                body = {"query": chance.choice(self._material.questions)}
                await self._ask("recall", _path(bank, "memories/recall"), body, until)

    async def _ask(self, kind: str, path: str, body: dict[str, Any], until: float) -> None:
        seen = self.seen[kind]
        started = time.perf_counter()
        try:
            async with self._session.post(path, json=body) as answer:
                read = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            seen.errors[type(error).__name__] += 1
            return
        now = time.perf_counter()
        if answer.status != 200:
            seen.errors[str(answer.status)] += 1
            return
        seen.seconds.append(now - started)
        seen.in_time += now <= until
        if kind == "recall" and len(seen.seconds) % _LOOKED_INTO == 0:
            plain = gzip.decompress(read) if answer.headers.get("content-encoding") == "gzip" else read
            seen.results.append(len(json.loads(plain)["results"]))


def _path(bank: int, what: str) -> str:
    return f"/v1/default/banks/load-{bank}/{what}"


async def work(job: Job) -> dict[str, Any]:
    """Do a job, and say what came of it."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(job.url, connector=connector, timeout=_PATIENCE, auto_decompress=False) as session:
        crowd = Crowd(job, session)
        started = time.perf_counter()
        await crowd.fill()
        filled = time.perf_counter() - started
        busy = time.process_time()
        await crowd.run()
        busy = time.process_time() - busy
    both = Seen()
    for seen in crowd.seen.values():
        both.seconds.extend(seen.seconds)
        both.in_time += seen.in_time
        both.errors.update(seen.errors)
    results = crowd.seen["recall"].results
    return {
        "all": both.figures(job.seconds),
        **{kind: seen.figures(job.seconds) for kind, seen in crowd.seen.items()},
        "results": round(sum(results) / len(results), 1) if results else 0.0,
        "fill_per_second": round(job.fill * job.banks / filled, 1),
        "clients_cpu_percent": round(100 * busy / job.seconds, 1),
    }


if __name__ == "__main__":
    print(json.dumps({"job": asdict(given := Job(**json.load(sys.stdin))), **asyncio.run(work(given))}))
