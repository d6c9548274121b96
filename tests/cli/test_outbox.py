"""What waits and what was refused, as people see it, try it again, give it up and take it away."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run, process
from threadline import BackendRefusedError, BackendUnavailableError, Memory
from threadline.cli import outbox
from threadline.testing import FakeBackend, Fault

Fill = Callable[..., FakeBackend]


@pytest.fixture
def fill(home: Path) -> Fill:
    """Say a turn in each of two sessions, with these faults on the way to the backend."""

    def fills(*faults: Fault) -> FakeBackend:
        backend = FakeBackend(faults=faults)
        with Memory.open(home, backend=backend, redact=False, shutdown_seconds=0.3) as memory:
            memory.session("good").add_turn(user="This one is welcome", assistant="Yes")
            memory.session("bad").add_turn(user="This one is not", assistant="No")
            tried = memory._context.writer.wait_until(lambda: _waiting(memory) == _failed(memory), 20)
            assert tried, "each was delivered, or failed at least once"
        return backend

    return fills


def _waiting(memory: Memory) -> int:
    return memory.status().waiting


def _failed(memory: Memory) -> int:
    return memory.status().retrying


def refused() -> list[Fault]:
    return [Fault("retain", applied=1), Fault("retain", BackendRefusedError("It is too odd."))]


def away() -> list[Fault]:
    return [Fault("retain", BackendUnavailableError("It is out for lunch.")) for _ in range(100)]


def listed(run: Run, *more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("outbox", "list", "--json", *more).stdout)
    return found


def test_list_nothing_where_all_is_delivered(fill: Fill, run: Run) -> None:
    fill()
    assert run("outbox").stdout == "Nothing waits, and nothing was refused.\n"
    assert listed(run) == []
    assert [each["state"] for each in listed(run, "--all")] == ["done", "done"]


def test_list_what_was_refused_and_why(fill: Fill, run: Run) -> None:
    fill(*refused())
    (found,) = listed(run)
    assert (found["state"], found["session"], found["error"]) == ("dead", "bad", "It is too odd.")
    shown = run("outbox").stdout
    for part in ("turn 1 of bad", "dead", "It is too odd."):
        assert part in shown
    assert run("outbox", "list").stdout == shown


def test_list_what_waits(fill: Fill, run: Run) -> None:
    fill(*away())
    assert [each["state"] for each in listed(run)] == ["waiting", "waiting"]
    assert "out for lunch" in run("outbox").stdout


def test_try_dead_letters_again(fill: Fill, run: Run) -> None:
    fill(*refused())
    (found,) = listed(run)
    shown = run("outbox", "retry", "--dead").stdout
    assert f"{found['id']}  turn 1 of bad: delivered" in shown
    assert "Delivered: 1 of 1 delivery." in shown
    assert listed(run) == []
    assert "This one is not" in run("recall", "not", "--session", "bad").stdout


def test_try_one_again_by_its_id(fill: Fill, run: Run) -> None:
    fill(*away())
    first, second = (each["id"] for each in listed(run))
    (told,) = json.loads(run("outbox", "retry", str(second), "--json").stdout)
    assert (told["id"], told["state"]) == (second, "done")
    assert first != second


@pytest.mark.parametrize("arguments", [(), ("1", "--dead")])
def test_ask_for_ids_or_for_all_dead_letters(fill: Fill, run: Run, arguments: tuple[str, ...]) -> None:
    fill()
    run("outbox", "retry", *arguments, code=2)


def test_try_nothing_where_nothing_was_refused(fill: Fill, run: Run) -> None:
    fill()
    assert run("outbox", "retry", "--dead").stdout == "Delivered: 0 of 0 deliveries.\n"
    assert json.loads(run("outbox", "retry", "--dead", "--json").stdout) == []


def test_say_what_is_refused_again(home: Path, run: Run) -> None:
    """The embedded engine takes the turns of a session in their order, and a later one is there already."""
    with Memory.open(home, embedder="none", backend=FakeBackend(faults=refused()[1:])) as memory:
        memory.session("s").add_turn(user="the first")
        memory.flush(20)
    with Memory.open(home, embedder="none") as memory:
        memory.session("s").add_turn(user="the second")
        assert memory.flush(20)
    told = run("outbox", "retry", "1", code=1).stdout
    assert "turn 1 of s: refused: Turn 1" in told
    assert "threadline rebuild --from-journal" in told
    assert "Delivered: 0 of 1 delivery." in told
    (became,) = json.loads(run("outbox", "retry", "1", "--json", code=1).stdout)
    assert (became["state"], became["attempts"]) == ("dead", 3)
    run("rebuild", "--from-journal")
    assert "the first" in run("recall", "first").stdout
    assert listed(run) == []


def test_say_what_is_not_delivered_in_time(fill: Fill, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(*refused())
    monkeypatch.setattr("threadline.memory.open_backend", lambda _: FakeBackend(faults=away()))
    waited: list[float] = []
    flush = Memory.flush

    def recorded(self: Memory, seconds: float) -> bool:
        waited.append(seconds)
        return flush(self, seconds)

    monkeypatch.setattr(Memory, "flush", recorded)
    told = run("outbox", "retry", "--dead", "--wait", "0.2", code=1).stdout
    assert waited == [0.2]
    assert "turn 1 of bad: not delivered yet: It is " in told
    (found,) = listed(run)
    assert found["state"] == "waiting"


def test_keep_to_the_bank_that_is_named(fill: Fill, run: Run) -> None:
    fill(*refused())
    run("retain", "something", "--bank", "other")
    assert listed(run, "--bank", "other") == []
    run("outbox", "drop", "2", "--yes", "--bank", "other", code=1)
    assert json.loads(run("outbox", "--bank", "default", "list", "--json").stdout) == listed(run) != []


def test_name_the_ids_there_are(fill: Fill, run: Run) -> None:
    fill()
    for command in ("retry", "drop"):
        more = ("--yes",) if command == "drop" else ()
        told = run("outbox", command, "999", *more, code=1).output
        assert "no delivery 999" in told
        assert "outbox list --all" in told


def test_drop_nothing_without_an_answer(fill: Fill, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(*refused())
    (found,) = listed(run)
    assert "--yes gives the answer" in run("outbox", "drop", str(found["id"]), code=1).output
    monkeypatch.setattr(outbox, "has_terminal", lambda: True)
    told = run("outbox", "drop", str(found["id"]), stdin="n\n", code=1).output
    assert "This one is not" in told
    assert "Nothing was dropped." in told
    assert len(listed(run)) == 1


def test_drop_what_somebody_says_yes_to(fill: Fill, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(*refused())
    (found,) = listed(run)
    monkeypatch.setattr(outbox, "has_terminal", lambda: True)
    assert "Dropped: 1 delivery." in run("outbox", "drop", str(found["id"]), stdin="y\n").output
    assert listed(run) == []
    status = json.loads(run("status", "--json").stdout)
    assert (status["dropped"], status["dead_letters"], status["healthy"]) == (1, 0, True)
    assert "This one is not" in run("show", "bad").stdout, "it is still in the journal"
    run("outbox", "retry", str(found["id"]))
    assert "This one is not" in run("recall", "not", "--session", "bad").stdout


def test_say_what_a_dropped_order_leaves_behind(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "has_terminal", lambda: True)
    never = Fault("forget_bank", BackendRefusedError("I cannot."))
    with Memory.open(home, backend=FakeBackend(faults=[never])) as memory:
        memory.session("s").add_turn(user="one")
        memory.rebuild(from_journal=True)
    (order,) = (str(each["id"]) for each in listed(run))
    told = run("outbox", "drop", order, stdin="n\n", code=1).stderr
    assert "order to empty the bank (dead)\n    What it was to take out would stay in the backend.\n" in told
    assert "rebuild --from-journal" in run("outbox", "retry", order, code=1).stderr, "it would empty what came since"
    (dropped,) = json.loads(run("outbox", "drop", order, "--yes", "--json").stdout)
    assert dropped["state"] == "dropped"


def test_name_an_order_by_what_it_takes_out(home: Path, run: Run) -> None:
    never = [Fault(verb, BackendRefusedError("I cannot.")) for verb in ("retract", "forget", "forget")]
    with Memory.open(home, backend=FakeBackend(faults=never)) as memory:
        session = memory.session("s")
        for word in ("one", "two"):
            session.add_turn(user=word)
        note = memory.retain("three")
        assert memory.flush(20)
        session.rewind()
        memory.forget(session="s", turn=1)
        memory.forget(document=f"note:{note.id}")
    shown = run("outbox").stdout
    for part in ("order to take back turn 2 of s", "order to forget turn 1 of s", "order to forget note:"):
        assert part in " ".join(shown.split())


def test_say_that_it_cannot_be_dropped_any_more(fill: Fill, run: Run) -> None:
    fill()
    assert "was delivered" in run("outbox", "drop", "1", "--yes", code=1).stderr
    assert "was delivered" in run("outbox", "retry", "1", code=1).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_ask_whoever_sits_at_a_terminal(fill: Fill, run: Run, home: Path) -> None:
    import pty

    fill(*refused())
    ours, theirs = pty.openpty()
    os.write(ours, b"y\n")
    result = process(home, "outbox", "drop", "2", stdin=theirs)
    assert (result.returncode, result.stdout.partition(".")[0]) == (0, "Dropped: 1 delivery")
    assert "Drop 1 delivery? [y/N]" in result.stderr
    os.close(ours)
    os.close(theirs)


def test_export_what_is_not_delivered(fill: Fill, run: Run, tmp_path: Path) -> None:
    fill(*refused())
    output = tmp_path / "out.jsonl"
    assert "1 delivery of bank default" in run("outbox", "export", "--output", output).output
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    (line,) = output.read_text("utf-8").splitlines()
    told = json.loads(line)
    assert (told["state"], told["error"]) == ("dead", "It is too odd.")
    assert [message["text"] for message in told["turns"][0]["messages"]] == ["This one is not", "No"]
    assert run("outbox", "export").stdout.splitlines() == [line]
    run("outbox", "export", "--json", code=2)


def test_export_a_note(home: Path, run: Run) -> None:
    with Memory.open(home, backend=FakeBackend(faults=away()), shutdown_seconds=0.3) as memory:
        memory.retain("Prefers trains")
    told = json.loads(run("outbox", "export").stdout)
    assert (told["note"]["text"], told["turns"]) == ("Prefers trains", [])


def test_say_in_status_what_to_do_about_it(fill: Fill, run: Run) -> None:
    fill(*refused())
    assert "threadline outbox" in run("status", code=1).stdout


def test_show_each_session_in_status(fill: Fill, run: Run) -> None:
    fill(*refused())
    told = json.loads(run("status", "--sessions", "--json", code=1).stdout)["by_session"]
    good, bad = told
    assert (good["id"], good["turns"], good["delivered"], good["dead_letters"]) == ("good", 1, 1, 0)
    assert (bad["id"], bad["turns"], bad["delivered"], bad["dead_letters"]) == ("bad", 1, 0, 1)
    assert bad["last_error"] == "It is too odd."
    assert good["last_delivered"] is not None
    shown = run("status", "--sessions", code=1).stdout
    for part in ("session", "undelivered", "good", "bad", "It is too odd."):
        assert part in shown


def test_show_how_long_a_session_waits(fill: Fill, run: Run) -> None:
    fill(*away())
    told = json.loads(run("status", "--sessions", "--json", code=1).stdout)["by_session"]
    for each in told:
        assert (each["undelivered"], each["delivered"]) == (1, 0)
        assert each["oldest_undelivered"] is not None
    assert sum(each["retries"] for each in told) >= 1


def test_probe_the_backend(fill: Fill, run: Run) -> None:
    fill()
    Memory.open().close()
    told = json.loads(run("status", "--probe", "--json", "--bank", "default", code=1).stdout)
    assert told["probe"]["ok"], "the embedded engine works, though the bank's turns went to another backend"
    assert told["probe"]["write_seconds"] >= 0
    assert "found" in run("status", "--probe", code=1).stdout
