"""How the server is, as Hindsight's monitors ask for it."""

from __future__ import annotations

from threadline.server.wire.base import WireShape


class HealthResponse(WireShape):
    """Whether the server can do its work. Its pool is the threads that work on requests."""

    status: str
    database: str
    db_acquire_ms: float | None = None
    db_pool_waiting: int = 0
    db_pool_in_use: int = 0
    db_pool_max: int = 0
    db_pool_idle: int = 0


class LivenessResponse(WireShape):
    """That the process answers."""

    status: str = "alive"
    version: str
    uptime_seconds: float


class FeaturesInfo(WireShape):
    """What this server can do."""

    observations: bool
    mcp: bool
    worker: bool
    bank_config_api: bool
    bank_llm_health: bool
    file_upload_api: bool
    document_export_api: bool
    document_import_api: bool
    audit_log: bool
    llm_trace: bool
    store_document_text: bool


class VersionResponse(WireShape):
    """Which version of Hindsight's API this is, and what of it is there."""

    api_version: str
    features: FeaturesInfo
