"""Lines over sizes on logarithmic axes, as SVG that needs nothing else."""

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 230, 20, 50
COLOURS = (
    "#1b6ca8",
    "#c0392b",
    "#1e8449",
    "#8e44ad",
    "#b9770e",
    "#148f77",
    "#5d6d7e",
    "#a04000",
)
Points = Sequence[tuple[float, float]]


def plot(lines: Mapping[str, Points], x_title: str, y_title: str) -> str:
    """One line for each name; all numbers above nothing."""
    across = _Scale([x for points in lines.values() for x, _ in points], LEFT, WIDTH - RIGHT)
    up = _Scale([y for points in lines.values() for _, y in points], HEIGHT - BOTTOM, TOP)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#333">'
    )
    parts = [
        opening,
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for value in across.ticks:
        x = across.place(value)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(_text(x, HEIGHT - BOTTOM + 18, f"{value:,.0f}", "middle"))
    for value in up.ticks:
        y = up.place(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{value:,g}", "end"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_title, "middle"))
    parts.append(f'<g transform="rotate(-90 16 {HEIGHT / 2})">')
    parts.append(_text(16, HEIGHT / 2, y_title, "middle") + "</g>")
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(across.place(x), up.place(y)) for x, y in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        y = TOP + 14 + number * 20
        x = WIDTH - RIGHT + 20
        parts.append(f'<path d="M{x} {y - 4}h18" stroke="{colour}" stroke-width="3"/>')
        parts.append(_text(x + 26, y, name, "start"))
    return "\n".join([*parts, "</svg>", ""])


class _Scale:
    """From powers of ten that hold all the numbers to places on the picture."""

    def __init__(self, numbers: Sequence[float], start: float, end: float) -> None:
        self._low = math.floor(math.log10(min(numbers)))
        high = math.ceil(math.log10(max(numbers)))
        self._high = max(high, self._low + 1)
        self._start, self._end = start, end

    @property
    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self._low, self._high + 1)]

    def place(self, number: float) -> float:
        part = (math.log10(number) - self._low) / (self._high - self._low)
        return self._start + part * (self._end - self._start)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
