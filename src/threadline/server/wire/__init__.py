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
    "webhooks",
)
