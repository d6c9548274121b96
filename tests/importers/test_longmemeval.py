from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.importers.conftest import Write
from threadline.importers.base import Fault, Imported
from threadline.importers.longmemeval import read


def question(**more: Any) -> dict[str, Any]:
    return {
        "question_id": "q1",
        "haystack_dates": ["2023/05/20 (Sat) 02:21", "2023/05/21 (Sun) 03:24"],
        "haystack_session_ids": ["answer_1", "other_2"],
        "haystack_sessions": [
            [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello", "has_answer": True}],
            [{"role": "user", "content": "again"}],
        ],
        **more,
    }


def test_reads_the_history_of_each_question(write_json: Write) -> None:
    found = [item for item in read(write_json([question(), question(question_id="q2")])) if isinstance(item, Imported)]
    assert [turn.session for turn in found] == ["q1:answer_1", "q1:other_2", "q2:answer_1", "q2:other_2"]
    assert found[1].occurred_at == datetime(2023, 5, 21, 3, 24, tzinfo=UTC)
    assert [(said.role, said.text) for said in found[0].messages] == [("user", "hi"), ("assistant", "hello")]
    assert len({turn.host_key for turn in found}) == 4


def test_makes_faults_of_malformed_elements(write_json: Write) -> None:
    path = write_json([3, question(haystack_sessions=["x", [{"role": "user"}]])])
    places = [item.place for item in read(path) if isinstance(item, Fault)]
    inner = f"{path}:$[1].haystack_sessions"
    assert places == [f"{path}:$[0]", f"{inner}[0]", f"{inner}[1][0]"]
