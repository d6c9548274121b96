"""What a reflector is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from threadline.documents import Recalled, Reflection


class Reflector(Protocol):
    """What answers a question from memories. A value: pass another to `EmbeddedBackend`, one with a language model say.

    It may be called from any thread.
    """

    def __call__(self, question: str, memories: Sequence[Recalled], max_tokens: int) -> Reflection:
        """Answer from these memories and nothing else.

        Args:
            memories: what a recall found for the question, best first: all that the answer may stand on.
            max_tokens: the most tokens that the answer's text may take, as `count_tokens` counts them.

        Returns:
            The answer with the memories it stands on. `extractive` says that every sentence of it was said by
            somebody; what a language model put into words leaves that False.

        Raises:
            BackendUnavailableError: no answer just now; asking again may help.
            BackendRefusedError: no answer, and asking again does not help.
        """
