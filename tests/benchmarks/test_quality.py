"""`make bench-quality`, from a folder to its last line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.page import PAGE
from benchmarks.peers.ours import Threadline
from benchmarks.peers.plain import Bm25

from benchmarks import quality

from .test_evaluation import whole, write


def test_skip_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quality.main(tmp_path / "none", None, write=True)
    assert json.loads(capsys.readouterr().out) == {"skipped": str(tmp_path / "none")}


def test_skip_a_folder_without_conversations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quality.main(tmp_path, None, write=True)
    assert json.loads(capsys.readouterr().out) == {"skipped": str(tmp_path)}


def test_end_with_one_object_by_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words of `first` are in one message only; nothing answers the other question."""
    asked = [
        {"text": "first", "category": "one", "gold": ["t1"], "asked_in": None},
        {"text": "third", "category": "none", "gold": [], "asked_in": None},
    ]
    write(tmp_path / "talks", "c.json", whole(questions=asked))
    monkeypatch.setattr(quality, "SYSTEMS", (Threadline, Bm25))
    before = PAGE.read_text("utf-8")
    quality.main(tmp_path, tmp_path / "dump.jsonl", write=False)
    assert PAGE.read_text("utf-8") == before
    out = capsys.readouterr().out
    figures = json.loads(out.splitlines()[-1])
    assert list(figures) == ["talks"]
    talks = figures["talks"]
    assert (talks["conversations"], talks["turns"], talks["questions"]) == (1, 2, 2)
    for name in quality.COLUMNS:
        assert talks[name] == talks["plain BM25"][name] == 100.0
    assert talks["intervals"]["mrr"] == [100.0, 100.0]
    assert talks["returned"]["unanswerable"]["questions"] == 1
    assert talks["ms_p50"] > 0
    assert list(talks["categories"]) == ["none", "one"]
    assert "| all | 2 | Threadline | 100.0 (100-100) |" in out
    assert "Threadline returns on average, at its default budget: answerable" in out
    dump = [json.loads(line) for line in (tmp_path / "dump.jsonl").read_text().splitlines()]
    assert {(line["system"], line["question"]) for line in dump} == {
        (system, text) for system in ("Threadline", "plain BM25") for text in ("first", "third")
    }
