"""What happened in a test, in order: each write to the ledger, each call of the shop, each look at a file.

The doubles record it, ``invariants`` judges it, and ``History.render`` prints it as a trace.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from attrs import define, field

from remote_artwork.core.lifecycle import FulfillState, ItemState, OrderKey
from remote_artwork.core.orders import Order

PERSON = "a person"
"""The process of what people do."""


class Event(Protocol):
    """One thing that happened. ``at``: seconds; ``process``: who did it."""

    @property
    def at(self) -> float: ...
    @property
    def process(self) -> str: ...
    def text(self) -> str:
        """What happened, for a trace."""


class Claimed(NamedTuple):
    """A process got the lease of an order."""

    at: float
    process: str
    key: OrderKey
    epoch: int
    until: float

    def text(self) -> str:
        return f"ledger   claimed {shown(self.key)}, epoch {self.epoch}, until {self.until:.3f}"


class Wrote(NamedTuple):
    """The ledger committed a write of a lease: its steps, or only its renewal or release."""

    at: float
    process: str
    key: OrderKey
    until: float
    order: tuple[tuple[FulfillState, FulfillState, bool], ...] = ()
    """Before, after, and whether a person decided it, for each step of the order."""
    items: tuple[tuple[str, ItemState | None, ItemState], ...] = ()
    """Item number, before, after."""
    release: bool = False

    def text(self) -> str:
        steps = [f"item {number}: {before} → {after}" for number, before, after in self.items]
        steps += [
            f"{before} → {after}{' (by a person)' if by_person else ''}" for before, after, by_person in self.order
        ]
        steps += ["released"] if self.release else []
        return f"ledger   wrote {shown(self.key)}: {', '.join(steps) or 'renewed'}"


class NotWritten(NamedTuple):
    """A write of a lease failed, or its answer was lost."""

    at: float
    process: str
    key: OrderKey
    error: str

    def text(self) -> str:
        return f"ledger   no answer, or a refusal, to a write of {shown(self.key)}: {self.error}"


class Read(NamedTuple):
    """The shop answered ``get_order``; ``order`` is None if there is none."""

    at: float
    process: str
    order_id: str
    order: Order | None

    def text(self) -> str:
        order = self.order
        return f"shop     read {self.order_id}: {order and f'{order.state}, approval {order.approval!r}'}"


class ListedOrders(NamedTuple):
    """The shop answered ``pending_orders``."""

    at: float
    process: str
    orders: tuple[Order, ...]

    def text(self) -> str:
        return f"shop     listed {', '.join(order.id for order in self.orders)}"


class Looked(NamedTuple):
    """The storage described or sent a file as it was then."""

    at: float
    process: str
    name: str
    content: str

    def text(self) -> str:
        return f"storage  showed {self.name}: {self.content}"


class ListedBeside(NamedTuple):
    """The storage listed the files with one of these basenames."""

    at: float
    process: str
    basenames: tuple[str, ...]
    names: tuple[str, ...]

    def text(self) -> str:
        return f"storage  listed beside {', '.join(self.basenames)}: {', '.join(self.names)}"


class Checked(NamedTuple):
    """A preflight check read a whole file, and accepted it or not."""

    at: float
    process: str
    name: str
    content: str
    accepted: bool

    def text(self) -> str:
        return f"check    {'accepted' if self.accepted else 'rejected'} {self.name}: {self.content}"


class CallBegan(NamedTuple):
    """A process called the shop."""

    at: float
    process: str
    call: int
    name: str
    key: OrderKey
    idempotency_key: str
    order: Order
    files: Mapping[str, tuple[str, ...]]
    """Item number → names of its files."""

    def text(self) -> str:
        files = ", ".join(f"{number}: {'+'.join(names)}" for number, names in self.files.items())
        return f"shop     call {self.call} began: {self.name} {shown(self.key)} ({files})"


class CallTookEffect(NamedTuple):
    """A call changed the shop, which downloaded these contents by file name."""

    at: float
    process: str
    call: int
    contents: Mapping[str, str]

    def text(self) -> str:
        contents = ", ".join(f"{name}: {content}" for name, content in self.contents.items())
        return f"shop     call {self.call} took effect ({contents})"


class CallEnded(NamedTuple):
    """The caller got its answer: ``confirmed``, ``refused`` or ``unknown``."""

    at: float
    process: str
    call: int
    outcome: str

    def text(self) -> str:
        return f"shop     call {self.call} ended: {self.outcome}"


class FileChanged(NamedTuple):
    """A person replaced or deleted a file."""

    at: float
    process: str
    name: str
    content: str | None

    def text(self) -> str:
        return f"storage  {self.name} is now: {self.content or 'deleted'}"


class OrderChanged(NamedTuple):
    """A person changed an order in the shop."""

    at: float
    process: str
    what: str
    order: Order

    def text(self) -> str:
        return f"shop     {self.what}"


class Accepted(NamedTuple):
    """A person accepted files of an order with these contents, by name."""

    at: float
    process: str
    key: OrderKey
    contents: Mapping[str, str]

    def text(self) -> str:
        contents = ", ".join(f"{name}: {content}" for name, content in self.contents.items())
        return f"review   accepted {shown(self.key)} ({contents})"


class Died(NamedTuple):
    """A process ended between two of its calls, or during one."""

    at: float
    process: str

    def text(self) -> str:
        return "DIED"


class Note(NamedTuple):
    """Anything else that a reader of the trace needs to know."""

    at: float
    process: str
    what: str

    def text(self) -> str:
        return self.what


@define
class History:
    """All events of one test, in order."""

    events: list[Event] = field(factory=list)
    _calls: int = 0

    def add(self, event: Event) -> None:
        """Record what has just happened."""
        self.events.append(event)

    def next_call(self) -> int:
        """A new number for a call of the shop."""
        self._calls += 1
        return self._calls

    def render(self) -> str:
        """The trace, one line for each event."""
        return "\n".join(
            f"{number:4} {event.at:10.3f} {event.process:10} {event.text()}"
            for number, event in enumerate(self.events, start=1)
        )


def shown(key: OrderKey) -> str:
    """An order as a trace names it."""
    return f"{key.order_id} ({key.approval})" if key.approval else key.order_id
