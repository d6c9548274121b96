"""The shapes of transfers and of files."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from threadline.server.wire.base import WireShape


class DocumentExportSubmitResponse(WireShape):
    """An export of documents was accepted."""

    operation_id: str
    status: str = "pending"


class DocumentImportSubmitResponse(WireShape):
    """An import of documents was accepted."""

    operation_id: str
    status: str = "pending"


class BankTransferSubmitResponse(WireShape):
    """A transfer of a bank was accepted."""

    operation_id: str
    status: str = "pending"


class FileRetainResponse(WireShape):
    """Files were accepted; each has an operation."""

    operation_ids: list[str] = Field(description="The operations, in the order of the files.")


class FileRetainMetadata(WireShape):
    """What is said of one file."""

    document_id: str | None = Field(default=None, description="The document it becomes; made for it where not given.")
    context: str | None = None
    metadata: dict[str, Any] | None = None
    tags: list[str] | None = None
    timestamp: str | None = Field(default=None, description="When it was said: ISO 8601.")
    parser: str | list[str] | None = None
    strategy: str | None = None

    @field_validator("metadata")
    @classmethod
    def _plain(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        return (
            value
            if value is None
            else {name: each if isinstance(each, str) else str(each) for name, each in value.items()}
        )


class FileRetainRequest(WireShape):
    """What is said of the files."""

    parser: str | list[str] | None = None
    files_metadata: list[FileRetainMetadata] | None = None

    @model_validator(mode="before")
    @classmethod
    def _in_its_place(cls, value: Any) -> Any:
        """What is about a file stands with that file: elsewhere it would be lost without a word."""
        if not isinstance(value, dict):
            return value
        per_file = set(FileRetainMetadata.model_fields) - {"parser"}
        lost = sorted(name for name in per_file if value.get(name) is not None)
        faults = []
        if lost:
            faults.append(
                f"Per-file fields ({', '.join(lost)}) must be placed in the corresponding 'files_metadata' entry"
            )
        if value.get("update_mode") is not None:
            faults.append("'update_mode' is not supported by /files/retain, which always processes asynchronously")
        if faults:
            raise ValueError("; ".join(faults))
        return value
