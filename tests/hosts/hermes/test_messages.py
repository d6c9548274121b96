"""What was said, told from what the host says in the user's name."""

import pytest

from threadline.hosts.hermes.messages import kind_of, user_message


@pytest.mark.parametrize("text", ["received signal 15", "received signal 1\n"])
def test_a_signal_is_an_event(text: str) -> None:
    assert kind_of(text) == "event"
    message = user_message(text)
    assert message is not None
    assert message.role == "system"


@pytest.mark.parametrize("text", ["I received signal 15.", "received signal 15, and now?"])
def test_a_talk_about_signals_is_said(text: str) -> None:
    assert kind_of(text) == "said"
