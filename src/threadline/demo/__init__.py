"""The demo: a conversation is lived through by a process that is killed again and again, and then counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

KILLS = 10
SEED = 7


def run(
    path: Path | None = None,
    home: Path | None = None,
    say: Callable[[str], None] = print,
    *,
    embedder: str | None = None,
    kills: int = KILLS,
    seed: int = SEED,
) -> dict[str, int]:
    """Live through a conversation with kills, compare what is remembered with what was said, ask ten questions.

    Every figure comes from a comparison of texts: what was said, with what stands in the journal, in the
    bank's store, and in what recall returns. The last line said is the figures as one JSON object.

    Args:
        path: a transcript, in any format of `threadline.importers`; None: the sample conversation.
        home: the data directory, which must hold no memories yet, and is kept; None: a temporary one.
        say: called with every line of the output.
        embedder: as the setting of that name; None: as it is set.
        kills: how often the process is to be killed.
        seed: of the generator that chooses the moments.

    Returns:
        said: turns said, those taken back included.
        undone: turns said and taken back.
        remembered: turns said and not taken back, of which every message is in the bank's store exactly once,
            word for word, under its own session and number, and whose record in the journal is whole too.
        lost: turns and notes that are missing, or not word for word, in the journal or in the store; or that
            were acknowledged and not in the journal after a kill.
        repeated: turns and notes found more than once in the journal or in the store.
        misplaced: turns and notes found under another session or number than their own, or recalled for a
            session that may not see them.
        undone_recalled: turns taken back that are still in the store or that a recall returned.
        kills: how often the process really died by a kill.
        questions, answered: the questions asked, and those of which a turn that holds the answer was among the
            first five memories returned and nothing that must not be.

    Raises:
        InputError: the data directory holds memories already.
        TranscriptError: the transcript cannot be read, or there is no turn in it.
        StorageError: the data directory cannot be used.
    """
    from threadline.demo.show import show

    return show(path, home, say, embedder=embedder, kills=kills, seed=seed)


def holds(figures: Mapping[str, int]) -> bool:
    """Whether the figures of a run are as promised; the exit code of the command.

    How many questions were answered is no promise: that is the quality of recall, shown and not judged.
    """
    faults = ("lost", "repeated", "misplaced", "undone_recalled")
    return all(figures[fault] == 0 for fault in faults) and (
        figures["remembered"] == figures["said"] - figures["undone"]
    )
