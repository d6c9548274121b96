"""Threadline beside its peers, in one run: `make bench-peers DATA=<folder>`.

The same conversations, questions and figures as `make bench-quality` (`benchmarks/evaluation.py` says what they mean),
for every memory that works without a language model and can be installed from PyPI. Each runs in an environment and a
process of its own, gets one item a message and a bank a conversation, and is asked for the same.

python -m benchmarks.peers <folder> [--only NAME ...] [--dump lines.jsonl] [--write docs/peers.md]
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.evaluation import Conversation, Outcome, live, load, record, summary, tell
from benchmarks.peers.contenders import Contender, contenders
from benchmarks.peers.page import Absent, Row, figures, page
from benchmarks.peers.remote import PeerError


def measure(contender: Contender, conversations: Sequence[Conversation], lines: list[dict[str, Any]]) -> Row:
    """Have a contender live through the conversations of one source.

    Args:
        lines: takes what becomes of each question.

    Raises:
        PeerError, RuntimeError, OSError, subprocess.CalledProcessError: it does not run.
    """
    system = contender.make()
    outcomes: list[Outcome] = []
    for conversation in conversations:
        tell(f"  {contender.name}: {conversation.source} {conversation.name}")
        outcomes.extend(live(conversation, system))
    lines.extend(record(outcome, contender.name) for outcome in outcomes)
    return Row(contender.name, summary(outcomes), system.megabytes, system.disk_megabytes)


def main(arguments: argparse.Namespace) -> None:
    """Measure everyone, print (and write) the page, end with one line of JSON."""
    conversations = list(load(arguments.data)) if arguments.data.is_dir() else []
    if not conversations:
        tell(f"There is no conversation in the plain format in {arguments.data}: nothing is measured.")
        print(json.dumps({"skipped": str(arguments.data)}))
        return
    sources = list(dict.fromkeys(conversation.source for conversation in conversations))
    rows: dict[str, list[Row]] = {source: [] for source in sources}
    absent: list[Absent] = []
    lines: list[dict[str, Any]] = []
    chosen = [
        one
        for one in contenders(arguments.environments.absolute(), arguments.hindsight_python.absolute())
        if not arguments.only or one.name in arguments.only
    ]
    for contender in chosen:
        if contender.version() is None:
            absent.append(Absent(contender.name, "it is not installed: `make bench-peers` installs it"))
            continue
        try:
            for source in sources:
                own = [conversation for conversation in conversations if conversation.source == source]
                rows[source].append(measure(contender, own, lines))
        except (PeerError, RuntimeError, OSError, subprocess.CalledProcessError) as error:
            tell(f"  {contender.name} does not run: {error}")
            absent.append(Absent(contender.name, f"it does not run here: {error}"))
    if arguments.dump:
        arguments.dump.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    text = page(conversations, chosen, rows, absent, datetime.now(UTC))
    print(text)
    if arguments.write:
        arguments.write.write_text(text + "\n", "utf-8")
    print(json.dumps(figures(rows, absent)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("data", type=Path)
    parser.add_argument("--environments", type=Path, default=Path(".venv-peers"), help="holds an environment a peer")
    parser.add_argument("--hindsight-python", type=Path, default=Path(".venv-hindsight/bin/python"))
    parser.add_argument("--only", nargs="+", metavar="NAME", help="measure only these")
    parser.add_argument("--dump", type=Path, help="write a line of JSON for every question and system")
    parser.add_argument("--write", type=Path, help="write the page")
    main(parser.parse_args())
