"""Threadline: long-term memory for AI agents.

It never loses a turn, never repeats one, and never lets one conversation read another's.

    from threadline import Memory

    with Memory.open("~/.threadline", bank="alice") as memory:
        session = memory.session("s1")
        session.add_turn(user="I moved to Lisbon in May.", assistant="Noted! How is it?")
        for found in session.recall("where does Alice live?", fresh=True):
            print(found.text, *found.why)

What is not named here is private.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadline.aio import AsyncMemory, AsyncSession

from threadline.backends.base import Backend, BankFigures, Capabilities
from threadline.backends.probe import Probe
from threadline.documents import (
    Batch,
    Explained,
    Passage,
    Query,
    Reason,
    Recalled,
    Reflection,
    Removal,
    Run,
    Scope,
    Span,
    Wanted,
)
from threadline.errors import (
    AccessError,
    BackendError,
    BackendRefusedError,
    BackendUnavailableError,
    ClosedError,
    ConflictError,
    DeadlineError,
    DestinationError,
    EmbedderError,
    ForgottenError,
    InputError,
    InvalidBankError,
    InvalidIdError,
    InvalidTurnError,
    LineageError,
    NeedsModelError,
    NewerVersionError,
    RequestError,
    SettingsError,
    StorageBusyError,
    StorageCorruptError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    ThreadlineError,
    TranscriptError,
    UnknownBankError,
    UnknownDeliveryError,
    UnknownItemError,
    UnknownSessionError,
    UnknownTurnError,
    UnsupportedError,
)
from threadline.journal.deliveries import Delivery
from threadline.journal.figures import BankStatus, SessionStatus
from threadline.journal.records import SessionSummary
from threadline.memory import Memory
from threadline.proof import Proof, Trace
from threadline.session.recall import RecallOptions
from threadline.session.session import Session
from threadline.settings import Settings
from threadline.tags import TagFilter, Tags
from threadline.turns import Identity, Message, Note, Turn

__version__ = "0.1.0"

__all__ = [
    "AccessError",
    "AsyncMemory",
    "AsyncSession",
    "Backend",
    "BackendError",
    "BackendRefusedError",
    "BackendUnavailableError",
    "BankFigures",
    "BankStatus",
    "Batch",
    "Capabilities",
    "ClosedError",
    "ConflictError",
    "DeadlineError",
    "Delivery",
    "DestinationError",
    "EmbedderError",
    "Explained",
    "ForgottenError",
    "Identity",
    "InputError",
    "InvalidBankError",
    "InvalidIdError",
    "InvalidTurnError",
    "LineageError",
    "Memory",
    "Message",
    "NeedsModelError",
    "NewerVersionError",
    "Note",
    "Passage",
    "Probe",
    "Proof",
    "Query",
    "Reason",
    "RecallOptions",
    "Recalled",
    "Reflection",
    "Removal",
    "RequestError",
    "Run",
    "Scope",
    "Session",
    "SessionStatus",
    "SessionSummary",
    "Settings",
    "SettingsError",
    "Span",
    "StorageBusyError",
    "StorageCorruptError",
    "StorageError",
    "StorageFullError",
    "StorageReadOnlyError",
    "TagFilter",
    "Tags",
    "ThreadlineError",
    "Trace",
    "TranscriptError",
    "Turn",
    "UnknownBankError",
    "UnknownDeliveryError",
    "UnknownItemError",
    "UnknownSessionError",
    "UnknownTurnError",
    "UnsupportedError",
    "Wanted",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """The async twin is imported when it is first used: asyncio would be a third of the import time."""
    if name in ("AsyncMemory", "AsyncSession"):
        from threadline import aio

        return getattr(aio, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
