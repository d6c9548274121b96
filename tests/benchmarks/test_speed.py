"""What the speed benchmark says of its figures; the figures themselves are taken by `make bench`."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from benchmarks.speed import __main__ as speed
from benchmarks.speed import quantiles
from benchmarks.speed.bulk import TAGS, Bulk, tags_of
from benchmarks.speed.goals import disk_bytes, goals
from benchmarks.speed.growth import limits, picture
from benchmarks.speed.report import page
from benchmarks.speed.retain import Watch
from benchmarks.talk import asked, messages

from threadline.engine.late import signs
from threadline.engine.models.base import Encoder


def size(memories: int, p50: float, p95: float) -> dict[str, Any]:
    return {
        "memories": memories,
        "p50_ms": p50,
        "p95_ms": p95,
        "cpu_p50_ms": p50,
        "embedding_p50_ms": 3.0,
        "low_p50_ms": p50,
        "high_p50_ms": p50,
        "returned": 40.0,
        "import_ms": 60.0,
        "open_ms": 20.0,
        "first_recall_ms": 500.0,
        "resident_mb": 200.0,
        "peak_mb": 300.0,
        "crowd": {"recalls_per_s": 210.0, "peak_mb": 310.0},
        "filters": {"tag, 50.0%": {"p50_ms": p50, "ratio": 1.0}, "one session": {"p50_ms": 3 * p50, "ratio": 3.0}},
        "built": {"memories": memories, "text_bytes": 140 * memories, "disk_bytes": 2_000 * memories, "seconds": 1.0},
    }


@pytest.fixture
def figures() -> dict[str, Any]:
    retained = {"turns_per_s": 70.0, "shares": {"embedding": 0.9}, "mb_per_1k_turns": 3.9, "text_mb_per_1k_turns": 0.3}
    return {
        "taken": "2026-01-02",
        "machine": "2 cores",
        "load": 0.1,
        "recall": {"10000": size(10_000, 7.0, 14.0), "1000000": size(1_000_000, 61.0, 200.0)},
        "bandwidth": {"gb_per_s": 10.0},
        "retain": {"none, 20": retained},
        "engine": {"minilm, 1": retained},
        "add_turn": {"process, 1 thread, flat out": {"p50_ms": 0.1, "p99_ms": 0.3, "turns_per_s": 4000}},
        "outage": {
            "hung_s": 120.0,
            "turns": 20_000,
            "add_p50_ms": 0.2,
            "add_p99_ms": 0.4,
            "switches": 2_000,
            "switch_p50_ms": 0.4,
            "switch_p99_ms": 1.2,
            "close_s": 3.0,
            "delivered_at_the_next_start_s": 3.2,
            "all_there_in_order": True,
        },
    }


def test_goals_are_met_or_not_as_the_figures_say(figures: dict[str, Any]) -> None:
    assert {goal.what: goal.met for goal in goals(figures)} == {
        "recall p50, 10,000 memories": True,
        "recall p50, 1,000,000 memories": False,
        "recall p95 over p50, 10,000 memories": True,
        "recall p95 over p50, 1,000,000 memories": False,
        "8 threads at once, 10,000 memories": True,
        "retain with vectors, 1 turn a delivery, the engine alone": True,
        "retain without vectors, 20 turns a delivery, journal and all": False,
        "disk a memory beyond its text, 10,000 memories": True,
        "disk a memory beyond its text, 1,000,000 memories": True,
        "slowest filter (one session) over none, 10,000 memories": False,
        "slowest filter (one session) over none, 1,000,000 memories": False,
    }


def test_disk_is_counted_beyond_the_text(figures: dict[str, Any]) -> None:
    assert disk_bytes(figures["recall"]["10000"]) == 1_860


def test_the_limit_is_one_embedding_and_every_vector_read_once(figures: dict[str, Any]) -> None:
    assert limits(figures, 1_000_000) == pytest.approx((3.0, 38.4))


def test_page_says_what_is_met_and_shows_the_picture(figures: dict[str, Any]) -> None:
    text = page(figures)
    assert "6 of 11 are met" in text
    assert "| recall p50, 1,000,000 memories | under 60 ms | 61 ms | **not met** |" in text
    assert "](performance-growth.svg)" in text
    assert "| 1,000,000 | 61.0 | 200.0 | 61.0 | 3.0 | 41.4 |" in text
    assert all(len(line) <= 120 for line in text.splitlines() if not line.startswith(("|", "!")))


@pytest.mark.parametrize("sizes", [("10000",), ("10000", "1000000")])
def test_picture_is_svg_with_every_figure(figures: dict[str, Any], sizes: tuple[str, ...]) -> None:
    figures["recall"] = {name: figures["recall"][name] for name in sizes}
    drawn = ET.fromstring(picture(figures))  # noqa: S314 - it was made here
    texts = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"7", "14", "10k", "goal of the p50"} <= texts
    assert ("61" in texts) == ("1000000" in sizes)


def test_questions_and_messages_do_not_repeat_themselves() -> None:
    questions = list(itertools.islice(asked(3), 2_000))
    assert len(set(questions)) == 2_000
    assert questions == list(itertools.islice(asked(3), 2_000))
    assert len(set(itertools.islice(messages(3), 2_000))) == 2_000


def test_each_tag_is_on_its_share_of_the_sessions() -> None:
    tags = [tags_of(number) for number in range(2_000)]
    assert {tag: sum(tag in each for each in tags) for tag in TAGS} == {"half": 1_000, "some": 100, "few": 2}


def test_bulk_keeps_what_the_model_would_keep() -> None:
    bulk = Bulk()
    assert isinstance(bulk, Encoder)
    one, other = bulk.encode(["Dad's knee operation", "Dad's knee operation"])
    assert np.linalg.norm(one.vector) == pytest.approx(1.0, abs=1e-5)
    assert not np.allclose(one.vector, other.vector)
    real = bulk.encode_query("Dad's knee operation")
    assert len(signs(one)) == len(signs(real))
    assert float(one.vector @ real.vector) > 0.4
    bulk.close()


def test_watch_tells_what_share_of_the_time_a_stage_took() -> None:
    class Work:
        def done(self) -> str:
            return "done"

    watch = Watch()
    watch.over(Work, "done", "working")
    assert Work().done() == "done"
    seconds = watch.seconds["working"]
    assert watch.shares(seconds) == {"working": 1.0}


def test_quantiles_are_milliseconds() -> None:
    assert quantiles([0.001, 0.002, 0.003, 0.004], 0.5, 0.99) == [3.0, 4.0]


def test_every_part_prints_its_figures(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(speed.PARTS, "bandwidth", lambda: {"gb_per_s": 1.0})
    speed.main(["bandwidth"])
    assert capsys.readouterr().out == '{"gb_per_s": 1.0}\n'


def test_some_sizes_are_printed_and_written_nowhere(
    figures: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for: list[int] = []

    def everything(sizes: Sequence[int]) -> dict[str, Any]:
        asked_for.extend(sizes)
        return figures

    monkeypatch.setattr(speed, "everything", everything)
    monkeypatch.setattr(speed, "write", lambda _: pytest.fail("it wrote"))
    speed.main(["--sizes", "10000", "1000000"])
    assert asked_for == [10_000, 1_000_000]
    assert "### Goals" in capsys.readouterr().out
