"""The requests, in order: every route of Hindsight's API, what it refuses included.

A path or a body may name what an earlier answer held: `{memory}` is what a step saved under `memory`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_NOBODY = "00000000-0000-0000-0000-000000000007"
_OSLO = "Alice Novak moved to Oslo on 3 March 2024."


@dataclass(frozen=True, slots=True)
class Step:
    """One request.

    Attributes:
        path: after the host; `~` is the bank `probe`.
        files: what is uploaded, by field: a name and the bytes, or the name of a saved archive.
        fields: what is sent beside the files.
        saves: what later steps may name: the path of keys to it in the answer; `$` is the body itself.
        settle: whether to wait first until the saved operation of this name has ended.
        raw: a body sent as it is, in place of `body`.
    """

    name: str
    method: str
    path: str
    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, tuple[str, bytes | str]] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    saves: Mapping[str, str] = field(default_factory=dict)
    settle: str | None = None
    raw: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def _get(name: str, path: str, **more: Any) -> Step:
    return Step(name, "GET", path, **more)


def _post(name: str, path: str, body: Any = None, **more: Any) -> Step:
    return Step(name, "POST", path, body, **more)


def _patch(name: str, path: str, body: Any = None, **more: Any) -> Step:
    return Step(name, "PATCH", path, body, **more)


def _put(name: str, path: str, body: Any = None, **more: Any) -> Step:
    return Step(name, "PUT", path, body, **more)


def _delete(name: str, path: str, **more: Any) -> Step:
    return Step(name, "DELETE", path, **more)


_SERVER = (
    _get("health", "/health"),
    _get("ready", "/health/ready"),
    _get("live", "/health/live"),
    _get("version", "/version"),
    _get("metrics", "/metrics"),
    _get("root404", "/nope"),
    _post("method405", "/health"),
    _get("template_schema", "/v1/bank-template-schema"),
)

_NOTHING_THERE = (
    _get("profile_missing", "/v1/default/banks/nobank/profile"),
    _get("stats_missing", "/v1/default/banks/nobank/stats"),
    _post("recall_missing", "/v1/default/banks/nobank2/memories/recall", {"query": "x"}),
    _get("list_missing", "/v1/default/banks/nobank3/memories/list"),
    _delete("delete_missing", "/v1/default/banks/nobank4"),
    *(
        _get(f"missing_{what.replace('/', '_')}", f"/v1/default/banks/nobank5/{what}")
        for what in (
            "graph",
            "entities",
            "entities/graph",
            "documents",
            "tags",
            "operations",
            "aliases",
            "config",
            "mental-models",
            "directives",
            "webhooks",
            "audit-logs",
            "llm-requests",
            "knowledge-base/tree",
            "observations/scopes",
            "stats/memories-timeseries",
            "export",
        )
    ),
    _patch("missing_patch", "/v1/default/banks/nobank6", {"name": "x"}),
    _post("missing_reflect", "/v1/default/banks/nobank7/reflect", {"query": "x"}),
    _delete("missing_clear", "/v1/default/banks/nobank8/memories"),
    _post("missing_consolidate", "/v1/default/banks/nobank9/consolidate"),
    _get("missing_document", "/v1/default/banks/nobank10/documents/x"),
    _get("missing_memory", f"/v1/default/banks/nobank11/memories/{_NOBODY}"),
    _get("missing_operation", f"/v1/default/banks/nobank12/operations/{_NOBODY}"),
)

_BANKS = (
    _put(
        "bank_put",
        "~",
        {"name": "Probe", "mission": "m", "disposition": {"skepticism": 2, "literalism": 3, "empathy": 4}},
    ),
    _put("bank_put_bad", "~", {"disposition": {"skepticism": 9, "literalism": 3, "empathy": 4}}),
    _get("profile", "~/profile"),
    _put("profile_put", "~/profile", {"disposition": {"skepticism": 2, "literalism": 3, "empathy": 4}}),
    _post("background", "~/background", {"content": "A house.", "update_disposition": False}),
    _patch("bank_patch", "~", {"name": "Probe2"}),
    _get("banks", "/v1/default/banks", query={"q": "probe"}),
    _get("banks_limit_bad", "/v1/default/banks", query={"limit": 0}),
    _get("banks_limit_word", "/v1/default/banks", query={"limit": "many"}),
    _get("config", "~/config"),
    _patch("config_patch", "~/config", {"updates": {"retain_mission": "x"}}),
    _patch("config_bad", "~/config", {"updates": {"nonsense": 1}}),
    _patch("config_bad_type", "~/config", {"updates": {"retain_chunk_size": "large"}}),
    _delete("config_reset", "~/config"),
    _get("aliases_none", "~/aliases"),
    _post("alias_create", "~/aliases", {"alias": "probe-too"}),
    _post("alias_again", "~/aliases", {"alias": "probe-too"}),
    _post("alias_bad", "~/aliases", {}),
    _get("alias_used", "/v1/default/banks/probe-too/config"),
    _patch("alias_primary", "~/aliases/probe-too", {"primary": True}),
    _patch("alias_secondary", "~/aliases/probe-too", {"primary": False}),
    _patch("alias_missing", "~/aliases/nobody", {"primary": True}),
    _get("aliases", "~/aliases"),
    _delete("alias_delete", "~/aliases/probe-too"),
    _delete("alias_delete_again", "~/aliases/probe-too"),
)

_RETAIN = (
    _post(
        "retain",
        "~/memories",
        {
            "items": [
                {
                    "content": _OSLO,
                    "document_id": "doc1",
                    "tags": ["a", "b"],
                    "metadata": {"k": "v"},
                    "context": "ctx",
                    "timestamp": "2024-03-05T10:00:00Z",
                    "entities": [{"text": "Alice Novak", "type": "PERSON"}],
                },
                {"content": "Bob likes jazz.", "entities": [{"text": "Bob", "type": "PERSON"}]},
            ],
            "document_tags": ["dt"],
            "async": False,
        },
    ),
    _post(
        "retain_async",
        "~/memories",
        {"items": [{"content": "Carla plays chess in Lima.", "document_id": "doc2"}], "async": True},
        saves={"operation": "operation_id"},
    ),
    _get("operation", "~/operations/{operation}", settle="operation"),
    _get("operation_payload", "~/operations/{operation}", query={"include_payload": True}),
    _post(
        "retain_own_operation",
        "~/memories",
        {
            "items": [{"content": "Emil sails."}],
            "async": True,
            "operation_id": "11111111-2222-4333-8444-555555555555",
        },
        saves={"own": "operation_id"},
    ),
    _post(
        "retain_own_operation_again",
        "~/memories",
        {
            "items": [{"content": "Emil sails."}],
            "async": True,
            "operation_id": "11111111-2222-4333-8444-555555555555",
        },
    ),
    _post(
        "retain_bad_operation",
        "~/memories",
        {"items": [{"content": "x"}], "async": True, "operation_id": "not a uuid"},
        settle="own",
    ),
    _get("operations", "~/operations"),
    _get("operations_completed", "~/operations", query={"status": "completed", "type": "retain", "limit": 1}),
    _get("operations_odd", "~/operations", query={"status": "odd"}),
    _get("operation_404", f"~/operations/{_NOBODY}"),
    _get("operation_bad", "~/operations/zzz"),
    _delete("op_cancel_done", "~/operations/{operation}"),
    _post("op_retry_done", "~/operations/{operation}/retry"),
    _delete("op_cancel_404", f"~/operations/{_NOBODY}"),
    _post("op_retry_404", f"~/operations/{_NOBODY}/retry"),
    _delete("op_delete", "~/operations/{own}/delete"),
    _delete("op_delete_404", f"~/operations/{_NOBODY}/delete"),
    _post("retain_empty", "~/memories", {"items": []}),
    _post("retain_no_items", "~/memories", {}),
    _post("retain_blank", "~/memories", {"items": [{"content": ""}]}),
    _post("retain_number", "~/memories", {"items": [{"content": 7}]}),
    _post("retain_list", "~/memories", [1]),
    _post("retain_no_json", "~/memories", raw="{'items'"),
    _post("retain_no_body", "~/memories"),
    _post("retain_unknown_field", "~/memories", {"items": [{"content": "x y z", "bogus": 1}], "foo": 2}),
    _post("retain_append_nodoc", "~/memories", {"items": [{"content": "q", "update_mode": "append"}]}),
    _post("retain_bad_mode", "~/memories", {"items": [{"content": "q", "update_mode": "guess"}]}),
    _post("retain_bad_metadata", "~/memories", {"items": [{"content": "q", "metadata": {"k": 1}}]}),
    _post("retain_bad_tags", "~/memories", {"items": [{"content": "q", "tags": "a"}]}),
    _post("retain_bad_ts", "~/memories", {"items": [{"content": "q", "timestamp": "yesterday"}]}),
    _post(
        "retain_unset_ts",
        "~/memories",
        {"items": [{"content": "The sky is blue.", "timestamp": "unset", "document_id": "doc3"}]},
    ),
    _post(
        "retain_append",
        "~/memories",
        {"items": [{"content": "Alice bought a boat.", "document_id": "doc1", "update_mode": "append", "tags": ["a"]}]},
    ),
    _get("doc1_after_append", "~/documents/doc1"),
    _post(
        "retain_same_document_twice",
        "~/memories",
        {"items": [{"content": "One.", "document_id": "twice"}, {"content": "Two.", "document_id": "twice"}]},
    ),
    _post(
        "retain_blocks",
        "~/memories",
        {"items": [{"content": [{"type": "text", "text": "A text in a block."}], "document_id": "blocks"}]},
    ),
    _post(
        "files_retain",
        "~/files/retain",
        files={"files": ("note.txt", b"Farah keeps bees behind the mill.")},
        fields={"request": '{"files_metadata": [{"context": "notes", "document_id": "file1"}]}'},
        saves={"file": "operation_ids.0"},
    ),
    _get("files_operation", "~/operations/{file}", settle="file"),
    _post("files_bad_request", "~/files/retain", files={"files": ("n.txt", b"x")}, fields={"request": "no json"}),
    _post("files_none", "~/files/retain", fields={"request": "{}"}),
)

_RECALL = (
    _post(
        "recall",
        "~/memories/recall",
        {"query": "Where does Alice Novak live?", "include": {"chunks": {}, "entities": {}, "source_facts": {}}},
    ),
    _post("recall_trace_keys", "~/memories/recall", {"query": "Alice", "trace": True}),
    _post("recall_tags", "~/memories/recall", {"query": "Alice", "tags": ["a"], "tags_match": "all_strict"}),
    _post("recall_tags_exact", "~/memories/recall", {"query": "Alice", "tags": ["a"], "tags_match": "exact"}),
    _post("recall_tags_odd", "~/memories/recall", {"query": "Alice", "tags": ["a"], "tags_match": "odd"}),
    _post("recall_groups", "~/memories/recall", {"query": "Alice", "tag_groups": [{"not": {"tags": ["a"]}}]}),
    _post("recall_groups_bad", "~/memories/recall", {"query": "Alice", "tag_groups": [{"nor": []}]}),
    _post("recall_empty", "~/memories/recall", {"query": ""}),
    _post("recall_badtype", "~/memories/recall", {"query": "x", "types": ["opinion"]}),
    _post("recall_world", "~/memories/recall", {"query": "chess", "types": ["world"], "budget": "high"}),
    _post("recall_bad_budget", "~/memories/recall", {"query": "chess", "budget": "huge"}),
    _post("recall_bad_tokens", "~/memories/recall", {"query": "chess", "max_tokens": 0}),
    _post("recall_negative_tokens", "~/memories/recall", {"query": "chess", "max_tokens": -5}),
    _post("recall_word_tokens", "~/memories/recall", {"query": "chess", "max_tokens": "many"}),
    _post("recall_few_tokens", "~/memories/recall", {"query": "chess in Lima", "max_tokens": 10}),
    _post("recall_both_tags", "~/memories/recall", {"query": "x", "tags": ["a"], "tag_groups": [{"tags": ["a"]}]}),
    _post("recall_long", "~/memories/recall", {"query": "word " * 900}),
    _post(
        "recall_temporal",
        "~/memories/recall",
        {"query": "what happened in March 2024?", "query_timestamp": "2025-01-01T00:00:00"},
    ),
    _post("recall_bad_time", "~/memories/recall", {"query": "x", "query_timestamp": "yesterday"}),
    _post(
        "recall_window",
        "~/memories/recall",
        {"query": "Alice", "temporal_window": {"start": "2024-03-01T00:00:00Z", "end": "2024-04-01T00:00:00Z"}},
    ),
    _post("recall_min_scores", "~/memories/recall", {"query": "Alice", "min_scores": {"final": 0.99}}),
    _post("recall_unknown_field", "~/memories/recall", {"query": "Alice", "colour": "red", "shape": 1}),
    _post("recall_no_entities", "~/memories/recall", {"query": "Alice", "include": {"entities": None}}),
    _post("reflect", "~/reflect", {"query": "Who is Alice?", "include": {"facts": {}, "tool_calls": {}}}),
    _post("reflect_empty", "~/reflect", {"query": ""}),
    _post("dry_run_extract", "~/memories/dry-run-extract", {"content": "Alice lives in Oslo."}),
    _post("prompt_preview", "~/prompts/preview", {"operation": "retain"}),
    _post("prompt_preview_bad", "~/prompts/preview", {"operation": "odd"}),
    _post("health_llm", "~/health/llm"),
)

_MEMORIES = (
    _get("list", "~/memories/list", saves={"memory": "items.0.id", "chunk": "items.0.chunk_id"}),
    _get("list_page", "~/memories/list", query={"limit": 1, "offset": 1}),
    _get("list_q", "~/memories/list", query={"q": "chess"}),
    _get("list_type", "~/memories/list", query={"type": "observation"}),
    _get("list_tags", "~/memories/list", query={"tags": ["a"], "tags_match": "all_strict"}),
    _get("list_window", "~/memories/list", query={"time_field": "created_at", "start_date": "2024-01-01T00:00:00Z"}),
    _get("list_bad_field", "~/memories/list", query={"time_field": "odd"}),
    _get("list_bad_date", "~/memories/list", query={"time_field": "created_at", "start_date": "odd"}),
    _get("list_bad_state", "~/memories/list", query={"state": "odd"}),
    _get("list_consolidation", "~/memories/list", query={"consolidation_state": "pending"}),
    _get("list_limit_bad", "~/memories/list", query={"limit": -1}),
    _get("list_offset_bad", "~/memories/list", query={"offset": -1}),
    _get("memory", "~/memories/{memory}"),
    _get("memory_404", f"~/memories/{_NOBODY}"),
    _get("memory_bad", "~/memories/zzz"),
    _patch("memory_patch", "~/memories/{memory}", {"text": "Alice Novak moved to Bergen."}),
    _patch("memory_patch_nothing", "~/memories/{memory}", {}),
    _patch("memory_patch_bad_state", "~/memories/{memory}", {"state": "odd"}),
    _patch("memory_patch_404", f"~/memories/{_NOBODY}", {"text": "x"}),
    _get("memory_history", "~/memories/{memory}/history"),
    _get("memory_history_404", f"~/memories/{_NOBODY}/history"),
    _patch("memory_invalidate", "~/memories/{memory}", {"state": "invalidated", "reason": "wrong"}),
    _get("memory_invalidated", "~/memories/{memory}"),
    _get("list_invalidated", "~/memories/list", query={"state": "invalidated"}),
    _patch("memory_validate", "~/memories/{memory}", {"state": "valid"}),
    _delete("memory_observations", "~/memories/{memory}/observations"),
    _delete("memory_observations_404", f"~/memories/{_NOBODY}/observations"),
)

_DOCUMENTS = (
    _get("documents", "~/documents"),
    _get("documents_q", "~/documents", query={"q": "doc1"}),
    _get("documents_tags", "~/documents", query={"tags": ["a"], "tags_match": "all"}),
    _get("documents_window", "~/documents", query={"time_field": "created_at", "end_date": "2001-01-01T00:00:00Z"}),
    _get("doc", "~/documents/doc1"),
    _get("doc_chunks", "~/documents/doc1/chunks", saves={"own_chunk": "items.0.chunk_id"}),
    _get("doc_chunks_404", "~/documents/none/chunks"),
    _get("doc_history", "~/documents/doc1/history"),
    _get("doc_history_404", "~/documents/none/history"),
    _get("doc_404", "~/documents/none"),
    _patch("doc_patch", "~/documents/doc1", {"tags": ["z"]}),
    _patch("doc_patch_nothing", "~/documents/doc1", {}),
    _patch("doc_patch_404", "~/documents/none", {"tags": ["z"]}),
    _post("doc_reprocess", "~/documents/doc1/reprocess", saves={"reprocess": "operation_id"}),
    _post("doc_reprocess_404", "~/documents/none/reprocess"),
    _get("reprocess_operation", "~/operations/{reprocess}", settle="reprocess"),
    _get("chunk", "/v1/default/chunks/{own_chunk}"),
    _get("chunk_404", "/v1/default/chunks/none"),
    _get("tags", "~/tags"),
    _get("tags_q", "~/tags", query={"q": "a*", "source": "memories"}),
    _get("tags_source_bad", "~/tags", query={"source": "odd"}),
    _get("attachment_404", f"~/attachments/{_NOBODY}"),
    _get("file_404", "/v1/default/files/download/none.zip"),
)

_VIEWS = (
    _get("entities", "~/entities", saves={"entity": "items.0.id"}),
    _get("entity", "~/entities/{entity}"),
    _get("entity_404", f"~/entities/{_NOBODY}"),
    _get("entity_bad", "~/entities/zzz"),
    _post("entity_regenerate", "~/entities/{entity}/regenerate"),
    _get("entities_graph", "~/entities/graph"),
    _get("graph", "~/graph"),
    _get("graph_q", "~/graph", query={"q": "chess", "limit": 5}),
    _get("stats", "~/stats"),
    _get("stats_timeseries", "~/stats/memories-timeseries"),
    _get("stats_timeseries_day", "~/stats/memories-timeseries", query={"period": "1d", "time_field": "mentioned_at"}),
    _get("stats_timeseries_bad", "~/stats/memories-timeseries", query={"period": "odd"}),
    _get("scopes", "~/observations/scopes"),
    _delete("observations_clear", "~/observations"),
    _post("consolidate", "~/consolidate"),
    _post("consolidation_recover", "~/consolidation/recover"),
    _post("strategies_preview", "~/consolidation-strategies/preview", {"strategies": []}),
    _post("strategies_preview_bad", "~/consolidation-strategies/preview", {}),
    _get("audit_logs", "~/audit-logs"),
    _get("audit_stats", "~/audit-logs/stats"),
    _get("audit_404", f"~/audit-logs/{_NOBODY}"),
    _get("llm_requests", "~/llm-requests"),
    _get("llm_stats", "~/llm-requests/stats"),
)

_MODELS = (
    _get("mental_models", "~/mental-models"),
    _post("mm_create", "~/mental-models", {"name": "m", "source_query": "who is Alice?"}),
    _post("mm_create_bad", "~/mental-models", {"name": "m"}),
    _get("mm_404", "~/mental-models/none"),
    _patch("mm_patch_404", "~/mental-models/none", {"name": "x"}),
    _delete("mm_delete_404", "~/mental-models/none"),
    _get("mm_history_404", "~/mental-models/none/history"),
    _post("mm_refresh_404", "~/mental-models/none/refresh"),
    _post("mm_clear_404", "~/mental-models/none/clear"),
    _post("mm_dry_404", "~/mental-models/none/dry-run-refresh"),
    _get("kb_tree", "~/knowledge-base/tree"),
    _post("kb_folder", "~/knowledge-base/folders", {"name": "People"}, saves={"folder": "id"}),
    _post("kb_folder_again", "~/knowledge-base/folders", {"name": "People"}),
    _post("kb_folder_bad", "~/knowledge-base/folders", {}),
    _post("kb_folder_no_parent", "~/knowledge-base/folders", {"name": "x", "parent_id": _NOBODY}),
    _post("kb_page", "~/knowledge-base/pages", {"name": "Alice", "source_query": "who is Alice?"}),
    _get("kb_tree_filled", "~/knowledge-base/tree"),
    _get("kb_page_404", f"~/knowledge-base/pages/{_NOBODY}"),
    _get("kb_search", "~/knowledge-base/search", query={"q": "alice"}),
    _get("kb_search_bad", "~/knowledge-base/search"),
    _get("kb_export", "~/knowledge-base/export"),
    _patch("kb_rename", "~/knowledge-base/nodes/{folder}", {"name": "Friends"}),
    _patch("kb_rename_404", f"~/knowledge-base/nodes/{_NOBODY}", {"name": "Friends"}),
    _delete("kb_delete", "~/knowledge-base/nodes/{folder}"),
    _delete("kb_delete_404", f"~/knowledge-base/nodes/{_NOBODY}"),
    _get("directives_none", "~/directives"),
    _post("dir_create", "~/directives", {"name": "d", "content": "be brief"}, saves={"directive": "id"}),
    _post("dir_create_bad", "~/directives", {"name": "d"}),
    _get("directives", "~/directives"),
    _get("directive", "~/directives/{directive}"),
    _patch("dir_patch", "~/directives/{directive}", {"content": "be kind", "tags": ["t"]}),
    _get("dir_404", f"~/directives/{_NOBODY}"),
    _patch("dir_patch_404", f"~/directives/{_NOBODY}", {"content": "x"}),
    _delete("dir_delete", "~/directives/{directive}"),
    _delete("dir_delete_404", f"~/directives/{_NOBODY}"),
)

_WEBHOOKS = (
    _get("webhooks_none", "~/webhooks"),
    _post(
        "wh_create",
        "~/webhooks",
        {"url": "https://example.com/h", "event_types": ["retain.completed"], "enabled": False},
        saves={"webhook": "id"},
    ),
    _post("wh_private", "~/webhooks", {"url": "http://127.0.0.1:1/h"}),
    _post("wh_bad_event", "~/webhooks", {"url": "https://example.com/h", "event_types": ["odd"]}),
    _post("wh_no_url", "~/webhooks", {}),
    _post("wh_bad_url", "~/webhooks", {"url": "ftp://example.com"}),
    _get("webhooks", "~/webhooks"),
    _patch("wh_patch", "~/webhooks/{webhook}", {"secret": "s"}),
    _patch("wh_patch_404", f"~/webhooks/{_NOBODY}", {"enabled": True}),
    _get("wh_deliveries", "~/webhooks/{webhook}/deliveries"),
    _get("wh_deliveries_404", f"~/webhooks/{_NOBODY}/deliveries"),
    _delete("wh_delete", "~/webhooks/{webhook}"),
    _delete("wh_delete_404", f"~/webhooks/{_NOBODY}"),
)

_TRANSFER = (
    _get("export", "~/export", saves={"template": "$"}),
    _post("import_dry", "~/import", {"version": "1", "bank": {"retain_mission": "y"}}, query={"dry_run": True}),
    _post("import", "~/import", {"version": "1", "directives": [{"name": "n", "content": "c"}]}),
    _post("import_bad", "~/import", {"version": "99"}),
    _post("import_bad_config", "~/import", {"version": "1", "bank": {"nonsense": 1}}),
    _get("documents_transfer_get", "~/document-transfer"),
    _post("documents_export", "~/document-transfer/export", saves={"documents_export": "operation_id"}),
    _get(
        "documents_export_operation",
        "~/operations/{documents_export}",
        settle="documents_export",
        saves={"url": "result_metadata.download_url"},
    ),
    _get("download", "{url}", saves={"archive": "$"}),
    _put("other_bank", "/v1/default/banks/probe-other", {}),
    _post(
        "documents_import",
        "/v1/default/banks/probe-other/document-transfer",
        files={"file": ("bank.zip", "archive")},
        saves={"documents_import": "operation_id"},
    ),
    _get(
        "documents_import_operation",
        "/v1/default/banks/probe-other/operations/{documents_import}",
        settle="documents_import",
    ),
    _get("documents_imported", "/v1/default/banks/probe-other/memories/list"),
    _post("documents_import_bad", "~/document-transfer", files={"file": ("bank.zip", b"no archive")}),
    _post("bank_export", "~/transfer/export", saves={"bank_export": "operation_id"}),
    _get(
        "bank_export_operation",
        "~/operations/{bank_export}",
        settle="bank_export",
        saves={"bank_url": "result_metadata.download_url"},
    ),
    _get("bank_download", "{bank_url}", saves={"bank_archive": "$"}),
    _post(
        "bank_import",
        "~/transfer/import",
        query={"target_bank_id": "probe-imported"},
        files={"file": ("bank.zip", "bank_archive")},
        saves={"bank_import": "operation_id"},
    ),
    _get("bank_import_operation", "~/operations/{bank_import}", settle="bank_import"),
    _get("bank_imported", "/v1/default/banks/probe-imported/memories/list"),
    _post("bank_import_bad", "~/transfer/import", files={"file": ("bank.zip", b"no archive")}),
    _post("clone", "~/clone", query={"target_bank_id": "probe-clone"}, saves={"clone": "operation_id"}),
    _get("clone_operation", "~/operations/{clone}", settle="clone"),
    _get("cloned", "/v1/default/banks/probe-clone/memories/list"),
    _post("clone_there", "~/clone", query={"target_bank_id": "probe-other"}),
    _post("clone_no_target", "~/clone"),
)

_ENDS = (
    _delete("doc_delete", "~/documents/doc1"),
    _delete("doc_delete_again", "~/documents/doc1"),
    _delete("clear_type", "~/memories", query={"type": "observation"}),
    _delete("clear", "~/memories"),
    _get("list_cleared", "~/memories/list"),
    _post("recall_cleared", "~/memories/recall", {"query": "Alice"}),
    _delete("bank_delete", "~"),
    _delete("other_delete", "/v1/default/banks/probe-other"),
    _get("banks_after", "/v1/default/banks", query={"q": "probe-other"}),
)

SCRIPT: tuple[Step, ...] = (
    *_SERVER,
    *_NOTHING_THERE,
    *_BANKS,
    *_RETAIN,
    *_RECALL,
    *_MEMORIES,
    *_DOCUMENTS,
    *_VIEWS,
    *_MODELS,
    *_WEBHOOKS,
    *_TRANSFER,
    *_ENDS,
)
