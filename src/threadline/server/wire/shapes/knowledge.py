"""The shapes of the knowledge base."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from threadline.server.wire.base import WireBody, WireShape
from threadline.server.wire.shapes.mental_models import MentalModelTrigger
from threadline.server.wire.shapes.texts import Text

#: How long a page may be.
PageTokens = Annotated[int, Field(ge=1, le=1_000_000)]


class CreateFolderRequest(WireBody):
    """A new folder."""

    name: Text
    parent_id: Text | None = None


class CreatePageRequest(WireBody):
    """A new page, and the mental model that holds its content."""

    name: Text
    source_query: Text
    parent_id: Text | None = None
    tags: list[str] | None = Field(
        default=None,
        description=(
            "Tags that scope which memories this page is built from. By default a memory must carry every one of them."
        ),
    )
    max_tokens: PageTokens | None = None
    trigger: MentalModelTrigger | None = None


class UpdateNodeRequest(WireBody):
    """What is to change of a node. `parent_id` counts where it is given at all: null moves the node to the root."""

    name: Text | None = None
    parent_id: Text | None = None
    source_query: Text | None = None
    tags: list[str] | None = Field(default=None, description="Replaces the page's tags; [] clears them.")
    max_tokens: PageTokens | None = None
    trigger: MentalModelTrigger | None = Field(
        default=None, description="Applied as a patch: only the fields given are changed."
    )


class KnowledgeNode(WireShape):
    """A folder or a page."""

    id: str
    kind: Literal["folder", "page"]
    name: str
    parent_id: str | None = None
    mental_model_id: str | None = None
    managed: bool = False
    description: str | None = None
    tags: list[str] = []
    timestamp: str | None = Field(default=None, description="Last refresh (page) or last update (folder).")
    is_stale: bool | None = None
    last_refresh_failed_at: str | None = None
    trigger: MentalModelTrigger | None = None
    children: list[KnowledgeNode] = []


class KnowledgeTreeResponse(WireShape):
    """The folders and pages, each within its folder."""

    roots: list[KnowledgeNode]


class CreateKnowledgePageResponse(WireShape):
    """A new page, its mental model, and the operation that makes its content."""

    page_id: str
    mental_model_id: str
    operation_id: str | None = None


class KnowledgePageResponse(WireShape):
    """A page as a Markdown document."""

    id: str
    name: str
    type: str = Field(description="From a `type:<x>` tag, else 'knowledge-page'.")
    description: str | None = None
    tags: list[str] = []
    timestamp: str | None = None
    body: str | None = None
    markdown: str = Field(description="The whole document: YAML front matter and body.")


class KnowledgePageBundleFile(WireShape):
    """One file of an export."""

    path: str
    content: str


class KnowledgePageBundleResponse(WireShape):
    """An export: an index, the pages, and what they were before."""

    files: list[KnowledgePageBundleFile]


class KnowledgePageSearchResult(WireShape):
    """A page that was found."""

    id: str
    name: str
    mental_model_id: str | None = None
    source_query: str | None = None
    snippet: str = Field(description="How the page begins; 'No content yet.' where it is empty.")
    score: float = Field(description="By rank, from 0 to 1; comparable within one search only.")
    updated_at: str | None = None


class KnowledgePageSearchResponse(WireShape):
    """The pages that were found, best first."""

    results: list[KnowledgePageSearchResult]
    total: int
