"""Knowledge pages as Markdown documents, and as what a search of them finds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from threadline.engine.terms import index_terms, query_terms
from threadline.server.store.knowledge import Node
from threadline.server.store.mental_models import MentalModel

#: What stands where a page has no content yet. It is never stored, or it would be found.
EMPTY = "No content yet."
INDEX = "index.md"

_TYPE = "type:"
_PLAIN = "knowledge-page"
_SNIPPET = 280

# Okapi BM25 with its usual constants (Robertson and Zaragoza, 2009).
_SATURATION, _LENGTH = 1.2, 0.75


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its place in the tree, and the mental model that holds its content."""

    node: Node
    model: MentalModel

    @property
    def kind(self) -> str:
        """What a `type:<x>` tag says it is; the first one counts."""
        named = (tag.removeprefix(_TYPE).strip() for tag in self.model.tags if tag.startswith(_TYPE))
        return next(filter(None, named), _PLAIN)

    @property
    def tags(self) -> list[str]:
        """Its tags but those that say what it is."""
        return [tag for tag in self.model.tags if not tag.startswith(_TYPE)]

    @property
    def snippet(self) -> str:
        """How it begins."""
        return self.model.content[:_SNIPPET].strip() or EMPTY


def document(page: Page, empty: str = "") -> str:
    """A page as a Markdown document with YAML front matter.

    Args:
        empty: what stands in the place of no content.
    """
    matter: dict[str, str | list[str]] = {
        "id": page.node.id,
        "type": page.kind,
        "title": page.node.name,
        "description": page.model.source_query,
        "tags": page.tags,
        "timestamp": page.model.last_refreshed_at,
    }
    body = page.model.content.strip() or empty
    return f"{_front_matter(matter)}\n\n{body}\n" if body else f"{_front_matter(matter)}\n"


def index(nodes: Sequence[Node], models: Mapping[str, MentalModel]) -> str:
    """The tree as a Markdown document that links to its pages."""
    within: dict[str | None, list[Node]] = {}
    for node in nodes:
        within.setdefault(node.parent, []).append(node)
    lines = [_front_matter({"type": "index", "title": "Knowledge base"}), "", "# Knowledge base", ""]
    lines += _listed(within, models) or ["_No knowledge pages yet._"]
    return "\n".join(lines) + "\n"


def log(page: Page, changes: Iterable[tuple[str, str]]) -> str:
    """What a page was before each refresh, the latest first, as a Markdown document.

    Args:
        changes: when each was replaced, and the content.
    """
    title = f"{page.node.name} — history"
    lines = [_front_matter({"type": "log", "title": title}), "", f"# {title}", ""]
    for at, content in changes:
        lines += [f"## {at}", "", content.strip() or "_(empty)_", ""]
    return "\n".join(lines).rstrip() + "\n"


def by_words(query: str, pages: Sequence[Page]) -> list[int]:
    """The places of the pages that have a word of the query, best first, by BM25 over name and content."""
    asked = set(query_terms(query))
    held = [Counter(index_terms(f"{page.node.name}\n{page.model.content}")) for page in pages]
    lengths = [sum(counts.values()) for counts in held]
    mean = sum(lengths) / len(lengths) if lengths else 0.0
    within = {term: sum(1 for counts in held if term in counts) for term in asked}

    def score(place: int) -> float:
        counts, length = held[place], lengths[place] / (mean or 1.0)
        return sum(
            math.log(1 + (len(held) - within[term] + 0.5) / (within[term] + 0.5))
            * counts[term]
            * (_SATURATION + 1)
            / (counts[term] + _SATURATION * (1 - _LENGTH + _LENGTH * length))
            for term in asked & counts.keys()
        )

    scores = {place: score(place) for place, counts in enumerate(held) if asked & counts.keys()}
    return sorted(scores, key=lambda place: (-scores[place], place))


def _listed(
    within: Mapping[str | None, Sequence[Node]],
    models: Mapping[str, MentalModel],
    parent: str | None = None,
    depth: int = 0,
) -> list[str]:
    lines: list[str] = []
    for node in within.get(parent, ()):
        indent = "  " * depth
        if node.model is None:
            lines.append(f"{indent}- **{node.name}/**")
            lines += _listed(within, models, node.id, depth + 1)
        else:
            about = models[node.model].source_query
            lines.append(f"{indent}- [{node.name}](./{node.id}.md)" + (f" — {about}" if about else ""))
    return lines


def _front_matter(fields: Mapping[str, str | list[str]]) -> str:
    lines = ["---"]
    for name, value in fields.items():
        if isinstance(value, str):
            lines.append(f"{name}: {_quoted(value)}")
        elif value:
            lines += [f"{name}:", *(f"  - {_quoted(item)}" for item in value)]
    return "\n".join([*lines, "---"])


def _quoted(text: str) -> str:
    """A YAML scalar, in quotes: a name may look like a date."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "\\n")
    return f'"{escaped}"'
