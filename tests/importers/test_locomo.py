from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.importers.conftest import Write
from threadline.importers.base import Fault, Imported
from threadline.importers.locomo import read


def sample(**more: Any) -> dict[str, Any]:
    return {
        "qa": [],
        "conversation": {
            "speaker_a": "Ann",
            "speaker_b": "Bo",
            "session_10_date_time": "9:55 am on 22 October, 2023",
            "session_10": [{"speaker": "Bo", "dia_id": "D10:1", "text": "Back again."}],
            "session_2_date_time": "1:56 pm on 8 May, 2023",
            "session_2": [
                {"speaker": "Ann", "dia_id": "D2:1", "text": "Hey Bo!"},
                {"speaker": "Bo", "dia_id": "D2:2", "text": "Look", "img_url": ["u"], "blip_caption": "a dog"},
                {"speaker": "Ann", "dia_id": "D2:3", "text": "", "img_url": ["u"]},
            ],
            "session_3_date_time": "never held",
            **more,
        },
        "sample_id": "conv-1",
    }


def test_reads_a_conversation(write_json: Write) -> None:
    read_turns = [item for item in read(write_json([sample()])) if isinstance(item, Imported)]
    assert [turn.session for turn in read_turns] == ["conv-1:session_2"] * 2 + ["conv-1:session_10"]
    first = read_turns[0]
    assert [(said.role, said.speaker, said.ref, said.text) for said in first.messages] == [
        ("user", "Ann", "D2:1", "Hey Bo!"),
        ("assistant", "Bo", "D2:2", "Look\n[shares a dog]"),
    ]
    assert read_turns[1].messages[0].text == "[shares a picture]"
    assert first.occurred_at == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert read_turns[2].occurred_at == datetime(2023, 10, 22, 9, 55, tzinfo=UTC)


def test_makes_faults_of_malformed_elements(write_json: Write) -> None:
    path = write_json([{"sample_id": "x"}, sample(session_4=[{"speaker": "Cy", "text": "?"}, 3], session_5={})])
    places = [item.place for item in read(path) if isinstance(item, Fault)]
    inner = f"{path}:$[1].conversation"
    assert places == [f"{path}:$[0]", f"{inner}.session_4[0]", f"{inner}.session_4[1]", f"{inner}.session_5"]
