"""Both servers, the same requests, and how the answers differ: `make wire-diff`.

python -m benchmarks.wire [--write docs/wire.md]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.evaluation import tell
from benchmarks.load.servers import Ours, Theirs
from benchmarks.wire.compare import Difference, differences
from benchmarks.wire.document import document_differences, misfits, operation_of, operations
from benchmarks.wire.page import explanations, page, sort
from benchmarks.wire.record import Answer, Player
from benchmarks.wire.script import SCRIPT


def play(server: AbstractContextManager[Theirs | Ours]) -> tuple[Any, dict[str, Answer]]:
    """A server's document, and what it answers."""
    with server as running, closing(Player(running.url)) as player:
        tell(f"  {running.name}")
        return player.document(), player.play(SCRIPT)


def compare(theirs: tuple[Any, dict[str, Answer]], ours: tuple[Any, dict[str, Answer]]) -> Iterator[Difference]:
    """All differences."""
    (their_document, their_answers), (our_document, our_answers) = theirs, ours
    for step in SCRIPT:
        yield from differences(step.name, their_answers[step.name], our_answers[step.name])
        yield from misfits(their_document, step, our_answers[step.name])
        if our_answers[step.name].status >= 500:
            yield Difference(step.name, "500", "", str(their_answers[step.name].status), "a server error")
    yield from document_differences(their_document, our_document)


def unasked(document: Any) -> list[str]:
    """The operations that no request of the script is for."""
    asked = {id(operation_of(document, step)) for step in SCRIPT}
    return [f"{method} {path}" for (method, path), one in operations(document).items() if id(one) not in asked]


def main(arguments: argparse.Namespace) -> None:
    """Print (and write) the page, end with one line of JSON; without success where a difference is unexplained."""
    theirs = play(Theirs(arguments.hindsight_python.absolute()))
    ours = play(Ours(Path(sys.executable).with_name("threadline")))
    known = explanations()
    explained, rest, idle = sort(list(compare(theirs, ours)), known)
    left = unasked(theirs[0])
    version = theirs[1]["version"].body["api_version"]
    text = page(len(SCRIPT), len(operations(theirs[0])), version, explained, rest, known, datetime.now(UTC))
    print(text)
    if arguments.write:
        arguments.write.write_text(text + "\n", "utf-8")
    for title in idle:
        print(f"This explanation explains nothing any more: {title}")
    for name in left:
        print(f"No request is for {name}")
    figures = {
        "requests": len(SCRIPT),
        "explained": sum(map(len, explained.values())),
        "unexplained": len(rest),
        "idle_explanations": len(idle),
        "unasked_operations": len(left),
    }
    print(json.dumps(figures))
    if rest or idle or left:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire")
    parser.add_argument("--hindsight-python", type=Path, default=Path(".venv-hindsight/bin/python"))
    parser.add_argument("--write", type=Path, help="write the page")
    main(parser.parse_args())
