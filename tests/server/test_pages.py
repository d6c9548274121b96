import yaml

from threadline.server import pages
from threadline.server.pages import Page
from threadline.server.store.knowledge import Node
from threadline.server.store.mental_models import MentalModel

NOW = "2026-01-01T00:00:00.000000+00:00"


def page(name: str, content: str = "", *tags: str, parent: str | None = None) -> Page:
    node = Node(f"kp-{name}", parent, "page", name, f"mm-{name}", NOW, NOW)
    return Page(node, MentalModel(f"mm-{name}", name, f"{name}?", NOW, NOW, content=content, tags=tags))


def found(query: str, *some: Page) -> list[str]:
    return [some[place].node.name for place in pages.by_words(query, some)]


def test_front_matter_is_yaml_whatever_a_name_is() -> None:
    for name in ("2026-01-01", 'a "b" \\ c', "true", "- x: [", "two\nlines", "ünï🙂"):
        told = pages.document(page(name, "body", "type:runbook", "x", "type:other"))
        _, matter, body = told.split("---\n", 2)
        assert yaml.safe_load(matter) == {
            "id": f"kp-{name}",
            "type": "runbook",
            "title": name,
            "description": f"{name}?",
            "tags": ["x"],
            "timestamp": NOW,
        }
        assert body == "\nbody\n"


def test_a_page_without_content() -> None:
    assert pages.document(page("p")).endswith("\n---\n")
    assert pages.document(page("p"), pages.EMPTY).endswith("\n---\n\nNo content yet.\n")
    assert page("p").snippet == "No content yet."
    assert page("p").kind == page("p", "", "type: ").kind == "knowledge-page"
    assert len(page("p", "x" * 500).snippet) == 280


def test_the_index_is_a_tree() -> None:
    inner = page("inner", parent="kf-a")
    nodes = [Node("kf-a", None, "folder", "a", None, NOW, NOW), inner.node, page("outer").node]
    models = {one.model.id: one.model for one in (inner, page("outer"))}
    assert pages.index(nodes, models).split("\n\n")[-1] == (
        "- **a/**\n  - [inner](./kp-inner.md) — inner?\n- [outer](./kp-outer.md) — outer?\n"
    )


def test_found_by_words() -> None:
    boats = page("Boats", "Alice sails. Alice sails a boat called Marlin every day of the summer.")
    jazz = page("Jazz", "Alice likes jazz.")
    assert found("sailing", boats, jazz) == ["Boats"]
    assert found("Does Alice like jazz?", boats, jazz) == ["Jazz", "Boats"]
    assert found("the boats", boats, jazz) == ["Boats"]
    assert found("whales", boats, jazz) == []
    assert found("???", boats, jazz) == []
    assert found("alice") == []


def test_a_rare_word_counts_more() -> None:
    common = [page(f"n{number}", "Alice Alice Alice walks") for number in range(5)]
    assert found("Alice Marlin", *common, page("boat", "Marlin sails"))[0] == "boat"
