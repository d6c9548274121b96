"""The picture of how recall grows with a bank, beside what the machine allows: SVG by hand, for light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

#: The bytes of a memory's vector, which a question is compared with.
VECTOR_BYTES = 384

#: Memories -> the milliseconds in which half of all recalls are to be done.
P50_GOALS = {10_000: 8.0, 100_000: 15.0, 1_000_000: 60.0}

_WIDTH, _HEIGHT = 780, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 236, 46, 54
_STYLE = """
  svg { font: 13px system-ui, sans-serif; }
  .paper { fill: #ffffff; } text { fill: #1f2328; } .faint { fill: #59636e; } .grid { stroke: #d1d9e0; }
  path { fill: none; stroke-width: 2.2; } .rule { stroke-width: 1.6; }
  .p50 { stroke: #0969da; } .p50 circle { fill: #0969da; } .p95 { stroke: #bc4c00; } .p95 circle { fill: #bc4c00; }
  .model { stroke: #1a7f37; } .scan { stroke: #8250df; } .both { stroke: #59636e; }
  .goal { fill: none; stroke: #1f2328; stroke-width: 1.6; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; } text { fill: #f0f6fc; } .faint { fill: #9198a1; } .grid { stroke: #3d444d; }
    .p50 { stroke: #4493f8; } .p50 circle { fill: #4493f8; } .p95 { stroke: #f0883e; } .p95 circle { fill: #f0883e; }
    .model { stroke: #3fb950; } .scan { stroke: #ab7df8; } .both { stroke: #9198a1; } .goal { stroke: #f0f6fc; }
  }
"""

Points = Sequence[tuple[float, float]]


def limits(figures: dict[str, Any], memories: float) -> tuple[float, float]:
    """What a recall takes at the very least, in milliseconds: to embed the question, to read every vector once."""
    embedding = min(row["embedding_p50_ms"] for row in figures["recall"].values())
    return embedding, memories * VECTOR_BYTES / (figures["bandwidth"]["gb_per_s"] * 1e9) * 1e3


class _Axes:
    """Where a number of memories and a time are in the picture, both on a scale of powers of ten."""

    def __init__(self, sizes: Sequence[float], times: Sequence[float]) -> None:
        self.sizes = _marks(sizes, (1.0,))
        self.times = _marks(times, (1.0, 2.0, 5.0))

    def x(self, memories: float) -> float:
        return _LEFT + _share(memories, self.sizes) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, milliseconds: float) -> float:
        return _HEIGHT - _BOTTOM - _share(max(milliseconds, self.times[0]), self.times) * (_HEIGHT - _TOP - _BOTTOM)

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        return self.x(point[0]), self.y(point[1])


def picture(figures: dict[str, Any]) -> str:
    """The picture of a run's figures."""
    rows = list(figures["recall"].values())
    p50, p95 = ([(row["memories"], row[f"{name}_ms"]) for row in rows] for name in ("p50", "p95"))
    axes = _Axes([row["memories"] for row in rows], [1.0, *(time for _, time in p95)])
    steps = [axes.sizes[0] * (axes.sizes[-1] / axes.sizes[0]) ** (step / 60) for step in range(61)]
    model, scan = zip(*(limits(figures, size) for size in steps), strict=True)
    both = [one + other for one, other in zip(model, scan, strict=True)]
    body = [
        *_grid(axes),
        _rule(axes, "scan", list(zip(steps, scan, strict=True)), "7 4"),
        _rule(axes, "model", list(zip(steps, model, strict=True)), "7 4"),
        _rule(axes, "both", list(zip(steps, both, strict=True)), "2 3"),
        _line(axes, "p95", p95),
        _line(axes, "p50", p50),
        *[_goal(axes, point) for point in P50_GOALS.items() if axes.sizes[0] <= point[0] <= axes.sizes[-1]],
        *_legend(),
    ]
    size = f'width="{_WIDTH}" height="{_HEIGHT}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {size} role="img">',
            "<title>Milliseconds of a recall by the number of memories, beside the physical limit</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>',
            f'<text x="{_LEFT}" y="26" font-weight="600">A recall, default budget, by the size of the bank</text>',
            *body,
            "</svg>",
            "",
        ]
    )


def _marks(values: Sequence[float], steps: Sequence[float]) -> list[float]:
    """Round numbers from at or below the least of the values to at or above the most, two at least."""
    least, most = min(values) * 1.000_001, max(values) * 0.999_999
    powers = range(math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 2)
    every = [step * 10.0**power for power in powers for step in steps]
    first = max(place for place, mark in enumerate(every) if mark <= least)
    last = min(place for place, mark in enumerate(every) if mark >= most)
    return every[first : max(last, first + 1) + 1]


def _share(value: float, marks: Sequence[float]) -> float:
    return math.log10(value / marks[0]) / math.log10(marks[-1] / marks[0])


def _grid(axes: _Axes) -> list[str]:
    low, high = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    drawn = []
    for size in axes.sizes:
        x = axes.x(size)
        drawn.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{low}"/>')
        drawn.append(f'<text class="faint" x="{x:.1f}" y="{low + 19}" text-anchor="middle">{_short(size)}</text>')
    for time in axes.times:
        y = axes.y(time)
        drawn.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{high}" y2="{y:.1f}"/>')
        drawn.append(f'<text class="faint" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{time:g} ms</text>')
    middle = (_LEFT + high) / 2
    drawn.append(
        f'<text class="faint" x="{middle:.0f}" y="{low + 40}" text-anchor="middle">memories in the bank</text>'
    )
    return drawn


def _short(size: float) -> str:
    return f"{size / 1e6:g}M" if size >= 1e6 else f"{size / 1e3:g}k" if size >= 1e3 else f"{size:g}"


def _path(places: Points) -> str:
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _rule(axes: _Axes, name: str, points: Points, dashes: str) -> str:
    places = [axes.place(point) for point in points if point[1] >= axes.times[0]]
    return f'<path class="rule {name}" stroke-dasharray="{dashes}" d="{_path(places)}"/>' if places else ""


def _line(axes: _Axes, name: str, points: Points) -> str:
    places = [axes.place(point) for point in points]
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in places)
    told = "".join(_told(axes, name, size, time, place) for (size, time), place in zip(points, places, strict=True))
    return f'<g class="{name}"><path d="{_path(places)}"/>{marks}{told}</g>'


def _told(axes: _Axes, name: str, size: float, time: float, place: tuple[float, float]) -> str:
    """The figure beside a mark: right of the last ones, else above the upper line and below the lower one."""
    (x, y), anchor = place, "start"
    if size >= axes.sizes[-1] * 0.999:
        x, y = x + 12, y + 4
    elif name == "p50":
        x, y = x + 13, y + 15
    elif size > axes.sizes[0]:
        x, y, anchor = x - 6, y - 8, "end"
    else:
        x, y = x + 6, y - 8
    return f'<text x="{x:.1f}" y="{y:.1f}" stroke="none" font-size="11.5" text-anchor="{anchor}">{time:.3g}</text>'


def _goal(axes: _Axes, point: tuple[float, float]) -> str:
    x, y = axes.place(point)
    return f'<path class="goal" d="M{x - 9:.1f} {y:.1f} h18"/>'


def _legend() -> list[str]:
    entries = (
        ("p95", "", "p95, measured"),
        ("p50", "", "p50, measured"),
        ("goal", "", "goal of the p50"),
        ("both", "2 3", "limit: both together"),
        ("model", "7 4", "to embed the question"),
        ("scan", "7 4", "to read every vector"),
    )
    x = _WIDTH - _RIGHT + 44
    drawn = []
    for place, (name, dashes, text) in enumerate(entries):
        y = _TOP + 14 + 22 * place
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        drawn.append(f'<path class="{name}"{dashed} d="M{x} {y - 4} h22"/><text x="{x + 29}" y="{y}">{text}</text>')
    return drawn
