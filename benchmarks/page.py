"""`docs/performance.md`: each benchmark writes the section that is its own."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def write_section(name: str, content: str) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->`."""
    text = PAGE.read_text("utf-8")
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"{PAGE} has no section {name}")
    PAGE.write_text(pattern.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text), "utf-8")
