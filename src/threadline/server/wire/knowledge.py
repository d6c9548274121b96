"""The knowledge base: folders, and pages whose content a mental model holds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from threadline.errors import InputError, UnknownItemError
from threadline.server import pages, refreshing
from threadline.server.access import MakeRoom, ReadRoom, WriteRoom
from threadline.server.house import Room
from threadline.server.pages import Page
from threadline.server.searching import search
from threadline.server.store import knowledge, mental_models
from threadline.server.store.knowledge import Node, Patch
from threadline.server.store.mental_models import Edit, MentalModel
from threadline.server.wire.base import WireRoute, partly, same
from threadline.server.wire.mental_models import checked_tags, history, merged
from threadline.server.wire.shapes.filters import QueryTags, QueryTagsMatch, parse_groups, tag_filter
from threadline.server.wire.shapes.knowledge import (
    CreateFolderRequest,
    CreateKnowledgePageResponse,
    CreatePageRequest,
    KnowledgeNode,
    KnowledgePageBundleFile,
    KnowledgePageBundleResponse,
    KnowledgePageResponse,
    KnowledgePageSearchResponse,
    KnowledgePageSearchResult,
    KnowledgeTreeResponse,
    UpdateNodeRequest,
)
from threadline.server.wire.shapes.mental_models import MentalModelTrigger
from threadline.tags import AllOf, TagFilter

router = APIRouter(route_class=WireRoute, prefix="/v1/default/banks/{bank_id}/knowledge-base", tags=["Knowledge Base"])

#: How a page is refreshed unless its maker, or the bank, says otherwise.
_TRIGGER: Mapping[str, Any] = {
    "mode": "delta",
    "fact_types": ["observation"],
    "exclude_mental_models": True,
    "refresh_after_consolidation": True,
}
_TOKENS = 4096

_EXTRACTIVE = "without a language model the content is quoted from memory, and says so"


def _page_filter(
    tags: QueryTags = None,
    tags_match: QueryTagsMatch = "any",
    tag_groups: Annotated[str | None, Query(description="A JSON list of tag groups, which must all hold too")] = None,
) -> TagFilter | None:
    filters = [
        tag_filter(tags or None, tags_match),
        tag_filter(None, "any", parse_groups(tag_groups)),
    ]
    return AllOf(given) if (given := tuple(each for each in filters if each is not None)) else None


PageFilter = Annotated[TagFilter | None, Depends(_page_filter)]


@router.get("/tree", operation_id="get_knowledge_base_tree", summary="Get the knowledge-base tree", **same())
def get_knowledge_base_tree(room: ReadRoom, tags: PageFilter) -> KnowledgeTreeResponse:
    """The folders and pages, each within its folder. With a filter, only pages that pass and the folders above them."""
    nodes, models = _tree(room, whole=False)
    if tags is not None:
        nodes = _pruned(nodes, models, tags)
    stale = refreshing.stale(room, [models[node.model] for node in nodes if node.model])
    shapes = {node.id: _node(node, models, stale) for node in nodes}
    for node in nodes:
        if node.parent is not None:
            shapes[node.parent].children.append(shapes[node.id])
    return KnowledgeTreeResponse(roots=[shapes[node.id] for node in nodes if node.parent is None])


@router.post("/folders", operation_id="create_knowledge_folder", summary="Create a folder", status_code=201, **same())
def create_knowledge_folder(room: MakeRoom, body: CreateFolderRequest) -> KnowledgeNode:
    """Make a folder, within another one or at the root."""
    at = refreshing.now()
    node = Node(f"kf-{uuid.uuid4().hex}", body.parent_id, "folder", body.name, None, at, at)
    knowledge.create(room.database, room.uid, node)
    return _node(node, {}, {})


@router.post(
    "/pages",
    operation_id="create_knowledge_page",
    summary="Create a page",
    status_code=201,
    **partly(_EXTRACTIVE),
)
def create_knowledge_page(room: MakeRoom, body: CreatePageRequest) -> CreateKnowledgePageResponse:
    """Make a page. Its content is made in the background, by the operation that is named in the answer."""
    at = refreshing.now()
    usual = {**_TRIGGER, **(room.config.get("knowledge_page_default_trigger") or {})}
    model = MentalModel(
        id=f"mm-{uuid.uuid4().hex}",
        name=body.name,
        source_query=body.source_query,
        created_at=at,
        last_refreshed_at=at,
        tags=checked_tags(body.tags or []),
        max_tokens=_TOKENS if body.max_tokens is None else body.max_tokens,
        trigger=merged(usual, body.trigger),
    )
    node = Node(f"kp-{uuid.uuid4().hex}", body.parent_id, "page", body.name, model.id, at, at)
    knowledge.create(room.database, room.uid, node, model)
    operation = refreshing.submit(room, model)
    return CreateKnowledgePageResponse(page_id=node.id, mental_model_id=model.id, operation_id=operation)


@router.get("/export", operation_id="export_knowledge_base", summary="Export as a Markdown bundle", **same())
def export_knowledge_base(room: ReadRoom) -> KnowledgePageBundleResponse:
    """All pages as Markdown documents, with an index and what each was before."""
    nodes, models = _tree(room)
    files = [KnowledgePageBundleFile(path=pages.INDEX, content=pages.index(nodes, models))]
    for page in _pages(nodes, models):
        files.append(KnowledgePageBundleFile(path=f"{page.node.id}.md", content=pages.document(page)))
        changes = [(one["changed_at"], one["previous_content"] or "") for one in history(room, page.model)]
        if changes:
            files.append(KnowledgePageBundleFile(path=f"{page.node.id}.log.md", content=pages.log(page, changes)))
    return KnowledgePageBundleResponse(files=files)


@router.get(
    "/search",
    operation_id="search_knowledge_base",
    summary="Search the pages",
    **partly("a page that has neither a word of the query nor anything to do with it is not returned"),
)
def search_knowledge_base(
    room: ReadRoom,
    tags: PageFilter,
    q: Annotated[str, Query(min_length=1, description="Search query")],
    limit: Annotated[int, Query(ge=1, le=50, description="Maximum results to return")] = 10,
) -> KnowledgePageSearchResponse:
    """The pages that have words of the query or are about it, best first."""
    among = [page for page in _pages(*_tree(room)) if tags is None or tags.passes(frozenset(page.model.tags))]
    results = [
        KnowledgePageSearchResult(
            id=page.node.id,
            name=page.node.name,
            mental_model_id=page.model.id,
            source_query=page.model.source_query,
            snippet=page.snippet,
            score=score,
            updated_at=page.model.last_refreshed_at,
        )
        for page, score in search(room, q, among)[:limit]
    ]
    return KnowledgePageSearchResponse(results=results, total=len(results))


@router.get("/pages/{page_id}", operation_id="get_knowledge_page", summary="Get a page", **same())
def get_knowledge_page(room: ReadRoom, page_id: str) -> KnowledgePageResponse:
    """A page as a Markdown document."""
    node = knowledge.get(room.database, room.uid, page_id)
    model = node and node.model and mental_models.get(room.database, room.uid, node.model)
    if not node or not model:
        raise UnknownItemError(f"Knowledge page '{page_id}' not found")
    page = Page(node, model)
    return KnowledgePageResponse(
        id=node.id,
        name=node.name,
        type=page.kind,
        description=model.source_query,
        tags=page.tags,
        timestamp=model.last_refreshed_at,
        body=model.content,
        markdown=pages.document(page, pages.EMPTY),
    )


@router.patch("/nodes/{node_id}", operation_id="update_knowledge_node", summary="Rename, move, change", **same())
def update_knowledge_node(room: WriteRoom, node_id: str, body: UpdateNodeRequest) -> KnowledgeNode:
    """Change what is given of a folder or page, all of it or nothing. A page with another question is refreshed."""
    patch = Patch(
        refreshing.now(),
        name=body.name,
        parents=[body.parent_id] if "parent_id" in body.model_fields_set else [],
        page=_page_edit(body),
    )
    if patch.name is None and not patch.parents and patch.page is None:
        raise InputError("Provide name, parent_id, source_query, tags, max_tokens, and/or trigger to update")
    node = knowledge.patch(room.database, room.uid, node_id, patch)
    if node is None:
        raise UnknownItemError(f"Knowledge node '{node_id}' not found")
    model = node.model and mental_models.get(room.database, room.uid, node.model)
    if model and body.source_query is not None:
        refreshing.submit(room, model)
    return _node(node, {model.id: model} if model else {}, {})


@router.delete("/nodes/{node_id}", operation_id="delete_knowledge_node", summary="Delete a node", **same())
def delete_knowledge_node(room: WriteRoom, node_id: str) -> dict[str, str]:
    """Delete a page, or a folder with all that lies within it."""
    if not knowledge.remove(room.database, room.uid, node_id):
        raise UnknownItemError(f"Knowledge node '{node_id}' not found")
    return {"status": "deleted"}


def _tree(room: Room, *, whole: bool = True) -> tuple[list[Node], dict[str, MentalModel]]:
    """The nodes, and the models of the pages among them by their ids."""
    nodes = knowledge.nodes(room.database, room.uid)
    models = {model.id: model for model in mental_models.listed(room.database, room.uid, whole=whole)[0]}
    # A page that was made between the two looks is the next request's, and so is all that lies below a new folder.
    known = {node.id for node in nodes}
    return [
        node for node in nodes if node.parent in {None, *known} and (node.model is None or node.model in models)
    ], models


def _pages(nodes: list[Node], models: Mapping[str, MentalModel]) -> list[Page]:
    return [Page(node, models[node.model]) for node in nodes if node.model]


def _pruned(nodes: list[Node], models: Mapping[str, MentalModel], tags: TagFilter) -> list[Node]:
    """The pages that pass, and the folders above them."""
    parents = {node.id: node.parent for node in nodes}
    kept: set[str] = set()
    for page in _pages(nodes, models):
        above: str | None = page.node.id if tags.passes(frozenset(page.model.tags)) else None
        while above is not None and above not in kept:
            kept.add(above)
            above = parents[above]
    return [node for node in nodes if node.id in kept]


def _page_edit(body: UpdateNodeRequest) -> Edit | None:
    """What is to become of the page's model; None: nothing."""
    if body.source_query is None and body.tags is None and body.max_tokens is None and body.trigger is None:
        return None
    tags = None if body.tags is None else checked_tags(body.tags)

    def edit(model: MentalModel) -> MentalModel:
        after = replace(
            model,
            source_query=model.source_query if body.source_query is None else body.source_query,
            tags=model.tags if tags is None else tags,
            max_tokens=model.max_tokens if body.max_tokens is None else body.max_tokens,
            trigger=merged(model.trigger, body.trigger),
        )
        return refreshing.rescoped(model, after)

    return edit


def _node(node: Node, models: Mapping[str, MentalModel], stale: Mapping[str, bool]) -> KnowledgeNode:
    model = models.get(node.model) if node.model else None
    shape = KnowledgeNode(
        id=node.id,
        kind=node.kind,
        name=node.name,
        parent_id=node.parent,
        mental_model_id=node.model,
        timestamp=node.updated_at,
        children=[],
    )
    if model is not None:
        shape.description = model.source_query
        shape.tags = list(model.tags)
        shape.timestamp = model.last_refreshed_at
        shape.is_stale = stale.get(model.id)
        shape.last_refresh_failed_at = model.last_refresh_failed_at
        shape.trigger = MentalModelTrigger.model_validate(model.trigger) if model.trigger else None
    return shape
