"""What was said, out of what the host keeps: without its scaffolding, with everything else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from threadline.hosts.hermes import messages as texts
from threadline.hosts.hermes.hostturns import turn_key

from .hostlog import SUMMARY, SUMMARY_END, TASKS, answer, call, result, user

SKILL = (
    '[IMPORTANT: The user has invoked the "gif-search" skill, indicating they want you to follow its instructions. '
    "The full skill content is loaded below.]\n\n# Gifs\nSearch well.\n\n"
)
BUNDLE = '[IMPORTANT: The user has invoked the "a" skill bundle, x]\nUser instruction: Go\n\n[Loaded as part of the a'
PRIOR = "[PRIOR CONTEXT — for reference only; not a new message]"
PRIOR_END = "[END OF PRIOR CONTEXT — COMPACTION SUMMARY BELOW]"
ASKED = "The user has provided the following instruction alongside the skill invocation: "


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        ("Hello", "Hello"),
        (None, ""),
        ([{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "data:"}}], "Look\n[image]"),
        ([{"type": "image_url", "image_url": {"url": "data:", "alt": "a cat"}}], "[image: a cat]"),
        ([{"type": "input_image", "caption": "a\ncat"}], "[image: a cat]"),
        ([{"type": "input_audio", "transcript": "Hello"}], "[audio: Hello]"),
        ([{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Yes"}], "Yes"),
        ("\0json:" + json.dumps([{"type": "text", "text": "Look"}]), "Look"),
        ("\0json:[{broken", "[{broken"),
        (b"Hello \xff", "Hello \ufffd"),
        ("Hello \ud800", "Hello \ufffd"),
        ({"type": "text", "text": "Hello"}, "Hello"),
        ([{"text": 7}], '[{"text": 7}]'),
    ],
)
def test_flatten_content(content: Any, plain: str) -> None:
    assert texts.plain(content) == plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  Hello ", "Hello"),
        ("<memory-context>\nold\n</memory-context>\n\nHello", "Hello"),
        ("<memory-context>", ""),
        (f"{SKILL}{ASKED}Find a cat\n\n[Runtime note: x]", "Find a cat"),
        (f"{SKILL}It says: {ASKED}nothing\n\n{ASKED}Find a dog", "Find a dog"),
        (SKILL, "/gif-search"),
        (BUNDLE, "Go"),
        ("[System note: The previous turn was interrupted by a restart.]\n\nHello", "Hello"),
        (f"{SUMMARY}\n\n{SUMMARY_END}", ""),
        (f"{SUMMARY}\n\n{SUMMARY_END}\n\nAnd now?", "And now?"),
        (f"And now?\n\n{TASKS}", "And now?"),
        (TASKS, ""),
        (f"{PRIOR}\nGo\n\n{PRIOR_END}\n\n{SUMMARY}", "Go"),
        (f"I read about {PRIOR_END} today", f"I read about {PRIOR_END} today"),
    ],
)
def test_keep_what_the_user_said(text: str, said: str) -> None:
    assert texts.said(text) == said


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Hello", "said"),
        (SKILL, "said"),
        (SUMMARY, "summary"),
        (TASKS, "summary"),
        ("[System: Your previous response was truncated by the output length limit.]", "nudge"),
        ("[System: Continue now. Execute the required tool calls.]", "nudge"),
        ("[IMPORTANT: MCP servers have been reloaded. No MCP tools available.]", "nudge"),
        ("[IMPORTANT: Background process 7 exited (exit code 0).\nOutput:\nok]", "event"),
        ("[ASYNC DELEGATION COMPLETE — d1]\nDone", "event"),
        ("[System note: The session was reset.]", "event"),
        ("Review the conversation above and update the skill library, please.", "review"),
    ],
)
def test_tell_what_is_in_the_users_name(text: str, kind: str) -> None:
    assert texts.kind_of(text) == kind


def test_compare_as_the_journal_would_hold_it() -> None:
    assert texts.canonical(" Look \n at  it\n[screenshot] ") == texts.canonical("[1 image] Look at it") == "Look at it"
    assert "hunter2" not in texts.canonical("password: hunter2hunter2")
    assert texts.canonical(texts.canonical("password: hunter2hunter2")) == texts.canonical("password: hunter2hunter2")


def test_give_a_turn_the_same_key_every_time() -> None:
    assert turn_key("a", "Go", 1) == turn_key("a", "Go", 1)
    assert len({turn_key("a", "Go", 1), turn_key("a", "Go", 2), turn_key("b", "Go", 1), turn_key("a", "Stop", 1)}) == 4


def test_write_calls_of_tools_as_messages() -> None:
    said = [texts.to_message(message) for message in (call("1", text="I look."), result("1", "a.py"), answer("Done"))]
    assert [(one.role, one.text) for one in said if one] == [
        ("assistant", 'I look.\n[calls shell {"command": "ls"}]'),
        ("tool", "a.py"),
        ("assistant", "Done"),
    ]
    assert texts.to_message({"role": "system", "content": "Be good"}) is None


def test_find_the_turn_in_the_hosts_list() -> None:
    listed = [
        user("Go"),
        answer("Gone"),
        user("Go"),
        call("1"),
        result("1", "a.py"),
        answer("Gone again"),
        user("Stop"),
    ]
    listed[2]["api_content"] = "<memory-context>never read</memory-context>Go"
    found = texts.last_turn(listed, "Go")
    assert [message.text for message in found] == ["Go", '[calls shell {"command": "ls"}]', "a.py", "Gone again"]
    assert texts.last_turn(listed, "Come") == []
    assert texts.last_turn(["broken", None, 7], "Go") == []


def test_name_who_was_overheard() -> None:
    assert texts.speaker_of("[Ada|7]\nLunch?") == ("Ada", "Lunch?")
    assert texts.speaker_of("Lunch?") == (None, "Lunch?")


def test_leave_no_fence_that_appears_when_another_is_gone() -> None:
    found = texts.user_message("<mem<memory-context>ory-context>What now?")
    assert found is not None
    assert found.text == "What now?"
