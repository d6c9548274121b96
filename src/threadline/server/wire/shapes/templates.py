"""The shapes of bank templates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator

from threadline.server.configs import FIELDS, MODES
from threadline.server.wire.base import WireShape
from threadline.server.wire.shapes.banks import Trait
from threadline.server.wire.shapes.config import EntityLabels
from threadline.server.wire.shapes.directives import Priority
from threadline.server.wire.shapes.mental_models import MentalModelTrigger, Tokens
from threadline.server.wire.shapes.observations import ConsolidationStrategySpec

#: The version of the manifests that this server writes, and the latest that it reads.
VERSION = "1"

_ID = re.compile(r"[a-z0-9][a-z0-9-]*", re.ASCII)
_Digits = Annotated[int, Field(ge=0)]
_Scopes = Literal["per_tag", "combined", "all_combinations", "shared"] | list[list[str]]


def _describe(schema: dict[str, Any]) -> None:
    for name, of in schema["properties"].items():
        of["description"] = FIELDS[name].says


class BankTemplateConfig(WireShape):
    """The configuration of a bank in a template. What is null is left as it is."""

    model_config = ConfigDict(json_schema_extra=_describe)

    reflect_mission: str | None = None
    retain_mission: str | None = None
    retain_extraction_mode: str | None = None
    retain_custom_instructions: str | None = None
    retain_chunk_size: int | None = None
    retain_structured_chunk_size: int | None = None
    enable_observations: bool | None = None
    observations_mission: str | None = None
    enable_text_search: bool | None = None
    enable_temporal_retrieval: bool | None = None
    enable_graph_retrieval: bool | None = None
    enable_reranking: bool | None = None
    reflect_use_decision_model: bool | None = None
    mental_model_refresh_use_decision_model: bool | None = None
    mental_model_delta_use_decision_model: bool | None = None
    disposition_skepticism: Trait | None = None
    disposition_literalism: Trait | None = None
    disposition_empathy: Trait | None = None
    entity_labels: EntityLabels | None = None
    entities_allow_free_form: bool | None = None
    retain_default_strategy: str | None = None
    retain_strategies: dict[str, Any] | None = None
    retain_chunk_batch_size: int | None = None
    retain_max_attachments_per_chunk: int | None = None
    mcp_enabled_tools: list[str] | None = None
    consolidation_llm_batch_size: int | None = None
    consolidation_source_facts_max_tokens: int | None = None
    consolidation_source_facts_max_tokens_per_observation: int | None = None
    max_observations_per_scope: int | None = None
    observation_scope_limits: list[dict[str, Any]] | None = None
    default_observation_scopes: _Scopes | None = None
    consolidation_strategies: list[ConsolidationStrategySpec] | None = None
    reflect_source_facts_max_tokens: int | None = None
    knowledge_page_default_trigger: dict[str, Any] | None = None
    reflect_default_options: dict[str, Any] | None = None
    mental_model_min_refresh_interval_seconds: _Digits | None = None
    llm_gemini_safety_settings: list[Any] | None = None
    recall_budget_function: str | None = None
    recall_budget_fixed_low: int | None = None
    recall_budget_fixed_mid: int | None = None
    recall_budget_fixed_high: int | None = None
    recall_budget_adaptive_low: float | None = None
    recall_budget_adaptive_mid: float | None = None
    recall_budget_adaptive_high: float | None = None
    recall_budget_min: int | None = None
    recall_budget_max: int | None = None
    audit_log_enabled: bool | None = None
    store_document_text: bool | None = None
    enable_auto_consolidation: bool | None = None
    consolidation_use_decision_model: bool | None = None
    consolidation_max_memories_per_round: int | None = None
    consolidation_llm_parallelism: int | None = None
    recall_include_chunks: bool | None = None
    recall_prefer_observations: bool | None = None
    recall_max_tokens: int | None = None
    recall_chunks_max_tokens: int | None = None
    memory_defense: dict[str, Any] | None = None

    def updates(self) -> dict[str, Any]:
        """What it sets."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


class BankTemplateMentalModel(WireShape):
    """A mental model in a template; one with this id is updated."""

    id: str = Field(description="Lowercase letters, digits and hyphens")
    name: str
    source_query: str = Field(description="The question whose answer is its content")
    tags: list[str] = []
    max_tokens: Tokens = 2048
    trigger: MentalModelTrigger = Field(default_factory=MentalModelTrigger)

    @field_validator("id")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not _ID.fullmatch(value):
            raise ValueError(
                f"Mental model id '{value}' must be alphanumeric lowercase with hyphens, "
                "starting with a letter or digit."
            )
        return value


class BankTemplateDirective(WireShape):
    """A directive in a template; one with this name is updated."""

    name: str
    content: str
    priority: Priority = 0
    is_active: bool = True
    tags: list[str] = []


class BankTemplateManifest(WireShape):
    """A template: how a bank is set up, without what it remembers."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "version": VERSION,
                "bank": {"reflect_mission": "Help a support agent remember customers.", "disposition_empathy": 5},
                "directives": [{"name": "Tone", "content": "Answer with empathy.", "priority": 10}],
            }
        }
    )

    version: str = Field(description=f"The version of the format: '{VERSION}'")
    bank: BankTemplateConfig | None = Field(default=None, description="Null: the configuration is left as it is")
    mental_models: list[BankTemplateMentalModel] | None = None
    directives: list[BankTemplateDirective] | None = None

    @field_validator("version")
    @classmethod
    def _read_by_this(cls, value: str) -> str:
        if not (value.isascii() and value.removeprefix("-").isdecimal()):
            raise ValueError(f"version must be a numeric string, got '{value}'")
        if value.startswith("-") or not value.strip("0"):
            raise ValueError("version must be >= 1")
        if value.lstrip("0") != VERSION:
            raise ValueError(
                f"version '{value}' is not supported by this server (max supported: {VERSION}). "
                "Please upgrade Hindsight."
            )
        return value

    @field_validator("mental_models")
    @classmethod
    def _of_one_id_each(cls, value: list[BankTemplateMentalModel] | None) -> list[BankTemplateMentalModel] | None:
        _check_different("mental model ids", [each.id for each in value or ()])
        return value

    @field_validator("directives")
    @classmethod
    def _of_one_name_each(cls, value: list[BankTemplateDirective] | None) -> list[BankTemplateDirective] | None:
        _check_different("directive names", [each.name for each in value or ()])
        return value

    def faults(self) -> list[str]:
        """What is wrong with it, though each part is of the right shape."""
        found: list[str] = []
        mode = self.bank and self.bank.retain_extraction_mode
        if mode and mode not in MODES:
            found.append(f"bank.retain_extraction_mode: must be one of {MODES}, got '{mode}'")
        if self.bank and self.bank.retain_custom_instructions and mode != "custom":
            found.append("bank.retain_custom_instructions: requires retain_extraction_mode='custom'")
        for place, model in enumerate(self.mental_models or ()):
            found += _empty(f"mental_models[{place}]", {"name": model.name, "source_query": model.source_query})
        for place, directive in enumerate(self.directives or ()):
            found += _empty(f"directives[{place}]", {"name": directive.name, "content": directive.content})
        return found


class BankTemplateImportResponse(WireShape):
    """What an import changed, or would change."""

    bank_id: str
    config_applied: bool
    mental_models_created: list[str] = []
    mental_models_updated: list[str] = []
    directives_created: list[str] = []
    directives_updated: list[str] = []
    operation_ids: list[str] = Field(default=[], description="The operations that make the mental models' content")
    dry_run: bool = False


def _check_different(what: str, names: Iterable[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ValueError(f"Duplicate {what}: {twice}")


def _empty(place: str, texts: dict[str, str]) -> list[str]:
    return [f"{place}.{name}: must not be empty" for name, text in texts.items() if not text.strip()]
