"""``{send-decision} unknown`` and ``{send-decision} first`` show the send decision as tables, computed by the code.

``unknown`` is an order whose earlier call has no recorded outcome; ``first`` is an order right before it is sent.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from attrs import evolve
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from remote_artwork.core.lifecycle import FulfillState, OrderKey, OrderRecord
from remote_artwork.core.orders import Order, OrderItem, OrderState, Recovery
from remote_artwork.core.sending import Action, Decision, before_sending, resolve_unknown_call

_KEY = OrderKey("acme", "1001")
_PENDING = Order("1001", [OrderItem("1")])
_FULFILLED, _CANCELLED, _OTHER = (
    evolve(_PENDING, state=state) for state in (OrderState.FULFILLED, OrderState.CANCELLED, OrderState.OTHER)
)
_EDITED = Order("1001", [OrderItem("1"), OrderItem("2")])
_LIMIT, _RUNNING, _OVER = timedelta(minutes=2), timedelta(minutes=1), timedelta(minutes=3)

_TEXT = {
    Action.SEND: "send",
    Action.RESEND: "send again, with the same key and files",
    Action.REOPEN: "record that nothing was sent; the next scan sends it",
    Action.WAIT: "wait",
    Action.RECORD_FULFILLED: "record it as fulfilled",
    Action.CANCEL: "do not send",
    Action.NEEDS_PERSON: "**a person decides**",
}

_UNKNOWN: list[tuple[str, Order | None, dict[str, Any]]] = [
    ("fulfilled", _FULFILLED, {}),
    ("pending; `call_limit` has not passed", _PENDING, {"age": _RUNNING}),
    ("pending; `call_limit` has passed", _PENDING, {}),
    ("pending; `call_limit` has passed; a file was replaced", _PENDING, {"same_files": False}),
    ("pending, but not in the list of pending orders", _PENDING, {"listed": False}),
    ("pending, but edited", _EDITED, {}),
    ("approved again", evolve(_PENDING, approval="2"), {}),
    ("cancelled; `call_limit` has not passed", _CANCELLED, {"age": _RUNNING}),
    ("cancelled; `call_limit` has passed", _CANCELLED, {}),
    ("any other state; `call_limit` has passed", _OTHER, {}),
    ("the shop does not know it; `call_limit` has passed", None, {}),
]

_FIRST: list[tuple[str, Order | None, bool]] = [
    ("pending, as it was matched", _PENDING, True),
    ("pending, but edited", _PENDING, False),
    ("fulfilled", _FULFILLED, True),
    ("cancelled, or any other state", _CANCELLED, True),
    ("the shop does not know it", None, False),
]


class SendDecision(SphinxDirective):
    """Shows one of the two tables."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        chosen = directives.choice(self.arguments[0], ("unknown", "first"))
        lines = _unknown_calls() if chosen == "unknown" else _first_calls()
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines, self.env.docname), self.content_offset, holder)
        return holder.children


def _unknown_calls() -> list[str]:
    recoveries = (Recovery.IDEMPOTENT, Recovery.QUERYABLE, Recovery.NONE)
    lines = _head("The shop shows the order as", *(f"`{recovery.name}`" for recovery in recoveries))
    for title, order, case in _UNKNOWN:
        decisions = [_resolved(order, recovery, **case) for recovery in recoveries]
        lines.append(_row(title, *map(_text, decisions)))
    return lines


def _resolved(
    order: Order | None,
    recovery: Recovery,
    *,
    age: timedelta = _OVER,
    same_files: bool = True,
    listed: bool = True,
) -> Decision:
    record = OrderRecord(
        key=_KEY,
        order_number="1001",
        state=FulfillState.FULFILL_INTENT,
        work=_PENDING.work,
        intent_age=age,
        call_limit=_LIMIT,
    )
    return resolve_unknown_call(
        record, order, recovery=recovery, call_limit=_LIMIT, listed=listed, same_files=same_files
    )


def _first_calls() -> list[str]:
    lines = _head("The shop shows the order as", "No call was started", "A call was started and resolved")
    for title, order, same_work in _FIRST:
        decisions = [
            before_sending(OrderRecord(key=_KEY, order_number="1001", intent_age=age), order, same_work=same_work)
            for age in (None, _OVER)
        ]
        lines.append(_row(title, *map(_text, decisions)))
    return lines


def _text(decision: Decision) -> str:
    return _TEXT[decision.action]


def _head(*cells: str) -> list[str]:
    return [_row(*cells), _row(*["---"] * len(cells))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("send-decision", SendDecision)
    return {"version": "1", "parallel_read_safe": True}
