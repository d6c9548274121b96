"""Every error a user of Threadline can meet.

    ThreadlineError
    |-- InputError                 what was handed in cannot be used; nothing was written
    |   |-- InvalidIdError         a session, document or host key that is empty, too long or not text
    |   |-- InvalidBankError       a bank name that cannot be used, or differs from another only in case
    |   |-- InvalidTurnError       a turn or note with nothing in it, or larger than the limit
    |   |-- UnknownSessionError    no such session in this bank
    |   |-- UnknownTurnError       no such turn in this session
    |   |-- UnknownDeliveryError   no such delivery of this bank
    |   |-- LineageError           a session that would become its own ancestor, or has another parent already
    |   |-- ForgottenError         a turn or session that was forgotten and may not come back
    |   |-- UnknownBankError       no such bank on the server, or none that the key may see
    |   |-- UnknownItemError       no such document, memory, operation or other thing in this bank
    |   |-- ConflictError          it cannot be done in the state that the thing is in
    |   |-- RequestError           a request to the server that cannot be served as it is
    |   |   `-- DestinationError   a URL that the server may not send to
    |   |-- AccessError            the server asks for a key, or this one may not do that
    |   |-- TranscriptError        a transcript file that cannot be read, with the place of the fault
    |   `-- SettingsError          a setting that is unknown or has a bad value
    |-- StorageError               a file of the data directory cannot be used
    |   |-- StorageFullError       no space left
    |   |-- StorageReadOnlyError   no permission to write
    |   |-- StorageBusyError       another process held the file for too long
    |   |-- StorageCorruptError    the file is damaged, or is not ours
    |   `-- NewerVersionError      the file was written by a newer Threadline
    |-- BackendError               the memory behind the journal did not do what was asked
    |   |-- BackendUnavailableError  for now: the delivery is retried
    |   |-- BackendRefusedError      for good: the delivery becomes a dead letter
    |   `-- UnsupportedError         the backend cannot do such a thing at all
    |       `-- NeedsModelError      it needs a language model, and none is set
    |-- EmbedderError              the embedding model cannot be loaded or run
    |-- DeadlineError              a wait ended before what it waited for
    `-- ClosedError                the memory was closed

Each message says what happened and what to do about it. `InputError` is also a `ValueError`.
"""


class ThreadlineError(Exception):
    """The base of every error Threadline raises on purpose."""


class InputError(ThreadlineError, ValueError):
    """What was handed in cannot be used; nothing was written."""


class InvalidIdError(InputError):
    """A session, document or host key that is empty, too long or not text."""


class InvalidBankError(InputError):
    """A bank name that cannot be used, or that differs from an existing one only in case."""


class InvalidTurnError(InputError):
    """A turn or note with nothing in it, or larger than the limit."""


class UnknownSessionError(InputError):
    """No such session in this bank."""


class UnknownTurnError(InputError):
    """No such turn in this session."""


class UnknownDeliveryError(InputError):
    """No such delivery of this bank."""


class LineageError(InputError):
    """A session that would become its own ancestor, or that already has another parent."""


class ForgottenError(InputError):
    """A turn or session that was forgotten on request and may not be brought back by a replay."""


class UnknownBankError(InputError):
    """No such bank on the server, or none that the key may see."""


class UnknownItemError(InputError):
    """No such document, memory, operation or other thing in this bank."""


class ConflictError(InputError):
    """It cannot be done in the state that the thing is in."""


class RequestError(InputError):
    """A request to the server that cannot be served as it is.

    Args:
        message: what is wrong, for the user.
        status: the HTTP status that says so.
        retry_after: in how many seconds it may work, for one that came too early; None: the same will not do later.
    """

    def __init__(self, message: str, status: int = 400, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class DestinationError(RequestError):
    """A URL that the server may not send to: it leads to a private, loopback or link-local address."""


class AccessError(InputError):
    """The server asks for a key, or this one may not do that.

    Args:
        message: what is wrong, for the user.
        status: 401 where a key is missing or not valid, 403 where it may not do that.
    """

    def __init__(self, message: str, status: int = 401) -> None:
        super().__init__(message)
        self.status = status


class TranscriptError(InputError):
    """A transcript that cannot be read.

    Args:
        message: what is wrong, for the user.
        place: where it is wrong, such as `chat.jsonl:17`.
    """

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place = place


class SettingsError(InputError):
    """A setting that is unknown or has a bad value."""


class StorageError(ThreadlineError):
    """A file of the data directory cannot be used."""


class StorageFullError(StorageError):
    """There is no space left on the device."""


class StorageReadOnlyError(StorageError):
    """The file or its directory may not be written."""


class StorageBusyError(StorageError):
    """Another process held the file for longer than the busy time-out."""


class StorageCorruptError(StorageError):
    """The file is damaged, or is not one of Threadline's."""


class NewerVersionError(StorageError):
    """The file was written by a newer version of Threadline."""


class BackendError(ThreadlineError):
    """The memory behind the journal did not do what was asked."""


class BackendUnavailableError(BackendError):
    """The backend cannot do it now; the delivery is retried.

    Args:
        message: what is wrong, for the user.
        retry_after: how long the backend asks to be left alone, in seconds; 0 where it does not say.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BackendRefusedError(BackendError):
    """The backend will never do it; the delivery becomes a dead letter."""


class UnsupportedError(BackendError):
    """The backend cannot do such a thing at all, as its capabilities say."""


class NeedsModelError(UnsupportedError):
    """It needs a language model, and none is set.

    Args:
        what: what needs it, as the beginning of a sentence.
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} needs a language model, and this server has none: set THREADLINE_LLM (docs/server.md says what "
            "works without one)."
        )


class EmbedderError(ThreadlineError):
    """The embedding model cannot be loaded or run."""


class DeadlineError(ThreadlineError):
    """A wait ended before what it waited for happened."""


class ClosedError(ThreadlineError):
    """The memory was closed; open it again to go on."""
