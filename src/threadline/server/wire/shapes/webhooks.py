"""The shapes of webhooks."""

from __future__ import annotations

from pydantic import Field

from threadline.server.wire.base import WireBody, WireShape


class WebhookHttpConfig(WireShape):
    """How events are sent."""

    method: str = Field(default="POST", description="GET or POST.")
    timeout_seconds: int = Field(default=30, description="How long the receiver has to answer, at most a minute.")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers of its own.")
    params: dict[str, str] = Field(default_factory=dict, description="Parameters that join the URL's query.")


class CreateWebhookRequest(WireBody):
    """A webhook that is to be."""

    url: str = Field(description="Where events are sent to, http or https; never into the server's own network.")
    secret: str | None = Field(default=None, description="Signs what is sent (HMAC-SHA256); it is never shown again.")
    event_types: list[str] = Field(
        default=["consolidation.completed"],
        description="`retain.completed`, `consolidation.completed`, `memory_defense.triggered`.",
    )
    enabled: bool = True
    http_config: WebhookHttpConfig = Field(default_factory=WebhookHttpConfig)


class UpdateWebhookRequest(WireBody):
    """What is to change of a webhook; what is not named stays."""

    url: str | None = None
    secret: str | None = Field(default=None, description="null: nothing is signed any more.")
    event_types: list[str] | None = None
    enabled: bool | None = None
    http_config: WebhookHttpConfig | None = None


class WebhookResponse(WireShape):
    """A webhook."""

    id: str
    bank_id: str | None
    url: str
    secret: str | None = Field(default=None, description="Never shown.")
    event_types: list[str]
    enabled: bool
    http_config: WebhookHttpConfig = Field(default_factory=WebhookHttpConfig)
    created_at: str | None = None
    updated_at: str | None = None


class WebhookListResponse(WireShape):
    """A page of webhooks."""

    items: list[WebhookResponse]
    total: int
    limit: int
    offset: int


class WebhookDeliveryResponse(WireShape):
    """What became of sending an event to a webhook."""

    id: str
    event_id: str | None = None
    webhook_id: str | None
    url: str
    event_type: str
    status: str
    attempts: int
    next_retry_at: str | None = None
    last_error: str | None = None
    last_response_status: int | None = None
    last_response_body: str | None = Field(default=None, description="Never kept.")
    last_attempt_at: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


class WebhookDeliveryListResponse(WireShape):
    """A page of deliveries."""

    items: list[WebhookDeliveryResponse]
    next_cursor: str | None = None
