"""The demo from beginning to end, and what it says about it."""

from __future__ import annotations

import contextlib
import json
import random
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from threadline.database import private_directory
from threadline.demo.comparison import Faults, turn_name
from threadline.demo.inspection import Findings, inspect
from threadline.demo.kills import Kill, choose, live_through
from threadline.demo.life import TURNS_A_BATCH, open_memory
from threadline.demo.questions import FIRST, Answer, ask
from threadline.demo.story import Branched, Noted, Said, Step, Story, Undone, load
from threadline.documents import Recalled
from threadline.errors import InputError
from threadline.memory import Memory
from threadline.settings import Settings

Say = Callable[[str], None]

_WIDTH = 100
_MOST_NAMED = 5
_MOST_LINES = 3
_FLUSH_SECONDS = 20.0


def show(
    path: Path | None, home: Path | None, say: Say, *, embedder: str | None, kills: int, seed: int
) -> dict[str, int]:
    """See `threadline.demo.run`."""
    began = time.perf_counter()
    story = load(path)
    with _data_directory(home) as folder:
        embedder = embedder or Settings.load(folder).embedder
        _tell_story(story, folder, home is None, say)
        triggers = choose(story, kills, random.Random(seed))  # noqa: S311 - it chooses moments, and guards nothing
        died = _live(story, live_through(story, folder, path, embedder, triggers), say)
        with open_memory(folder, embedder) as memory:
            _deliver(memory, say)
            _warm(memory, say)
            findings = inspect(story, folder, memory)
            _tell_findings(story, findings, say)
            _tell_faults(_all_faults(died, findings), say)
            answers = _ask_all(story, memory, path is not None, say)
    figures = count(story, died, findings, answers)
    say("")
    say(f"{time.perf_counter() - began:.1f} s in all.")
    say(json.dumps(figures))
    return figures


def count(story: Story, kills: Sequence[Kill], findings: Findings, answers: Sequence[Answer]) -> dict[str, int]:
    """The figures that `threadline.demo.run` returns."""
    faults = _all_faults(kills, findings)
    standing = {turn_name(turn.session, turn.number) for turn in story.turns if not turn.undone}
    return {
        "said": len(story.turns),
        "undone": len(story.turns) - len(standing),
        "remembered": len(standing & findings.journal.whole & findings.store.whole),
        "lost": len(faults.lost),
        "repeated": len(faults.repeated),
        "misplaced": len(faults.misplaced),
        "undone_recalled": len(faults.undone),
        "kills": len(kills),
        "questions": len(answers),
        "answered": sum(answer.answered for answer in answers),
    }


def _all_faults(kills: Sequence[Kill], findings: Findings) -> Faults:
    faults = findings.journal.faults | findings.store.faults | findings.recalls.faults
    for kill in kills:
        faults |= Faults(lost=kill.lost)
    return faults


@contextlib.contextmanager
def _data_directory(home: Path | None) -> Iterator[Path]:
    if home is None:
        with tempfile.TemporaryDirectory(prefix="threadline-demo-") as folder:
            yield Path(folder)
        return
    if (home / "journal.db").exists():
        raise InputError(f"{home} holds memories already; give the demo a folder of its own, or none.")
    private_directory(home)
    yield home.absolute()


def _live(story: Story, kills: Iterable[Kill], say: Say) -> list[Kill]:
    began = time.perf_counter()
    died: list[Kill] = []
    _head("Lived through, killed and started again", say)
    say(f"  {'kill':>4}  {'died at':<52}{'acknowledged':>12}  {'in journal':>10}  delivery")
    for kill in kills:
        died.append(kill)
        _tell_kill(story, len(died), kill, say)
    say(f"  The whole conversation was said in {time.perf_counter() - began:.1f} s, over {len(died)} kills.")
    return died


def _deliver(memory: Memory, say: Say) -> None:
    """Deliver what the last process left, however long it takes, unless it fails."""
    began = time.perf_counter()
    while not memory.flush(_FLUSH_SECONDS, hurry=False):
        status = memory.status()
        if status.last_error:
            say(f"  Delivery fails: {status.last_error}")
            return
        say(f"  {status.undelivered} turns are still on their way to the store ...")
    say(f"  What it had not delivered was delivered in {time.perf_counter() - began:.1f} s.")


def _warm(memory: Memory, say: Say) -> None:
    began = time.perf_counter()
    memory.recall("a first question")
    say(f"  The first recall took {(time.perf_counter() - began) * 1000:.0f} ms; those below are warm.")


def _ask_all(story: Story, memory: Memory, made: bool, say: Say) -> list[Answer]:
    _head("Asked afterwards, answered by recall alone", say)
    if made:
        say("  The questions are made without a model: of turns spread over the conversation, the rarest")
        say(f"  words of one message. Answered means: that turn was among the first {FIRST} memories.")
    else:
        say(f"  Answered means: a turn that holds the answer was among the first {FIRST} memories, and nothing")
        say("  came that must not. Each question shows the best memory, right or wrong.")
    answers = []
    for number, question in enumerate(story.questions, start=1):
        answers.append(ask(memory, question))
        _tell_answer(number, answers[-1], say)
    return answers


def _tell_story(story: Story, folder: Path, temporary: bool, say: Say) -> None:
    undone = sum(turn.undone for turn in story.turns)
    branches = sum(isinstance(step, Branched) for step in story.steps)
    say(f"{story.title}: {len(story.sessions)} sessions ({branches} branched off), {len(story.turns)} turns")
    say(f"({undone} taken back), {len(story.notes)} notes; {TURNS_A_BATCH} turns are delivered together.")
    say(f"Data directory: {folder}{' (removed at the end)' if temporary else ''}")
    if story.faults:
        say(f"{len(story.faults)} places of the transcript could not be read:")
        _tell_some(story.faults, say)


def _tell_kill(story: Story, number: int, kill: Kill, say: Say) -> None:
    acknowledged = sum(isinstance(step, Said) for step in story.steps[: kill.acknowledged])
    cut = "cut short" if kill.mid_delivery else ""
    what = _what(story.steps[kill.step], kill.kept)
    say(f"  {number:>4}  {what:<52}{acknowledged:>12}  {kill.recorded:>10}  {cut}".rstrip())


def _what(step: Step, kept: bool) -> str:
    match step:
        case Said():
            return f"{turn_name(step.session, step.number)} ({'kept' if kept else 'not kept yet'})"
        case Noted():
            return f"{step.session}, a note ({'kept' if kept else 'not kept yet'})"
        case Branched():
            return f"{step.session} branches off {step.parent}"
        case Undone():
            numbers = ", ".join(map(str, step.numbers))
            return f"{step.session}, undo of {numbers} ({'done' if kept else 'not done yet'})"


def _tell_findings(story: Story, findings: Findings, say: Say) -> None:
    undone = sum(turn.undone for turn in story.turns)
    recalls = findings.recalls
    _head("What was said, compared word for word with what is there", say)
    say(f"  said:             {len(story.turns)} turns, {undone} of them taken back; {len(story.notes)} notes")
    say(f"  in the journal:   {findings.journal.turns} turns, those taken back included")
    say(f"  in the store:     {findings.store.turns} turns")
    say(f"  asked for:        {recalls.asked} turns by their own words, in the bank and in their session")
    if recalls.asked < len(story.turns) - undone:
        say("                    (the conversation is long: these are spread evenly over it)")
    say(f"  came back:        {recalls.came_back}")
    say(f"  recalls judged:   {recalls.recalls}, those that ask for what was taken back included")


def _tell_faults(faults: Faults, say: Say) -> None:
    for title, names in (
        ("lost:", faults.lost),
        ("repeated:", faults.repeated),
        ("misplaced:", faults.misplaced),
        ("undone, recalled:", faults.undone),
    ):
        say(f"  {title:<17} {len(names)}")
        _tell_some(sorted(names), say)


def _tell_some(names: Sequence[str], say: Say) -> None:
    for one in names[:_MOST_NAMED]:
        say(f"    {_short(one)}")
    if len(names) > _MOST_NAMED:
        say(f"    and {len(names) - _MOST_NAMED} more")


def _tell_answer(number: int, answer: Answer, say: Say) -> None:
    where = f" (in {answer.question.session})" if answer.question.session else ""
    say("")
    say(f"  {number:>2}. {answer.question.text}{where}")
    _tell_memory("best", answer.best, say)
    if answer.evidence is not answer.best:
        _tell_memory(f"number {answer.rank}" if answer.rank else "evidence", answer.evidence, say)
    came = f"the evidence came as number {answer.rank}" if answer.rank else "the evidence did not come"
    forbidden = ", and something came that must not" if answer.forbidden else ""
    verdict = "answered" if answer.answered else "not answered"
    say(f"      {verdict}: {came}{forbidden}; {answer.milliseconds:.1f} ms")


def _tell_memory(label: str, memory: Recalled | None, say: Say) -> None:
    if memory is None:
        say(f"      {label}: none")
        return
    where = f"{memory.session} turn {memory.turn}" if memory.turn else "a note"
    text = f"{label}: {memory.occurred_at:%d %b %Y}, {where}, {memory.role}: {memory.text}"
    for line in textwrap.wrap(text, _WIDTH - 6, max_lines=_MOST_LINES, placeholder=" ..."):
        say(f"      {line}")


def _head(title: str, say: Say) -> None:
    say("")
    say(title)


def _short(text: str) -> str:
    return textwrap.shorten(text, _WIDTH - 6, placeholder=" ...")
