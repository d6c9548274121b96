"""Several chats and users in one process of the gateway, each in its own agent."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import pytest

from tests.hosts.hermes.harness.gateway import Gateway
from tests.hosts.hermes.harness.model import OTHER_MODEL, FakeModel, Reply
from tests.hosts.hermes.harness.waiting import wait_until

from .conftest import Living
from .memory import Told, answer, check, opened, recalled, remembered, seen, turn, turns
from .test_switches import LONG, summarizing

pytestmark = pytest.mark.hermes


def our_threads(gateway: Gateway) -> list[str]:
    return [name for name in gateway.threads() if "threadline" in name.lower()]


def test_users_have_memories_of_their_own(living: Living, model: FakeModel) -> None:
    home = living(bank_id_template="hermes-{user}", retain_every_n_turns=3)
    with Gateway(home) as gateway:
        gateway.say("a", "The code of my safe is 4711.", user="ann")
        gateway.say("b", "The code of my safe is 0815.", user="bob")
        gateway.say("g", "I am Ann.", user="ann", kind="group")
        gateway.say("g", "I am Bob.", user="bob", kind="group")
        gateway.say("a", "/new", user="ann")
        gateway.say("b", "/new", user="bob")
        gateway.say("a", "What is the code of my safe?", user="ann")
        gateway.say("b", "What is the code of my safe?", user="bob")
        gateway.stop()
    for bank, own, other in (("hermes-ann", "4711", "0815"), ("hermes-bob", "0815", "4711")):
        with opened(home, bank) as memory:
            told = remembered(memory)
            identities = {memory.find_session(one).status().id for one in told}
        lines = [line for one in told.values() for each in one.turns for line in each]
        assert [line for line in lines if own in line]
        assert not [line for line in lines if other in line]
        assert len(identities) == 3
        name = bank.removeprefix("hermes-").title()
        assert [f"user: I am {name}." in line for line in lines].count(True) == 1
        assert lines.count("user: What is the code of my safe?") == 1
    asked = model.asked("What is the code of my safe?")
    assert [("4711" in recalled(one), "0815" in recalled(one)) for one in asked] == [(True, False), (False, True)]


def test_commands_of_which_the_provider_hears_nothing(living: Living, model: FakeModel) -> None:
    home = living(retain_every_n_turns=3)
    with Gateway(home) as gateway:
        for text in ("Oak is hard.", "Fir is soft.", "Elm is rare."):
            gateway.say("a", text)
        first = gateway.session_id("a")
        gateway.say("a", "/undo")
        gateway.say("a", "Yew is old.")
        gateway.say("a", "/branch")
        branch = gateway.session_id("a")
        gateway.say("a", "Ash is tall.")
        gateway.say("a", f"/resume {first}")
        gateway.say("a", "Fig is sweet.")
        gateway.say("a", f"/model {OTHER_MODEL}")
        gateway.say("a", "Nut is bitter.")
        gateway.say("a", "/new")
        new = gateway.session_id("a")
        gateway.say("a", "Bay is green.")
        assert len({first, branch, new}) == 3
        gateway.stop()
    own = ["Oak is hard.", "Fir is soft.", "Yew is old.", "Fig is sweet.", "Nut is bitter."]
    check(
        home,
        {
            first: Told(turns(*own), turns("Elm is rare.")),
            branch: Told(turns("Ash is tall."), kind="branch", parent=first, fork_turn=4),
            new: Told(turns("Bay is green.")),
        },
    )
    assert seen(home, branch) == [*own[:3], "Ash is tall."]


def test_undo_is_known_before_the_next_turn(living: Living, model: FakeModel) -> None:
    home = living()
    with Gateway(home) as gateway:
        gateway.say("a", "My cat is called Miro.")
        gateway.say("a", "The code of my safe is 4711.")
        gateway.say("a", "/undo")
        gateway.say("a", "What is the code of my safe?")
        gateway.say("a", "/new")
        gateway.say("a", "And what is the code of my safe?")
        gateway.say("a", "What is my cat called?")
        gateway.stop()
    assert not [one for one in model.asked("code of my safe?") if "4711" in recalled(one)]
    assert "Miro" in recalled(model.asked("What is my cat called?")[-1])


def test_retry_and_compress(living: Living, model: FakeModel) -> None:
    """Both write the log anew, and what was said stays said, once."""
    home = living()
    model.answer = summarizing
    texts = [f"{name} is long. {LONG}".strip() for name in ("Anna", "Berta", "Clara", "Dora")]
    with Gateway(home) as gateway:
        for text in texts:
            gateway.say("a", text)
        session = gateway.session_id("a")
        gateway.say("a", "/retry")
        assert "Compressed" in gateway.say("a", "/compress")
        gateway.say("a", "Emma is short.")
        last = gateway.session_id("a")
        gateway.stop()
    with opened(home) as memory:
        told = remembered(memory)
    users = [
        line for one in (session, last)[: 1 if last == session else 2] for lines in told[one].turns for line in lines
    ]
    asked = [line.partition(".")[0] for line in users if line.startswith("user: ")]
    names = ["Anna is long", "Berta is long", "Clara is long", "Dora is long", "Emma is short"]
    assert list(dict.fromkeys(asked)) == [f"user: {name}" for name in names]
    assert len(asked) <= 6, "no more than the one that was retried is there twice"


@pytest.mark.parametrize("mode", ["none", "idle"])
def test_evict_and_expire(living: Living, mode: str) -> None:
    """Nothing is lost with an agent that is dropped without a word, and no thread of it is left."""
    home = living({"session_reset": {"mode": mode}} if mode != "none" else {}, retain_every_n_turns=3)
    said: dict[str, list[str]] = {}
    with Gateway(home) as gateway:
        gateway.limit_cache(1)
        gateway.say("a", "Chat a begins.")
        threads: Sequence[str] = our_threads(gateway)
        for number in range(6):
            for chat in "ab":
                text = f"Chat {chat} counts {number}."
                gateway.say(chat, text)
                said.setdefault(gateway.session_id(chat), []).append(text)
        sessions = [gateway.session_id(chat) for chat in "ab"]
        gateway.expire("b")
        gateway.say("b", "Chat b is back.")
        last = gateway.session_id("b")
        assert (last == sessions[1]) is (mode == "none")
        said.setdefault(last, []).append("Chat b is back.")
        wait_until(lambda: len(our_threads(gateway)) <= len(threads), "the end of threads", 10)
        gateway.stop()
    said[sessions[0]].insert(0, "Chat a begins.")
    check(home, {session: Told(turns(*texts)) for session, texts in said.items()})


def test_many_chats_at_once(living: Living, model: FakeModel) -> None:
    """Twelve agents share one memory in the process; no turn goes astray between them."""
    home = living(retain_every_n_turns=3)
    chats = [f"chat{number}" for number in range(12)]
    with Gateway(home) as gateway:
        gateway.say(chats[0], "I am the first.", user=f"user-{chats[0]}")  # see `test_crowd.py`, why alone
        for number in range(4):
            for chat in chats:
                gateway.submit(chat, f"{chat} says {number}.", user=f"user-{chat}")
            for chat in chats:
                gateway.turn(chat)
        sessions = {chat: gateway.session_id(chat) for chat in chats}
        gateway.stop()
    expected = {sessions[chat]: Told(turns(*(f"{chat} says {number}." for number in range(4)))) for chat in chats}
    first = sessions[chats[0]]
    expected[first] = Told([turn("I am the first."), *expected[first].turns])
    with opened(home) as memory:
        assert remembered(memory) == expected
        users = {one.id: memory.find_session(one.id).status() for one in memory.sessions()}
    assert len(users) == 12


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_stop_in_the_midst_of_a_turn(living: Living, model: FakeModel, number: int) -> None:
    """One message is being answered, another has overtaken it: both were said."""
    home = living({"agent": {"restart_drain_timeout": 0}})
    with Gateway(home) as gateway:
        gateway.say("a", "My cat is called Miro.")
        session = gateway.session_id("a")
        model.reply(Reply("never said", gate=model.gate()))
        gateway.submit("a", "My dog is called Rex.")
        model.wait(lambda request: "Rex" in request.user)
        gateway.stop(number)
    with Gateway(home) as gateway:
        gateway.say("b", "Hello.")
        gateway.stop()
    with opened(home) as memory:
        told = remembered(memory)[session]
    assert told.turns[0] == turn("My cat is called Miro.")
    assert told.turns[1][0] == "user: My dog is called Rex."
    users = [line for lines in told.turns for line in lines if line.startswith("user: ")]
    assert len(users) == 2, users
    assert "never said" not in str(told)


def test_a_message_that_overtakes_another(living: Living, model: FakeModel) -> None:
    home = living()
    with Gateway(home) as gateway:
        gateway.say("a", "My cat is called Miro.")
        model.reply(Reply("never said", gate=model.gate()))
        gateway.submit("a", "My dog is called Rex.")
        model.wait(lambda request: "Rex" in request.user)
        gateway.submit("a", "My hen is called Ada.")
        gateway.turn("a")
        session = gateway.session_id("a")
        gateway.stop()
    with opened(home) as memory:
        told = remembered(memory)[session]
    users = [line for lines in told.turns for line in lines if line.startswith("user: ")]
    assert users == [f"user: My {one}." for one in ("cat is called Miro", "dog is called Rex", "hen is called Ada")]
    assert f"assistant: {answer('My hen is called Ada.')}" in told.turns[-1]
