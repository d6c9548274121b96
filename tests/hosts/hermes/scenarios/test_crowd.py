"""A gateway with several agents and a terminal share one home, and speak all at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.hosts.hermes.harness.cli import Cli
from tests.hosts.hermes.harness.gateway import Gateway

from .conftest import Living
from .memory import Told, opened, remembered, turns
from .test_bad_input import reconcile

pytestmark = pytest.mark.hermes

_TURNS, _CHATS = 200, 8


def talk_to_gateway(gateway: Gateway) -> dict[str, list[str]]:
    """Every chat says its share, and they all wait for their answers at the same time."""
    said: dict[str, list[str]] = {f"chat{number}": [] for number in range(_CHATS)}
    said["chat0"].append(
        "I am the first."
    )  # alone: agents that start with the first one may be left without a provider
    gateway.say("chat0", said["chat0"][0], user="user-chat0")
    for number in range(_TURNS // _CHATS):
        for chat, texts in said.items():
            texts.append(f"{chat} says {number}.")
            gateway.submit(chat, texts[-1], user=f"user-{chat}")
        for chat in said:
            gateway.turn(chat)
    return {gateway.session_id(chat): texts for chat, texts in said.items()}


def talk_to_terminal(host: Cli) -> dict[str, list[str]]:
    """Two hundred turns, in a new session after each fifty."""
    said: dict[str, list[str]] = {}
    for number in range(_TURNS):
        if number and number % 50 == 0:
            host.command("/new")
        text = f"The terminal says {number}."
        host.chat(text)
        said.setdefault(host.session_id(), []).append(text)
    return said


def test_a_gateway_and_a_terminal_at_once(living: Living) -> None:
    home = living(retain_every_n_turns=3)
    said: list[dict[str, list[str]]] = []
    with Gateway(home) as gateway, Cli(home) as host:
        talks: list[Callable[[], dict[str, list[str]]]] = [
            lambda: talk_to_gateway(gateway),
            lambda: talk_to_terminal(host),
        ]
        threads = [threading.Thread(target=lambda talk=talk: said.append(talk())) for talk in talks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        host.exit()
        gateway.stop()
    assert len(said) == 2, "one of the two did not get through"
    expected = {session: Told(turns(*texts)) for one in said for session, texts in one.items()}
    assert sum(len(told.turns) for told in expected.values()) > 2 * _TURNS
    with opened(home) as memory:
        assert remembered(memory) == expected
        assert memory.flush()
        found = memory.recall("The terminal says 133.", min_confidence=0)
        assert "The terminal says 133." in [one.text for one in found]


def test_agents_that_the_host_left_without_a_provider(living: Living) -> None:
    """The host shows a plug-in to its other threads before it has run it: agents that start just then get no provider.

    They have no memory as long as they live; but what they said is in the host's log, and taken from there.
    """
    home = living()
    chats = [f"chat{number}" for number in range(8)]
    with Gateway(home) as gateway:
        for chat in chats:
            gateway.submit(chat, f"{chat} is here.", user=f"user-{chat}")
        for chat in chats:
            gateway.turn(chat)
        sessions = {gateway.session_id(chat): Told(turns(f"{chat} is here.")) for chat in chats}
        gateway.stop()
    reconcile(home)
    with opened(home) as memory:
        assert remembered(memory) == sessions
