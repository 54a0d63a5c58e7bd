"""Charts as SVG: drawn here, because a plotting library would take longer to import than the whole report to write.

Colours and fonts come from page.css, so that a chart follows the reader's scheme; page.js shows the nearest point.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sagemaker_ops.report.markup import Markup, element, joined

WIDTH, HEIGHT = 340, 250  # of the whole chart
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 44  # around the area of the data
LABEL = 17  # characters beside the dots
COLOURS = 8  # of page.css: c0 to c7
Numbers = Sequence[float]


@dataclass(frozen=True)
class Axis:
    """What an axis shows, from low to high; low < high."""

    name: str
    low: float = 0.0
    high: float = 1.0

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Series:
    """A line through points, or the points alone; name: empty if there is only one."""

    x: Numbers
    y: Numbers
    name: str = ""
    is_line: bool = True
    has_points: bool = False


@dataclass(frozen=True)
class Dot:
    """A row of `dots`; without a value, the note is shown instead."""

    name: str
    value: float | None
    interval: Numbers = ()
    note: str = ""


def span(name: str, *values: Numbers) -> Axis:
    """The axis that shows all of these values, ending at round numbers."""
    known = [value for numbers in values for value in numbers if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    if low == high:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    step = _step(low, high)
    return Axis(name, math.floor(low / step) * step, math.ceil(high / step) * step)


def plot(title: str, x: Axis, y: Axis, series: Sequence[Series], *, diagonal: bool = False) -> Markup:
    """Lines or points; diagonal: a dotted line where both axes have the same value."""
    drawn = []
    if diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        drawn.append(_path([(_x(x, each), _y(y, each)) for each in (low, high)], "reference"))
    for number, each in enumerate(series):
        colour = f"c{number % COLOURS}"
        points = [
            (_x(x, a), _y(y, b)) for a, b in zip(each.x, each.y, strict=True) if math.isfinite(a) and math.isfinite(b)
        ]
        shape = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        if each.is_line:
            drawn.append(element("polyline", points=shape, class_=f"data {colour}", data_name=each.name or None))
        else:
            drawn.append(element("polyline", points=shape, class_="data bare", data_name=each.name or None))
        if each.has_points or not each.is_line:
            size = 3.5 if each.is_line else 2.2
            drawn += [element("circle", cx=f"{a:.1f}", cy=f"{b:.1f}", r=size, class_=colour) for a, b in points]
    return joined(_svg(title, x, y, *drawn, kind="chart hover"), legend([each.name for each in series if each.name]))


def histogram(title: str, name: str, edges: Numbers, counts: Mapping[str, Numbers]) -> Markup:
    """Bars of row counts between the edges; several counts are drawn over each other, as shares of their own rows."""
    sums = {key: sum(values) or 1 for key, values in counts.items()}
    several = len(counts) > 1
    heights = {key: [v / sums[key] if several else v for v in values] for key, values in counts.items()}
    x = Axis(name, edges[0], edges[-1] if edges[-1] > edges[0] else edges[0] + 1)
    y = Axis("share of rows" if several else "rows", 0, span("", [0.0], *heights.values()).high)
    drawn = []
    for number, values in enumerate(heights.values()):
        for low, high, value in zip(edges, edges[1:], values, strict=False):
            left, top = _x(x, low), _y(y, value)
            box = {"x": f"{left:.1f}", "y": f"{top:.1f}", "width": f"{max(_x(x, high) - left - 0.8, 0.5):.1f}"}
            bar = element("rect", **box, height=f"{_y(y, 0) - top:.1f}", class_=f"bar c{number}")
            drawn.append(bar if value else Markup())
    drawn.append(element("line", x1=-9, x2=-9, y1=TOP, y2=HEIGHT - BOTTOM, class_="mark"))  # for page.js
    return joined(_svg(title, x, y, *drawn), legend(list(counts) if several else []))


def scale(title: str, value: float, interval: Numbers | None, marks: Mapping[str, float]) -> Markup:
    """One number on a line, with its interval, and marks such as the gate and the baseline below it."""
    axis = span("", [value, *(interval or ()), *marks.values()])
    width, middle = 400, 34

    def at(number: float) -> float:
        return 20 + axis.share(number) * (width - 40)

    drawn = [_path([(20, middle), (width - 20, middle)], "axis")]
    for number in (axis.low, axis.high):
        drawn.append(element("text", shown(number), x=f"{at(number):.1f}", y=middle - 12, class_="tick"))
    for row, (name, number) in enumerate(sorted(marks.items(), key=lambda each: each[1])):
        drawn.append(_path([(at(number), middle - 9), (at(number), middle + 12 + 17 * row)], "limit"))
        side, x = ("right", at(number) + 5) if axis.share(number) < 0.5 else ("left", at(number) - 5)
        drawn.append(element("text", f"{name} {shown(number)}", x=f"{x:.1f}", y=middle + 23 + 17 * row, class_=side))
    if interval:
        low, high = (at(number) for number in interval)
        drawn.append(element("rect", x=f"{low:.1f}", y=middle - 5, width=f"{max(high - low, 1):.1f}", height=10, rx=4))
    drawn.append(element("circle", cx=f"{at(value):.1f}", cy=middle, r=7, class_="c0"))
    return element(
        "svg",
        element("title", title),
        *drawn,
        role="img",
        aria_label=title,
        viewBox=f"0 0 {width} {middle + 14 + 17 * len(marks)}",
        class_="scale",
    )


def dots(title: str, name: str, rows: Sequence[Dot], mark: float | None) -> Markup:
    """A value with its interval for each row, from top to bottom; mark: a value to compare all of them with."""
    numbers = [each for row in rows for each in (row.value, *row.interval) if each is not None]
    x, height = span(name, numbers, [mark] if mark is not None else []), 19
    left = 24 + 6.4 * min(LABEL, max((len(row.name) for row in rows), default=0))
    bottom = TOP + height * len(rows)

    def at(number: float) -> float:
        return left + x.share(number) * (WIDTH - RIGHT - left)

    drawn = []
    for tick in _ticks(x):
        drawn.append(_path([(at(tick), TOP), (at(tick), bottom)], "grid"))
        drawn.append(element("text", shown(tick), x=f"{at(tick):.1f}", y=bottom + 15, class_="tick"))
    if mark is not None:
        drawn.append(_path([(at(mark), TOP), (at(mark), bottom)], "limit"))
    for number, row in enumerate(rows):
        middle = TOP + height * (number + 0.5)
        label = row.name if len(row.name) <= LABEL else f"{row.name[: LABEL - 1]}…"
        drawn.append(element("text", label, x=left - 8, y=f"{middle + 4:g}", class_="left"))
        if row.value is None:
            drawn.append(element("text", row.note, x=left + 4, y=f"{middle + 4:g}", class_="type right"))
            continue
        if row.interval:
            drawn.append(_path([(at(end), middle) for end in row.interval], "whisker"))
        drawn.append(element("circle", cx=f"{at(row.value):.1f}", cy=f"{middle:g}", r=4.5, class_="c0"))
    drawn.append(_path([(left, bottom), (WIDTH - RIGHT, bottom)], "axis"))
    drawn.append(element("text", name, x=(left + WIDTH - RIGHT) / 2, y=bottom + 33))
    size = f"0 0 {WIDTH} {bottom + 40}"
    return element(
        "svg", element("title", title), *drawn, role="img", aria_label=title, viewBox=size, class_="chart dots"
    )


def pairs(title: str, name: str, rows: Sequence[tuple[str, Numbers]], names: Sequence[str]) -> Markup:
    """A group of horizontal bars for each row, such as the share then and now; names: of the bars of each group."""
    x, size, gap = Axis(name, 0, span("", [0.0], *(values for _, values in rows)).high), 8, 6
    left = 24 + 6.2 * min(LABEL, max((len(label) for label, _ in rows), default=0))
    height, right = size * len(names) + gap, WIDTH - 20  # half of the last number is beyond it
    bottom = TOP + height * len(rows)

    def at(number: float) -> float:
        return left + x.share(number) * (right - left)

    drawn = []
    ticks = _ticks(x)
    for tick in ticks[:: 2 if len(ticks) > 4 and left > WIDTH / 3 else 1]:
        drawn.append(_path([(at(tick), TOP), (at(tick), bottom)], "grid"))
        drawn.append(element("text", shown(tick), x=f"{at(tick):.1f}", y=bottom + 15, class_="tick"))
    for number, (label, values) in enumerate(rows):
        top = TOP + height * number + gap / 2
        text = label if len(label) <= LABEL else f"{label[: LABEL - 1]}…"
        drawn.append(element("text", text, x=f"{left - 8:g}", y=f"{top + size * len(names) / 2 + 4:g}", class_="left"))
        for place, value in enumerate(values):
            width = f"{max(at(value) - left, 0):.1f}"
            box = {"x": f"{left:g}", "y": f"{top + size * place:g}", "width": width, "height": size - 1}
            drawn.append(element("rect", **box, class_=f"bar c{place % COLOURS}") if value else Markup())
    drawn.append(_path([(left, TOP), (left, bottom)], "axis"))
    drawn.append(element("text", name, x=f"{(left + right) / 2:g}", y=bottom + 33))
    chart = element(
        "svg",
        element("title", title),
        *drawn,
        role="img",
        aria_label=title,
        viewBox=f"0 0 {WIDTH} {bottom + 40:g}",
        class_="chart dots",
    )
    return joined(chart, legend(names))


def bar(share: float, spread: float = 0.0) -> Markup:
    """A bar for a cell of a table whose number says the same: its length from 0 to 1, and how far it may be off."""
    length, reach = 100 * min(max(share, 0), 1), 100 * spread
    parts = [element("rect", x=0, y=3, width=f"{length:.1f}", height=8, class_="bar c0")]
    if reach >= 0.5:
        ends = (max(length - reach, 0), min(length + reach, 110))
        parts.append(element("path", d=f"M{ends[0]:.1f},7H{ends[1]:.1f}", class_="whisker"))
    return element("svg", *parts, viewBox="0 0 110 14", class_="inline", aria_hidden="true")


def legend(names: Sequence[str]) -> Markup:
    """Which colour is which; nothing if there is only one."""
    if not names:
        return Markup()
    items = [
        element("li", element("span", class_=f"key c{number % COLOURS}"), name) for number, name in enumerate(names)
    ]
    return element("ul", *items, class_="legend")


def shown(value: float) -> str:
    """A number for people: at most four digits, large ones with commas; `-` if it is none."""
    if not math.isfinite(value):
        return "-"
    if abs(value) >= 10_000 and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _step(low: float, high: float) -> float:
    """The distance between four to six round numbers from low to high."""
    rough = (high - low) / 5
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next((size * power for size in (1.0, 2.0, 2.5, 5.0) if size * power >= rough * 0.999), 10 * power)


def _ticks(axis: Axis) -> list[float]:
    step = _step(axis.low, axis.high)
    first = math.ceil(axis.low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(axis.high / step + 1e-9) + 1)]


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM)


def _path(points: Sequence[tuple[float, float]], kind: str) -> Markup:
    return element("path", d="M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points), class_=kind)


def _svg(title: str, x: Axis, y: Axis, *content: Markup, kind: str = "chart") -> Markup:
    """data-x and data-y, for page.js: name, low and high of the axis, and where these are."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    grid = []
    for tick in _ticks(x):
        grid.append(element("text", shown(tick), x=f"{_x(x, tick):.1f}", y=bottom + 15, class_="tick"))
    for tick in _ticks(y):
        grid.append(_path([(LEFT, _y(y, tick)), (right, _y(y, tick))], "grid"))
        grid.append(element("text", shown(tick), x=LEFT - 5, y=f"{_y(y, tick) + 4:.1f}", class_="tick down"))
    middle = (TOP + bottom) / 2
    names = [
        element("text", x.name, x=(LEFT + right) / 2, y=HEIGHT - 6),
        element("text", y.name, x=11, y=middle, transform=f"rotate(-90 11 {middle:g})"),
    ]
    data = {"data_x": json.dumps([x.name, x.low, x.high, LEFT, right])}
    data["data_y"] = json.dumps([y.name, y.low, y.high, bottom, TOP])
    return element(
        "svg",
        element("title", title),
        *grid,
        _path([(LEFT, bottom), (right, bottom)], "axis"),
        *names,
        *content,
        role="img",
        aria_label=title,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_=kind,
        **data,
    )
