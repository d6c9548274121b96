"""However the user leaves, what was said is there."""

from __future__ import annotations

import signal

import pytest

from tests.hosts.hermes.harness.cli import Cli
from tests.hosts.hermes.harness.model import FakeModel, Reply
from tests.hosts.hermes.harness.oneshot import OneShot
from tests.hosts.hermes.harness.terminal import Terminal

from .conftest import Living
from .memory import Told, check, opened, recalled, remembered, turn, turns

pytestmark = pytest.mark.hermes


def test_one_shot(living: Living, model: FakeModel) -> None:
    """It leaves at once, while the turn is on its way to the provider; the next one has it."""
    home = living(retain_every_n_turns=3)
    for text in ("My cat is called Miro.", "What is my cat called?"):
        with OneShot(home, text) as shot:
            assert shot.answer() == f"Heard: {text}"
            assert shot.process.returncode == 0
    first, second = (one["id"] for one in home.sessions())
    assert "My cat is called Miro." in recalled(model.requests[-1])
    check(home, {first: Told(turns("My cat is called Miro.")), second: Told(turns("What is my cat called?"))})


@pytest.mark.parametrize("keys", ["/exit", "\x04", "\x03", None], ids=["exit", "ctrl-d", "ctrl-c", "hang-up"])
def test_leave_a_terminal(living: Living, keys: str | None) -> None:
    home = living(retain_every_n_turns=3)
    with Terminal(home) as host:
        host.enter("My cat is called Miro.")
        host.wait_for("Heard: My cat is called Miro.")
        took = host.hang_up() if keys is None else host.leave(keys)
        assert took < 20_000
    (session,) = home.sessions()
    check(home, {session["id"]: Told(turns("My cat is called Miro."))})


@pytest.mark.parametrize("way", ["ctrl-c twice", "hang-up", "ctrl-d", "SIGTERM"])
def test_leave_in_the_midst_of_a_turn(living: Living, model: FakeModel, way: str) -> None:
    """What the user had said is remembered, at the latest when the host is started again."""
    home = living()
    with Terminal(home) as host:
        host.enter("My cat is called Miro.")
        host.wait_for("Heard: My cat is called Miro.")
        model.reply(Reply("never said", gate=model.gate()))
        host.enter("My dog is called Rex.")
        model.wait(lambda request: "Rex" in request.user)
        match way:
            case "ctrl-c twice":
                host.leave("\x03")
            case "ctrl-d":
                host.leave("\x04")
            case "hang-up":
                host.hang_up()
            case _:
                host.signal(signal.SIGTERM)
                host.wait()
    (session,) = home.sessions()
    with Cli(home) as again:
        again.exit()
    with opened(home) as memory:
        told = remembered(memory)[session["id"]]
    assert told.turns[0] == turn("My cat is called Miro.")
    assert told.turns[1][0] == "user: My dog is called Rex."
    # The host answers a signal in the user's name; nobody said that.
    assert not [line for lines in told.turns[2:] for line in lines if line.startswith("user: ")]
