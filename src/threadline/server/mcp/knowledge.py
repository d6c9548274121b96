"""Tools of mental models and of the knowledge base. What they do is what the routes of the same names do."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from threadline.server.house import Room
from threadline.server.mcp.tools import ToolError, said, tool
from threadline.server.wire import knowledge, mental_models
from threadline.server.wire.base import WireShape
from threadline.server.wire.shapes.knowledge import CreateFolderRequest, CreatePageRequest, UpdateNodeRequest
from threadline.server.wire.shapes.mental_models import CreateMentalModelRequest, UpdateMentalModelRequest

_MODEL = Annotated[str, said("The id of the mental model.")]
_TRIGGER = Annotated[
    dict[str, Any] | None,
    said(
        "When it is made anew, and of what: refresh_after_consolidation (true: after something was retained), "
        "refresh_cron (five fields, UTC), min_refresh_interval_seconds, fact_types, tags_match, tag_groups, "
        "exclude_mental_models, exclude_mental_model_ids."
    ),
]
_FOLDER = Annotated[str | None, said("The folder it lies in (a kf-... id); left out: at the top.")]
_ROOT = "root"


@tool("read")
def list_mental_models(
    room: Room,
    tags: Annotated[list[str] | None, said("Only those with any of these tags.")] = None,
    limit: Annotated[int, said("The most that are returned.", ge=1, le=1000)] = 100,
    offset: Annotated[int, said("How many are passed over.", ge=0)] = 0,
) -> WireShape:
    """List mental models: questions whose answers are kept at hand. get_mental_model reads one."""
    return mental_models.list_mental_models(room, tags=tags, detail="metadata", limit=limit, offset=offset)


@tool("read")
def get_mental_model(
    room: Room,
    mental_model_id: _MODEL,
    detail: Annotated[
        Literal["metadata", "content", "full"], said("'metadata', 'content', or 'full' with what it is based on.")
    ] = "full",
) -> WireShape:
    """Read a mental model: what memory has on its question."""
    return mental_models.get_mental_model(room, mental_model_id, detail)


@tool("write", subject="made room")
def create_mental_model(
    room: Room,
    name: Annotated[str, said("What people call it.")],
    source_query: Annotated[str, said("The question whose answer is kept.")],
    mental_model_id: Annotated[str | None, said("Its id, in lower case with hyphens; left out: one is made.")] = None,
    tags: Annotated[list[str] | None, said("Only memories with these tags make its content.")] = None,
    trigger: _TRIGGER = None,
    tags_match: Annotated[str | None, said("The same as tags_match in trigger.")] = None,
    max_tokens: Annotated[int, said("The most tokens of its content, from 256 to 8192.")] = 2048,
    trigger_refresh_after_consolidation: Annotated[
        bool | None, said("The same as refresh_after_consolidation in trigger.")
    ] = None,
) -> dict[str, Any]:
    """Keep the answer to a question at hand; its content is made in the background."""
    body = CreateMentalModelRequest.model_validate(
        {
            "id": mental_model_id,
            "name": name,
            "source_query": source_query,
            "tags": tags or [],
            "max_tokens": max_tokens,
            "trigger": _trigger(trigger, tags_match, trigger_refresh_after_consolidation) or {},
        }
    )
    made = mental_models.create_mental_model(room, body)
    return {
        "mental_model_id": made.mental_model_id,
        "operation_id": made.operation_id,
        "status": "created",
        "message": f"Mental model '{name}' created. Content is being generated asynchronously.",
    }


@tool("write")
def update_mental_model(
    room: Room,
    mental_model_id: _MODEL,
    name: Annotated[str | None, said("Its new name.")] = None,
    source_query: Annotated[str | None, said("Its new question.")] = None,
    max_tokens: Annotated[int | None, said("The most tokens of its content, from 256 to 8192.")] = None,
    tags: Annotated[list[str] | None, said("Its new tags.")] = None,
    trigger: _TRIGGER = None,
    tags_match: Annotated[str | None, said("The same as tags_match in trigger.")] = None,
    trigger_refresh_after_consolidation: Annotated[
        bool | None, said("The same as refresh_after_consolidation in trigger.")
    ] = None,
) -> WireShape:
    """Change a mental model. What is left out stays."""
    given = {
        "name": name,
        "source_query": source_query,
        "max_tokens": max_tokens,
        "tags": tags,
        "trigger": _trigger(trigger, tags_match, trigger_refresh_after_consolidation),
    }
    changes = {field: value for field, value in given.items() if value is not None}
    return mental_models.update_mental_model(room, mental_model_id, UpdateMentalModelRequest.model_validate(changes))


@tool("write", destroys=True)
def delete_mental_model(room: Room, mental_model_id: _MODEL) -> dict[str, Any]:
    """Delete a mental model. The memories stay."""
    return {**mental_models.delete_mental_model(room, mental_model_id), "mental_model_id": mental_model_id}


@tool("write")
def refresh_mental_model(room: Room, mental_model_id: _MODEL) -> dict[str, Any]:
    """Make the content of a mental model anew, in the background."""
    queued = mental_models.refresh_mental_model(room, mental_model_id)
    message = f"Refresh queued for mental model '{mental_model_id}'."
    return {"operation_id": queued.operation_id, "status": "queued", "message": message}


@tool("write", destroys=True)
def clear_mental_model(room: Room, mental_model_id: _MODEL) -> dict[str, Any]:
    """Clear the content of a mental model; refresh_mental_model makes it anew."""
    mental_models.clear_mental_model(room, mental_model_id)
    message = f"Mental model '{mental_model_id}' content cleared. Call refresh_mental_model to rebuild."
    return {"mental_model_id": mental_model_id, "status": "cleared", "message": message}


@tool("read")
def get_knowledge_base_tree(room: Room) -> WireShape:
    """Show the folders and pages of the knowledge base: what is known, kept in order."""
    return knowledge.get_knowledge_base_tree(room, None)


@tool("read")
def search_knowledge_base(
    room: Room,
    query: Annotated[str, said("What to look for.")],
    limit: Annotated[int, said("The most pages, from 1 to 50.")] = 10,
) -> WireShape:
    """Find pages of the knowledge base. For memories use recall."""
    if not query.strip():
        raise ToolError("search_knowledge_base: query: it is empty")
    return knowledge.search_knowledge_base(room, None, query, max(1, min(limit, 50)))


@tool("read")
def get_knowledge_page(
    room: Room, page_id: Annotated[str, said("The id of the page (kp-...), as the tree and a search return it.")]
) -> WireShape:
    """Read a page of the knowledge base, as Markdown."""
    return knowledge.get_knowledge_page(room, page_id)


@tool("write", subject="made room")
def create_knowledge_folder(
    room: Room, name: Annotated[str, said("The name of the folder.")], parent_id: _FOLDER = None
) -> WireShape:
    """Make a folder in the knowledge base."""
    return knowledge.create_knowledge_folder(room, CreateFolderRequest(name=name, parent_id=parent_id))


@tool("write", subject="made room")
def create_knowledge_page(
    room: Room,
    name: Annotated[str, said("The name of the page; another one in its folder may not have it.")],
    source_query: Annotated[str, said("The question that the page answers.")],
    parent_id: _FOLDER = None,
    tags: Annotated[list[str] | None, said("Only memories with these tags make its content.")] = None,
    max_tokens: Annotated[int | None, said("The most tokens of its content.")] = None,
    trigger: _TRIGGER = None,
    refresh_after_consolidation: Annotated[
        bool | None, said("The same as refresh_after_consolidation in trigger.")
    ] = None,
) -> dict[str, Any]:
    """Make a page that answers a question; its content is made in the background."""
    body = CreatePageRequest.model_validate(
        {
            "name": name,
            "source_query": source_query,
            "parent_id": parent_id,
            "tags": tags or None,
            "max_tokens": max_tokens,
            "trigger": _trigger(trigger, None, refresh_after_consolidation),
        }
    )
    made = knowledge.create_knowledge_page(room, body)
    return {
        **made.model_dump(mode="json"),
        "status": "created",
        "message": f"Page '{name}' created. Content is being generated asynchronously.",
    }


@tool("write")
def update_knowledge_node(
    room: Room,
    node_id: Annotated[str, said("The id of the folder (kf-...) or the page (kp-...).")],
    name: Annotated[str | None, said("Its new name.")] = None,
    parent_id: Annotated[str | None, said("The folder it moves into; 'root' for the top.")] = None,
    source_query: Annotated[str | None, said("Of a page: its new question.")] = None,
    tags: Annotated[list[str] | None, said("Of a page: its new tags; [] for none.")] = None,
    max_tokens: Annotated[int | None, said("Of a page: the most tokens of its content.")] = None,
    trigger: _TRIGGER = None,
    refresh_after_consolidation: Annotated[
        bool | None, said("The same as refresh_after_consolidation in trigger.")
    ] = None,
) -> WireShape:
    """Rename or move a folder or a page, or change what a page is made of. What is left out stays."""
    given = {
        "name": name,
        "source_query": source_query,
        "tags": tags,
        "max_tokens": max_tokens,
        "trigger": _trigger(trigger, None, refresh_after_consolidation),
    }
    changes: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if parent_id is not None:
        changes["parent_id"] = None if parent_id == _ROOT else parent_id
    return knowledge.update_knowledge_node(room, node_id, UpdateNodeRequest.model_validate(changes))


@tool("write", destroys=True)
def delete_knowledge_node(
    room: Room, node_id: Annotated[str, said("The id of the folder (kf-...) or the page (kp-...).")]
) -> dict[str, Any]:
    """Delete a page, or a folder with all that lies in it. The memories stay."""
    return {**knowledge.delete_knowledge_node(room, node_id), "node_id": node_id}


def _trigger(
    trigger: dict[str, Any] | None, tags_match: str | None, after_consolidation: bool | None
) -> dict[str, Any] | None:
    """A trigger with what was said beside it.

    Raises:
        ToolError: the two say different things.
    """
    told = dict(trigger or {})
    for name, value in (("tags_match", tags_match), ("refresh_after_consolidation", after_consolidation)):
        if value is not None and told.setdefault(name, value) != value:
            raise ToolError(f"trigger.{name} is {told[name]!r}, and beside it {value!r} is given: say it once.")
    return told or None
