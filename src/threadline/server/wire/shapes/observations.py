"""The shapes of observations and of the consolidation that would make them."""

from __future__ import annotations

from pydantic import ConfigDict, Field, field_validator

from threadline.server.wire.base import WireBody, WireShape

_MATCHES = ("all", "exact")


class ObservationScope(WireShape):
    """The tags of some observations, and how many have exactly them."""

    tags: list[str]
    count: int


class ObservationScopesResponse(WireShape):
    """A page of scopes."""

    scopes: list[ObservationScope]
    total: int
    limit: int
    offset: int


class ClearMemoryObservationsResponse(WireShape):
    """How many observations of a memory were deleted."""

    deleted_count: int


class RecoverConsolidationResponse(WireShape):
    """How many memories will be consolidated once more."""

    retried_count: int


class ConsolidationRequest(WireBody):
    """What is to be consolidated; null: everything."""

    observation_scopes: list[list[str]] | None = Field(
        default=None, description="Only memories that have all tags of one of these scopes"
    )


class ConsolidationResponse(WireShape):
    """The operation that consolidates."""

    operation_id: str
    deduplicated: bool = Field(default=False, description="Whether it waited already")


class ConsolidationScopePattern(WireShape):
    """A rule that says which scopes are meant."""

    tags: list[str] = Field(default=[], description="Patterns, such as company:*")
    tags_match: str | None = Field(
        default=None, description='"all" (the default): other tags may be there, too; "exact": no other'
    )

    @field_validator("tags_match")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in _MATCHES:
            raise ValueError(f"must be one of {', '.join(_MATCHES)}")
        return value


class ConsolidationStrategySpec(WireShape):
    """How the observations of some scopes are made."""

    scopes: list[ConsolidationScopePattern] = Field(default=[], description="It is for what any of these rules means")
    observations_mission: str | None = None
    max_observations_per_scope: int | None = None
    consolidation_source_facts_max_tokens: int | None = None
    consolidation_source_facts_max_tokens_per_observation: int | None = None

    @property
    def usable(self) -> bool:
        """Whether it says for which scopes it is, and anything about them."""
        numbers = (
            self.max_observations_per_scope,
            self.consolidation_source_facts_max_tokens,
            self.consolidation_source_facts_max_tokens_per_observation,
        )
        says = bool((self.observations_mission or "").strip()) or any(number is not None for number in numbers)
        return says and any(rule.tags and all(rule.tags) for rule in self.scopes)


class _StrictPattern(ConsolidationScopePattern):
    model_config = ConfigDict(extra="forbid")


class StrictConsolidationStrategySpec(ConsolidationStrategySpec):
    """A strategy in a configuration, where a mistyped name would never be noticed."""

    model_config = ConfigDict(extra="forbid", title="ConsolidationStrategySpec")

    scopes: list[_StrictPattern] = []  # type: ignore[assignment]  # narrower on purpose


class ConsolidationStrategiesPreviewRequest(WireBody):
    """Strategies to look at before they are set."""

    strategies: list[ConsolidationStrategySpec]
    sample_limit: int = Field(default=5, ge=0, le=50)


class StrategyScopePreview(WireShape):
    """A scope that a rule means."""

    tags: list[str]
    count: int
    handled_by: int | None


class StrategyRulePreview(WireShape):
    """What a rule means."""

    match_count: int
    taken_count: int
    observation_count: int
    samples: list[StrategyScopePreview]


class StrategyPreview(WireShape):
    """What a strategy is for."""

    active: bool = Field(description="Whether it says for which scopes it is, and anything about them")
    claimed_count: int
    rules: list[StrategyRulePreview]


class DefaultScopesPreview(WireShape):
    """The scopes that no strategy is for."""

    match_count: int
    observation_count: int
    samples: list[StrategyScopePreview]


class ConsolidationStrategiesPreview(WireShape):
    """Which of the scopes there are each strategy is for."""

    strategies: list[StrategyPreview]
    default: DefaultScopesPreview
    scopes_scanned: int
    complete: bool
