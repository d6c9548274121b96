"""What a host hands in, as it may be written: checked, cleaned, and without secrets where the bank says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from threadline.errors import InvalidTurnError
from threadline.redaction import redact
from threadline.session import checks
from threadline.turns import Json, Message


class Desk:
    """Where everything that is going to be written passes. It counts what it takes out.

    Args:
        redacts: whether secrets are taken out.
    """

    def __init__(self, redacts: bool) -> None:
        self._redacts = redacts
        self.redactions = 0

    def text(self, value: str, what: str = "message") -> str:
        """A text as it may be written.

        Raises:
            InvalidTurnError: it is not text.
        """
        text = checks.clean_text(value, what)
        if self._redacts:
            text, count = redact(text)
            self.redactions += count
        return text

    def messages(self, messages: Sequence[Message], max_megabytes: float) -> list[Message]:
        """The messages of a turn as they may be written.

        Raises:
            InvalidTurnError: there is nothing in them, or too much, or one is no `Message`.
        """
        prepared = []
        for message in messages:
            if not isinstance(message, Message):
                raise InvalidTurnError(
                    f"Each message must be a threadline.Message, such as Message('user', 'Hello'), "
                    f"not {type(message).__name__}."
                )
            text = self.text(message.text)
            prepared.append(message if text is message.text else replace(message, text=text))
        checks.check_messages(prepared, max_megabytes)
        return prepared

    def metadata(self, metadata: Mapping[str, Json] | None) -> Mapping[str, Json]:
        """Metadata as it may be written.

        Raises:
            InputError: it is not JSON.
        """
        return {name: checks.map_texts(value, self.text) for name, value in checks.check_metadata(metadata).items()}
