"""``{lifecycle} item`` and ``{lifecycle} order`` draw the states and transitions of the ledger from the code's tables.

The states are in one row, in the order of the code. A transition forward is an arc above the row, a transition back is
an arc below it. A transition from a state to itself is not drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from remote_artwork.core.lifecycle import ITEM_TRANSITIONS, ORDER_TRANSITIONS

TABLES: Mapping[str, Mapping[str | None, Iterable[str]]] = {"item": ITEM_TRANSITIONS, "order": ORDER_TRANSITIONS}

STEP = 126
WIDTH = 120
HEIGHT = 26
HEAD = 5
RISE = 22
NO_ROW = "(no row)"


class Lifecycle(SphinxDirective):
    """Draws one of the two tables."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the drawing, an SVG in the colors of the page."""
        table = TABLES[directives.choice(self.arguments[0], tuple(TABLES))]
        return [nodes.raw("", drawing(table), format="html")]


def drawing(table: Mapping[str | None, Iterable[str]]) -> str:
    """Return the SVG of one table: state → following states."""
    states = [str(state or NO_ROW) for state in table]
    place = {state: number for number, state in enumerate(states)}
    arrows = [
        (str(before or NO_ROW), str(after))
        for before, afters in table.items()
        for after in sorted(afters, key=lambda state: place[str(state)])
        if before != after
    ]
    reach = RISE * max(abs(place[after] - place[before]) for before, after in arrows) + HEIGHT
    boxes = "".join(_box(state, number) for state, number in place.items())
    arcs = "".join(_arc(place[before], place[after]) for before, after in arrows)
    label = "; ".join(f"{before} to {after}" for before, after in arrows)
    width = STEP * len(states)
    style = f"width: 100%; max-width: {width}px; min-width: {width * 4 // 5}px"
    return (
        f'<div style="overflow-x: auto"><svg viewBox="0 {-reach} {width} {2 * reach}" role="img" style="{style}" '
        f'aria-label="Transitions: {escape(label)}" fill="none" stroke="currentColor" font-size="12.5">'
        f"{boxes}{arcs}</svg></div>"
    )


def _middle(number: int) -> float:
    return STEP * (number + 0.5)


def _box(state: str, number: int) -> str:
    left, top = _middle(number) - WIDTH / 2, -HEIGHT / 2
    return (
        f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
        f'<text x="{_middle(number)}" y="4.5" text-anchor="middle" stroke="none" fill="currentColor">'
        f"{escape(state)}</text>"
    )


def _arc(before: int, after: int) -> str:
    """Draw an arc that leaves and enters a box on the sides that face each other, so that ends never meet."""
    forwards = 1 if after > before else -1
    start, end = _middle(before) + forwards * WIDTH / 4, _middle(after) - forwards * WIDTH / 4
    edge = -forwards * HEIGHT / 2
    peak = edge - forwards * RISE * abs(after - before) * 4 / 3
    tip = edge - forwards * HEAD * 1.6
    return (
        f'<path d="M{start} {edge} C{start} {peak} {end} {peak} {end} {tip}" opacity="0.7"/>'
        f'<path d="M{end - HEAD} {tip} L{end + HEAD} {tip} L{end} {edge} Z" fill="currentColor" stroke="none"/>'
    )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("lifecycle", Lifecycle)
    return {"version": "1", "parallel_read_safe": True}
