"""The settings in the desktop panel. Written by `threadline hermes install`; changes here are lost.

The panel reads and writes `$HERMES_HOME/threadline/config.json`, the file that the provider reads. The host loads this
module by its path into its web server, so it imports nothing of Threadline; a test holds it against the provider.
"""

from __future__ import annotations

from typing import Any

from plugins.memory.config_schema import (
    KIND_BOOL,
    KIND_JSON,
    KIND_NUMBER,
    KIND_SECRET,
    KIND_SELECT,
    KIND_TEXT,
    ProviderConfigSchema,
    ProviderField,
    ProviderFieldOption,
)


def _select(
    key: str, label: str, default: str, description: str, *options: tuple[str, str], **more: Any
) -> ProviderField:
    choices = tuple(ProviderFieldOption(value, value, text) for value, text in options)
    return ProviderField(key, label, KIND_SELECT, default, description, options=choices, **more)


CONFIG_SCHEMA = ProviderConfigSchema(
    name="threadline",
    label="Threadline",
    fields=(
        _select(
            "backend",
            "Backend",
            "embedded",
            "What remembers.",
            ("embedded", "In this process: no server, no key, no network"),
            ("hindsight", "A Hindsight server"),
            inline=True,
            group="Backend",
        ),
        ProviderField(
            "api_url",
            "Server URL",
            KIND_TEXT,
            description="Where the Hindsight server is; for the backend hindsight only.",
            placeholder="http://localhost:8888",
            aliases=("apiUrl",),
            env_fallbacks=("HINDSIGHT_API_URL",),
            inline=True,
            group="Backend",
        ),
        ProviderField(
            "api_key",
            "Server key",
            KIND_SECRET,
            description="The key of the Hindsight server; kept in .env.",
            env_key="THREADLINE_API_KEY",
            env_fallbacks=("HINDSIGHT_API_KEY",),
            inline=True,
            group="Backend",
        ),
        ProviderField("timeout", "Request time-out", KIND_NUMBER, "120", "Seconds for a request.", group="Backend"),
        ProviderField(
            "embedder", "Embedder", KIND_TEXT, "minilm", "What finds by meaning; none: words.", group="Backend"
        ),
        ProviderField(
            "bank_id",
            "Bank",
            KIND_TEXT,
            "hermes",
            "One isolated memory. Nothing crosses banks.",
            aliases=("bankId",),
            inline=True,
            group="Bank",
        ),
        ProviderField(
            "bank_id_template",
            "Bank template",
            KIND_TEXT,
            description="A bank for each of something: {profile}, {workspace}, {platform}, {user}, {session}.",
            placeholder="hermes-{profile}",
            group="Bank",
        ),
        ProviderField(
            "home", "Folder", KIND_TEXT, description="Where the memories are; blank: beside this file.", group="Bank"
        ),
        _select(
            "memory_mode",
            "Mode",
            "hybrid",
            "How memories reach the model.",
            ("hybrid", "Recalled before each turn, and tools"),
            ("context", "Recalled before each turn, no tools"),
            ("tools", "Tools only"),
            inline=True,
            group="Recall",
        ),
        ProviderField(
            "auto_recall", "Recall by itself", KIND_BOOL, "true", "Before each turn.", inline=True, group="Recall"
        ),
        _select(
            "recall_scope",
            "Scope",
            "bank",
            "What is looked through before each turn.",
            ("bank", "Every session of the bank"),
            ("session", "The session and those it descends from"),
            group="Recall",
        ),
        _select(
            "recall_budget",
            "Recall budget",
            "mid",
            "How much time better answers may take.",
            ("low", ""),
            ("mid", ""),
            ("high", ""),
            aliases=("budget",),
            inline=True,
            group="Recall",
        ),
        _select(
            "recall_prefetch_method",
            "Method",
            "recall",
            "What is put before each turn.",
            ("recall", "Memories"),
            ("reflect", "An answer made from them"),
            aliases=("prefetch_method",),
            group="Recall",
        ),
        ProviderField(
            "recall_max_tokens", "Most tokens", KIND_NUMBER, "4096", "Of all that is put before a turn.", group="Recall"
        ),
        ProviderField(
            "recall_max_input_chars", "Most characters asked", KIND_NUMBER, "800", "Of the message.", group="Recall"
        ),
        ProviderField(
            "recall_deadline", "Deadline", KIND_NUMBER, "1.5", "Seconds a turn waits for it.", group="Recall"
        ),
        ProviderField("recall_min_confidence", "Least confidence", KIND_NUMBER, "", "From 0 to 1.", group="Recall"),
        ProviderField(
            "recall_tags",
            "Tags",
            KIND_JSON,
            "",
            "Only memories with these tags.",
            placeholder='["work"]',
            group="Recall",
        ),
        _select(
            "recall_tags_match",
            "Tags match",
            "any",
            "How several tags count.",
            ("any", "One of them, or no tag at all"),
            ("all", "All of them, or no tag at all"),
            ("any_strict", "One of them"),
            ("all_strict", "All of them"),
            group="Recall",
        ),
        ProviderField(
            "recall_types",
            "Types",
            KIND_JSON,
            "",
            "world, experience, observation.",
            placeholder='["world"]',
            group="Recall",
        ),
        ProviderField(
            "recall_prompt_preamble", "Preamble", KIND_TEXT, description="Said before the memories.", group="Recall"
        ),
        ProviderField(
            "recall_indicator", "Indicator", KIND_BOOL, "true", "Say when memories were recalled.", group="Recall"
        ),
        ProviderField("auto_retain", "Retain by itself", KIND_BOOL, "true", "Every turn.", inline=True, group="Retain"),
        ProviderField(
            "retain_every_n_turns",
            "Turns together",
            KIND_NUMBER,
            "1",
            "Delivered to the backend at once.",
            group="Retain",
        ),
        ProviderField(
            "retain_context", "Context", KIND_TEXT, description="What the backend is told it is about.", group="Retain"
        ),
        ProviderField(
            "retain_tags", "Tags", KIND_JSON, "", "Delivered with every turn.", placeholder='["work"]', group="Retain"
        ),
        ProviderField("retain_source", "Source", KIND_TEXT, description="Delivered as metadata.", group="Retain"),
        ProviderField(
            "retain_user_prefix", "User's name", KIND_TEXT, "User", "Who the user is in transcripts.", group="Retain"
        ),
        ProviderField(
            "retain_assistant_prefix", "Agent's name", KIND_TEXT, "Assistant", "Who the agent is.", group="Retain"
        ),
        ProviderField(
            "observation_scopes", "Observation scopes", KIND_JSON, "", "Of a Hindsight server.", group="Retain"
        ),
        ProviderField("redact", "Take secrets out", KIND_BOOL, "true", "Before anything is written.", group="Retain"),
        ProviderField(
            "reconcile", "Reconcile", KIND_BOOL, "true", "With the host's own log, at start.", group="Retain"
        ),
        _select(
            "durability",
            "Durability",
            "process",
            "What a turn survives.",
            ("process", "The death of the process"),
            ("power", "A power cut, too; slower"),
            group="Retain",
        ),
    ),
)
