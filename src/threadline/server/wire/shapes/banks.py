"""The shapes of banks and their aliases."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from threadline.server.wire.base import WireBody, WireShape

Trait = Annotated[int, Field(ge=1, le=5)]

#: The fields of a bank's configuration that making or updating it sets under their own names.
_CONFIGURED = (
    "retain_mission",
    "retain_extraction_mode",
    "retain_custom_instructions",
    "retain_chunk_size",
    "retain_structured_chunk_size",
    "retain_max_attachments_per_chunk",
    "enable_observations",
    "observations_mission",
    "enable_text_search",
    "enable_temporal_retrieval",
    "enable_graph_retrieval",
    "enable_reranking",
)


class DispositionTraits(WireShape):
    """How a bank's answers are to sound, each trait from 1 to 5."""

    skepticism: Trait = Field(description="1: trusting, 5: skeptical")
    literalism: Trait = Field(description="1: flexible, 5: literal")
    empathy: Trait = Field(description="1: detached, 5: empathetic")


class CreateBankRequest(WireBody):
    """A bank to make or to change; null: as it is. Everything but the name goes into its configuration."""

    name: str | None = Field(default=None, description="What people read; deprecated")
    disposition: DispositionTraits | None = Field(default=None, description="Deprecated: set it by the configuration")
    disposition_skepticism: Trait | None = None
    disposition_literalism: Trait | None = None
    disposition_empathy: Trait | None = None
    mission: str | None = Field(default=None, description="Deprecated: the same as reflect_mission")
    background: str | None = Field(default=None, description="Deprecated: the same as reflect_mission")
    reflect_mission: str | None = Field(default=None, description="Who the bank's answers are for, and what for")
    retain_mission: str | None = Field(default=None, description="What is to be remembered")
    retain_extraction_mode: str | None = Field(
        default=None, description="'concise', 'verbose', 'custom', 'verbatim' or 'chunks'"
    )
    retain_custom_instructions: str | None = None
    retain_chunk_size: int | None = Field(default=None, description="The most characters of a chunk")
    retain_structured_chunk_size: int | None = None
    retain_max_attachments_per_chunk: int | None = None
    enable_observations: bool | None = None
    observations_mission: str | None = None
    enable_text_search: bool | None = Field(default=None, description="Whether recall finds by words")
    enable_temporal_retrieval: bool | None = Field(default=None, description="Whether recall finds by time")
    enable_graph_retrieval: bool | None = None
    enable_reranking: bool | None = None

    def updates(self) -> dict[str, Any]:
        """What it sets of the bank's configuration."""
        found = {name: getattr(self, name) for name in _CONFIGURED}
        found["reflect_mission"] = self.reflect_mission or self.mission or self.background
        for trait in ("skepticism", "literalism", "empathy"):
            own = getattr(self, f"disposition_{trait}")
            if own is None and self.disposition is not None:
                own = getattr(self.disposition, trait)
            found[f"disposition_{trait}"] = own
        return {name: value for name, value in found.items() if value is not None}


class UpdateDispositionRequest(WireBody):
    """The body of a removed route."""

    disposition: DispositionTraits


class AddBackgroundRequest(WireBody):
    """The body of a removed route."""

    content: str
    update_disposition: bool = True


class BackgroundResponse(WireShape):
    """What a removed route answered."""

    mission: str
    background: str | None = None
    disposition: DispositionTraits | None = None


class BankProfileResponse(WireShape):
    """A bank as it was made or changed."""

    bank_id: str
    name: str
    disposition: DispositionTraits
    mission: str
    background: str | None = Field(default=None, description="Deprecated: the same as mission")


class BankListItem(WireShape):
    """A bank in a list."""

    bank_id: str
    name: str | None = None
    disposition: DispositionTraits
    mission: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    fact_count: int = 0
    last_document_at: str | None = Field(default=None, description="When its latest document was first retained")
    last_write_at: str | None = Field(default=None, description="When anything was last written; null: it is empty")
    display_alias: str | None = Field(default=None, description="The alias that is shown in place of bank_id")
    matched_aliases: list[str] = Field(default=[], description="The aliases for which a search found it")


class BankListResponse(WireShape):
    """A page of banks."""

    banks: list[BankListItem]
    total: int = Field(description="How many there are in all")
    limit: int
    offset: int


class BankAliasEntry(WireShape):
    """A further id of a bank."""

    alias: str
    primary: bool = Field(default=False, description="Whether it is shown in place of the bank's own id")


class BankAliasesResponse(WireShape):
    """A bank's aliases, the primary one first, then the oldest first."""

    bank_id: str
    aliases: list[BankAliasEntry]


class CreateBankAliasRequest(WireBody):
    """A further id for a bank."""

    alias: str
    primary: bool = Field(default=False, description="Also show it in place of the bank's own id")


class SetBankAliasPrimaryRequest(WireBody):
    """Whether an alias is shown in place of its bank's own id."""

    primary: bool


class DeleteResponse(WireShape):
    """What was deleted."""

    success: bool
    message: str | None = None
    deleted_count: int | None = None


class BankStatsResponse(WireShape):
    """What a bank holds."""

    bank_id: str
    total_nodes: int
    total_links: int
    total_documents: int
    nodes_by_fact_type: dict[str, int]
    links_by_link_type: dict[str, int]
    links_by_fact_type: dict[str, int]
    links_breakdown: dict[str, dict[str, int]]
    pending_operations: int
    failed_operations: int
    operations_by_status: dict[str, int] = {}
    last_consolidated_at: str | None = None
    last_memory_write_at: str | None = None
    pending_consolidation: int = 0
    failed_consolidation: int = 0
    total_observations: int = 0


class LlmOperationHealth(WireShape):
    """Whether the language model of one operation can be reached."""

    operation: Literal["retain", "consolidation", "reflect"] = Field(title="LlmHealthOperation")
    ok: bool
    status: Literal["connected", "not_configured", "auth_failed", "unreachable", "timeout"] = Field(
        title="LlmHealthStatus"
    )
    latency_ms: float | None = None


class BankLlmHealthResponse(WireShape):
    """Whether a bank's language models can be reached."""

    bank_id: str
    operations: list[LlmOperationHealth]
