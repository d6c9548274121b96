"""Peers: systems in processes of their own, what those take, and what the page says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from benchmarks.evaluation import live, summary
from benchmarks.peers.base import Query, as_said
from benchmarks.peers.contenders import Contender
from benchmarks.peers.page import Absent, Row, ahead, figures, page
from benchmarks.peers.plain import Bm25, Vectors
from benchmarks.peers.processes import family, megabytes, peak_megabytes
from benchmarks.peers.remote import PeerError, Remote, last_error

from .systems import Newest, conversation, item, outcome, question

TALK = conversation(
    [[item("m1", text="The cat sleeps on the sofa"), item("m2", text="We fly to Lisbon in May")]],
    [question("m2", text="When do we fly?")],
)


@pytest.mark.parametrize("kind", [Bm25, Vectors])
def test_find_by_words_and_by_meaning(kind: type[Bm25] | type[Vectors]) -> None:
    (found,) = live(TALK, kind())
    assert found.units[0] == "m2"


@pytest.mark.parametrize("text", ["?!", ""])
def test_find_nothing_by_words_where_there_are_none(tmp_path: Path, text: str) -> None:
    system = Bm25()
    system.open(tmp_path)
    assert system.ask(Query(text)).hits == ()
    system.close()


def test_name_the_speaker_as_a_transcript_does() -> None:
    assert as_said(item("m", text="Hello", speaker="Ann")) == "Ann: Hello"
    assert as_said(item("m", text="Hello", speaker="User")) == "Hello"
    assert as_said(item("m", text="Hello")) == "Hello"


def test_find_the_same_in_a_process_of_its_own() -> None:
    here, there = Bm25(), Remote("there", "benchmarks.peers.plain:Bm25", Path(sys.executable))
    (one,), (other,) = live(TALK, here), live(TALK, there)
    assert (one.units, one.within, one.tokens) == (other.units, other.within, other.tokens)
    assert other.seconds > 0
    assert there.megabytes > 5
    assert there.disk_megabytes > 0


def test_know_whether_the_other_process_keeps_to_a_budget(tmp_path: Path) -> None:
    there = Remote("there", "tests.benchmarks.systems:Thrifty", Path(sys.executable))
    there.open(tmp_path)
    assert there.budgets
    there.close()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("benchmarks.peers.none:Peer", "ModuleNotFoundError: No module named 'benchmarks.peers.none'"),
        ("tests.benchmarks.test_peers:Broken", "RuntimeError: the model cannot be downloaded"),
    ],
)
def test_say_why_a_peer_does_not_run(kind: str, reason: str) -> None:
    with pytest.raises(PeerError, match=reason):
        live(TALK, Remote("there", kind, Path(sys.executable)))


class Broken(Newest):
    def add(self, turn: object) -> None:
        print("it prints, too")  # noqa: T201 - as peers do
        raise RuntimeError("the model cannot be downloaded")


def test_read_the_last_error_of_a_log() -> None:
    log = "Traceback (most recent call last):\n  File x\nValueError: first\nwarning\npeer.errors.BadError: no\nmodel\n"
    assert last_error(log) == "peer.errors.BadError: no model"
    assert last_error("one\ntwo\n") == "two"
    assert last_error("") == "it ended without a word"


def test_measure_processes() -> None:
    inner = "held = bytes([1]) * 50_000_000; print(len(held), flush=True); input()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        pids = family(parent.pid)
        assert len(pids) == 2
        assert peak_megabytes(pids) > peak_megabytes(pids[:1]) + 50
        parent.communicate(b"\n")
    assert family(parent.pid) == []
    assert peak_megabytes([parent.pid]) == 0
    assert peak_megabytes(family(os.getpid())) > 10


def test_measure_a_folder(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(os.urandom(3_000_000))
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "file")
    assert megabytes(tmp_path) == pytest.approx(3.0, abs=0.1)


def row(name: str, *units: str, seconds: float = 0.001, disk: float = 1.0) -> Row:
    found = outcome(*units, gold=["a"], within={512: 1.0, 1024: 1.0, 4096: 1.0}, seconds=seconds)
    return Row(name, summary([found]), 10.0, disk)


def test_say_where_others_are_ahead() -> None:
    rows = [row("Threadline", "b", "a", seconds=0.002), row("better", "a", disk=2.0), row("worse", "b", "c", "a")]
    assert ahead(rows) == [
        "Others are ahead of Threadline in:",
        "",
        "- mrr: better 100, Threadline 50",
        "- ms_p50: better 1, Threadline 2",
        "- ms_p95: better 1, Threadline 2",
    ]


def test_compare_nothing_with_threadline_where_it_was_not_measured() -> None:
    assert ahead([row("one", "b"), row("two", "a")]) == []


def test_say_when_nobody_is() -> None:
    assert ahead([row("Threadline", "a"), row("worse", "b")]) == ["Threadline is ahead in everything, or level."]


def test_write_the_page() -> None:
    made = Contender("Threadline", "threadline", Path(sys.executable), Newest, "as it is")
    missing = replace(made, name="other", package="no-such-package")
    absent = [Absent("other", "it is not installed")]
    rows = {"source": [row("Threadline", "a")]}
    text = page([TALK], [made, missing], rows, absent, datetime(2026, 1, 2, tzinfo=UTC))
    assert "on 2026-01-02" in text
    assert "| Threadline | 100.0 (100-100) |" in text
    assert "| other | no-such-package | - | as it is |" in text
    assert "- other: it is not installed." in text
    last = json.loads(json.dumps(figures(rows, absent)))
    assert last["source"]["Threadline"]["recall@5"] == 100.0
    assert last["not measured"] == {"other": "it is not installed"}


def test_know_no_version_without_an_environment(tmp_path: Path) -> None:
    assert Contender("x", "x", tmp_path / "python", Newest, "").version() is None
