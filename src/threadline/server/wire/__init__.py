"""Hindsight's HTTP API: one module for each noun, each with a `router`."""

#: The modules whose routers the app includes, in this order.
MODULES: tuple[str, ...] = (
    "health",
    "banks",
    "aliases",
    "config",
    "templates",
    "prompts",
    "observations",
    "retain",
    "recall",
    "reflect",
    "mental_models",
    "knowledge",
    "directives",
    "operations",
    "transfer",
    "files",
    "memories",
    "documents",
    "chunks",
    "tags",
    "entities",
    "graph",
    "stats",
    "webhooks",
)
