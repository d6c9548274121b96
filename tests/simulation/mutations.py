"""`python -m tests.simulation.mutations [NAME ...]`: the code broken on purpose, and the seed that notices.

The exit code is 1 if a mutation is not noticed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any

from threadline.delivery.courier import Courier
from threadline.journal import forgetting, lineage, outbox, sql
from threadline.journal.journal import Journal
from threadline.journal.outbox import JournalOutbox
from threadline.journal.owner import Owner
from threadline.prefetch.prefetch import Token
from threadline.session.session import Session

#: Within how many seeds a mutation must be noticed.
SEEDS = 2000


@dataclass(frozen=True, slots=True)
class Mutation:
    """One fault put in on purpose."""

    what: str
    apply: Callable[[], None]


def _set(place: object, name: str, value: object) -> None:
    setattr(place, name, value)


def _query(name: str, *changes: tuple[str, str]) -> None:
    """Change a named query, in every module that uses it."""
    queries = dict(sql.SQL)
    for old, new in changes:
        if old not in queries[name]:
            raise AssertionError(f"{name} has no {old!r} any more: mend the mutation")
        queries[name] = queries[name].replace(old, new)
    mutated = MappingProxyType(queries)
    for module in [module for name, module in sys.modules.items() if name.startswith("threadline.")]:
        if getattr(module, "SQL", None) is not None and module.__name__.startswith("threadline.journal"):
            _set(module, "SQL", mutated)


def _nowhere(name: str) -> None:
    """A query that finds nothing."""
    _query(name, ("WHERE ", "WHERE 0 AND "))


_FIRST_OF_ITS_DOCUMENT = """AND NOT EXISTS (SELECT 1 FROM delivery e WHERE e.state = 'waiting' AND e.bank = d.bank
                      AND e.document = d.document AND e.delivery < d.delivery)"""
_NO_LEASE = """AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.bank = d.bank
                      AND (l.document IN (d.document, '*') OR d.document = '*'))"""
_LEASED = """
        OR EXISTS (SELECT 1 FROM lease l WHERE l.bank = d.bank AND l.document IN (d.document, '*'))"""


def _settle_before_sending() -> None:
    def carry(courier: Any, parcel: Any) -> None:
        courier._outbox.delivered(parcel)
        try:
            courier._send(parcel)
        except Exception:  # noqa: BLE001 - what a careless writer does
            return

    _set(Courier, "_carry", carry)


def _claim_what_is_leased() -> None:
    _query("next_delivery", (_NO_LEASE, ""))
    _query("take_lease", ("INSERT INTO", "INSERT OR REPLACE INTO"))


def _adopt_leases_alone() -> None:
    def adopt(box: Any) -> bool:
        found = box._database.rows(sql.SQL["lease_owners"], {"bank": box._bank.key, "owner": box._owner.id})
        dead = [owner for (owner,) in found if not box._owner.lives(owner)]
        for owner in dead:
            box._database.write("outbox.adopt", lambda connection, owner=owner: outbox._abandon(connection, owner))
        return bool(dead)

    _set(JournalOutbox, "adopt", adopt)


def _closing_nothing(name: str) -> Callable[[], None]:
    """A method of the journal that leaves the batch open."""
    original, close_batch = getattr(Journal, name), Journal.close_batch

    def leaves_open(journal: Any, *given: Any, **named: Any) -> object:
        _set(Journal, "close_batch", lambda *_: None)
        try:
            return original(journal, *given, **named)
        finally:
            _set(Journal, "close_batch", close_batch)

    return lambda: _set(Journal, name, leaves_open)


def _late_turns_go_to_the_current_session() -> None:
    current: dict[int, Any] = {}
    go, say = Session.__init__, Session.add_turn

    def begin(session: Any, context: Any, record: Any) -> None:
        go(session, context, record)
        current[id(context)] = record

    def add_turn(session: Any, *given: Any, **named: Any) -> object:
        there = Session.__new__(Session)
        go(there, session._context, current[id(session._context)])
        return say(there, *given, **named)

    _set(Session, "__init__", begin)
    _set(Session, "add_turn", add_turn)


def _parents_are_remembered() -> None:
    remembered: dict[int, str] = {}
    original = Session.switch

    def switch(session: Any, target: Any, *, reason: Any = "resume", parent: Any = None, at_turn: Any = None) -> object:
        remembered[id(session._context)] = parent = parent or remembered.get(id(session._context), "")
        return original(session, target, reason=reason, parent=parent, at_turn=at_turn)

    _set(Session, "switch", switch)


def _prefetched_without_a_second_look() -> None:
    def prefetched(session: Any, query: str, deadline: float, **given: Any) -> object:
        token = session._token(query, given["max_tokens"], given["limit"], given["scope"])
        found = session._context.prefetcher.take(token, lambda: session.recall(query, **given), deadline)
        return found or []

    _set(Session, "prefetched", prefetched)


def _tokens_equal_by(*names: str) -> Callable[[], None]:
    def equal(one: Any, other: Any) -> bool:
        return all(getattr(one, name) == getattr(other, name) for name in names)

    return lambda: _set(Token, "__eq__", equal)


def _any_session_is_one() -> None:
    original = Session._token

    def token(session: Any, *given: Any) -> Token:
        found = original(session, *given)
        return Token(session._context.bank.key, 0, found.query)

    _set(Session, "_token", token)


def _tell_of_no_attempt() -> None:
    _nowhere("mark_tried")


def _forget_hides_nothing() -> None:
    _query("hidden_turns", ("AND number IS NOT NULL", "AND 0"))
    _nowhere("forgotten_turns")


_LIST: dict[str, tuple[str, Callable[[], None]]] = {
    "settle first": ("a delivery is recorded as delivered before it is sent", _settle_before_sending),
    "any order": (
        "a delivery may overtake an earlier one of its document",
        lambda: _query("next_delivery", (_FIRST_OF_ITS_DOCUMENT, "")),
    ),
    "no lease": ("what another process carries may be claimed", _claim_what_is_leased),
    "key": (
        "the idempotency key does without document and content",
        lambda: _set(outbox, "_key", lambda document, run, *_: run),
    ),
    "no retraction": ("a rewind orders no retraction", lambda: _set(Journal, "retract", lambda *_: None)),
    "retract done": (
        "a rewind retracts only what is settled, not what may have arrived",
        lambda: _query("may_have_been_sent", ("OR d.attempts > 0" + _LEASED, "")),
    ),
    "retract tried": (
        "a rewind does not retract what is being sent just now",
        lambda: _query("may_have_been_sent", (_LEASED, "")),
    ),
    "retract untried": ("what a dead process was sending does not count as tried", _tell_of_no_attempt),
    "retract kept": (
        "a rewind retracts what a branch keeps",
        lambda: _set(lineage, "is_seen", lambda connection, turn, number, owner: False),
    ),
    "send taken back": (
        "a batch is sent with the turns that were taken back",
        lambda: _set(outbox, "lineage", SimpleNamespace(is_seen=lambda *_: True)),
    ),
    "switch": ("a switch leaves the batch open", _closing_nothing("leave")),
    "compress": ("a compression leaves the batch open", _closing_nothing("compress")),
    "fork": ("a fork leaves its parent's batch open", _closing_nothing("fork")),
    "adopt leases": ("what a dead process had in no batch is not adopted", _adopt_leases_alone),
    "adopt the living": (
        "leases of the living are taken over",
        lambda: _set(Owner, "lives", lambda self, owner: owner == self.id),
    ),
    "epoch": ("a prefetch is served whatever came between", lambda: _set(Journal, "epoch", lambda *_: (0,))),
    "late epoch": (
        "a prefetch is served although a switch came while it was waited for",
        _prefetched_without_a_second_look,
    ),
    "prefetch session": ("a prefetch is served to whichever session asks", _any_session_is_one),
    "prefetch query": ("a prefetch is served for whichever query", _tokens_equal_by("session", "epoch")),
    "host key": ("a host key that is there already is not looked up", lambda: _nowhere("turn_by_key")),
    "note key": ("a note's key that is there already is not looked up", lambda: _nowhere("note_by_key")),
    "forgotten key": ("a forgotten key may be submitted again", lambda: _nowhere("key_forgotten")),
    "late turn": ("a late turn is said in the current session", _late_turns_go_to_the_current_session),
    "parent": ("a switch takes the parent over from an earlier one", _parents_are_remembered),
    "branch turn": (
        "a branch inherits one turn too many",
        lambda: _query("link", ("parent, fork_turn,", "parent, fork_turn + 1,")),
    ),
    "branch rewind": (
        "a branch sees rewinds made after it forked",
        lambda: _query("hidden_turns", ("r.event < :limit", "(r.event < :limit OR 1)")),
    ),
    "branch note": (
        "a branch sees notes made after it forked",
        lambda: _query("note_ids", ("note <= :last", "(note <= :last OR 1)")),
    ),
    "continuation": (
        "a continuation rewinds for itself alone",
        lambda: _set(lineage, "view_of", lambda connection, session, owner: session),
    ),
    "forget": (
        "what was forgotten is recalled until the backend was told",
        _forget_hides_nothing,
    ),
    "forget order": ("the backend is not told to forget", lambda: _set(forgetting, "_order", lambda *_: None)),
    "runs": (
        "a retraction does not say what is left of the batches",
        lambda: _set(JournalOutbox, "_runs", lambda *_: []),
    ),
    "refused runs": (
        "a retraction does not say what is left of a batch that was refused after it had arrived",
        lambda: _query("batches_with", ("'done', 'dead', 'dropped'", "'done', 'dropped'")),
    ),
    "redelivery": (
        "a bank is delivered again without being emptied before",
        lambda: _query(
            "deliver_removal", ("VALUES (:bank", "SELECT :bank"), (":turns, :at)", ":turns, :at WHERE :document <> '*'")
        ),
    ),
    "whole": (
        "a backend that replaces documents is sent the last batch alone",
        lambda: _set(
            JournalOutbox,
            "__init__",
            lambda self, journal, bank, appends=True, original=JournalOutbox.__init__: original(self, journal, bank),
        ),
    ),
}

#: What is broken, by its name.
MUTATIONS = {name: Mutation(what, apply) for name, (what, apply) in _LIST.items()}


def main() -> int:
    from .runs import run_seeds

    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", help="which; all if none is given")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="within how many seeds each must be noticed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many processes")
    given = parser.parse_args()
    missed = 0
    for name in given.names or MUTATIONS:
        tally = run_seeds(range(1, given.seeds + 1), given.jobs, name, first_only=True)
        found = tally.failed[0] if tally.failed else None
        missed += found is None
        noticed = f"{found.kind} | {found.seed}" if found else "NOT NOTICED | -"
        sys.stdout.write(f"| {name} | {MUTATIONS[name].what} | {noticed} |\n")
        sys.stdout.flush()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
