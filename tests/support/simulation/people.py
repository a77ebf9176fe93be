"""What people do while scans run: they upload, edit, cancel, approve again, print by hand, and resolve."""

import random as randomness
from collections.abc import Callable
from datetime import timedelta

from attrs import define, evolve, field

import remote_artwork as ra
from history import Accepted, Claimed
from remote_artwork.client import advance_one, claim_one
from remote_artwork.core.lifecycle import (
    UNRESOLVED_STATES,
    OrderKey,
    OrderRecord,
    ReviewStep,
    Step,
    steps_of_person,
)
from remote_artwork.core.reasons import reason
from remote_artwork.core.review import files_digest
from remote_artwork.errors import LedgerError
from simulation.ledger import Database, wrote
from simulation.scheduler import Process, Scheduler
from simulation.shop import TENANT, Shop
from simulation.storage import Bucket

PRODUCTS = ("MUG", "POSTER")
LEASE_OF_A_PERSON = timedelta(minutes=1)


@define(eq=False)
class People:
    """A merchant and a clerk. Each action takes effect at once."""

    scheduler: Scheduler
    random: randomness.Random
    shop: Shop
    bucket: Bucket
    database: Database
    process: Process
    actions: tuple[Callable[["People"], object], ...] = ()
    pace: float = 0.0
    """The mean time between two actions, in seconds. Zero: whenever the scheduler chooses."""
    waits: bool = True
    """With a pace of zero, let up to 200 switch points pass before each action."""
    name_of: Callable[[ra.Order, ra.OrderItem], str] = lambda order, item: f"{order.number}_{item.number}.jpg"
    """The name of the file of an item."""
    _approvals: int = 0
    _twins: int = field(default=0, init=False)

    def act(self) -> None:
        """Do all actions, one after another."""
        for action in self.actions:
            if self.pace:
                self.scheduler.wait(self.random.expovariate(1 / self.pace))
            else:
                for _ in range(self.random.randrange(200) if self.waits else 1):
                    self.scheduler.switch_point()
            action(self)

    def _some_order(self, *states: ra.OrderState) -> ra.Order | None:
        found = [order for order in self.shop.orders.values() if order.state in states]
        at_work = [order for order in found if order.id == self._order_at_work()]
        return self.random.choice(at_work or found) if found else None

    def _order_at_work(self) -> str | None:
        """The order that something happened to last, half of the time; otherwise None."""
        last = next((event for event in reversed(self.database.history.events) if hasattr(event, "key")), None)
        return last.key.order_id if last is not None and self.random.random() < 0.5 else None

    def _some_name(self) -> str:
        order = self._some_order(*ra.OrderState)
        return self.random.choice([self.name_of(order, item) for item in order.items])

    def replace_file(self) -> None:
        """Upload another file under a name that has one, most often a good one."""
        self.bucket.put(self._some_name(), good=self.random.random() < 0.75)

    def delete_file(self) -> None:
        """Delete a file."""
        self.bucket.delete(self._some_name())

    def add_second_file(self) -> None:
        """Upload a second file for one item, in another format."""
        self.bucket.put(f"{self._some_name().rpartition('.')[0]}.png")

    def edit(self) -> None:
        """Change how many prints an order has."""
        if order := self._some_order(ra.OrderState.PENDING):
            items = [evolve(item, quantity=item.quantity + 1) for item in order.items]
            self.shop.put(evolve(order, items=items), f"edited order {order.id}")

    def change_product(self) -> None:
        """Change what an order is for. Nothing but the SKUs of its items shows it."""
        if order := self._some_order(ra.OrderState.PENDING):
            items = [evolve(item, sku=PRODUCTS[item.sku == PRODUCTS[0]]) for item in order.items]
            self.shop.put(evolve(order, items=items), f"changed the products of order {order.id}")

    def cancel(self) -> None:
        """Cancel an order."""
        if order := self._some_order(ra.OrderState.PENDING):
            self.shop.put(evolve(order, state=ra.OrderState.CANCELLED), f"cancelled order {order.id}")

    def approve_again(self) -> None:
        """Approve an order once more, whatever its state is."""
        if order := self._some_order(*ra.OrderState):
            self._approvals += 1
            again = evolve(
                order, state=ra.OrderState.PENDING, approval=f"again {self._approvals}", fulfillment_key=None
            )
            self.shop.put(again, f"approved order {order.id} again: {again.approval}")

    def print_by_hand(self) -> None:
        """Fulfill an order without the library."""
        if order := self._some_order(ra.OrderState.PENDING):
            self.shop.put(evolve(order, state=ra.OrderState.FULFILLED), f"fulfilled order {order.id} by hand")

    def add_order_with_same_number(self) -> None:
        """Approve another order with a number that is in use."""
        if order := self._some_order(*ra.OrderState):
            self._twins += 1
            twin = evolve(
                order, id=f"twin-{self._twins}", state=ra.OrderState.PENDING, approval="", fulfillment_key=None
            )
            self.shop.put(twin, f"approved order {twin.id} with the number {twin.number}")

    def give_number_to_another_order(self) -> None:
        """Cancel an order, and approve another one with its number."""
        if order := self._some_order(ra.OrderState.PENDING):
            self.shop.put(evolve(order, state=ra.OrderState.CANCELLED), f"cancelled order {order.id}")
            self._twins += 1
            twin = ra.Order(order.number, order.items, id=f"twin-{self._twins}")
            self.shop.put(twin, f"approved order {twin.id} with the number {twin.number}")

    def end_edit(self) -> None:
        """Close the edit of an order that a call of the library left open."""
        if order := self._some_order(ra.OrderState.OTHER):
            self.shop.put(evolve(order, state=ra.OrderState.PENDING), f"ended the edit of order {order.id}")

    def resolve(self) -> None:
        """Record what became of an order with an unknown outcome, as ``remote-artwork ledger resolve`` does."""
        if unresolved := self.database.rules.find(TENANT, unresolved=True):
            self.resolve_order(self.random.choice(unresolved))

    def resolve_order(self, record: OrderRecord) -> bool:
        """Record the truth about one order. Returns False if it is too early, or a scan holds the order."""
        return self._write(record, self._steps_of) is not None

    def accept(self) -> None:
        """Accept the files of an order that waits for it, as ``remote-artwork accept`` does."""
        if waiting := [record for record in self.database.rules.find(TENANT) if self._awaits_review(record)]:
            self._accept_order(self.random.choice(waiting))

    def accept_all(self) -> None:
        """Accept the files of all orders that wait for it."""
        for record in self.database.rules.find(TENANT):
            if self._awaits_review(record):
                self._accept_order(record)

    def _awaits_review(self, record: OrderRecord) -> bool:
        """Whether a person sees the files of the request. Those of an order may have been replaced since."""
        shown = files_digest({number: row.files for number, row in record.items.items()})
        return record.review_files == shown and not record.accepted_by

    def _accept_order(self, record: OrderRecord) -> None:
        digest = record.review_files

        def steps_of(now: OrderRecord) -> tuple[Step, ...]:
            return (ReviewStep(files=digest, accepted_by="clerk"),) if now.review_files == digest else ()

        if self._write(record, steps_of):
            files = [file for row in record.items.values() for file in row.files]
            contents = {file.name: self.bucket.uploads[int(file.etag.strip('"')) - 1].content for file in files}
            self.database.history.add(Accepted(self.scheduler.now, self.process.name, record.key, contents))

    def _write(
        self, record: OrderRecord, steps_of: Callable[[OrderRecord], tuple[Step, ...]]
    ) -> tuple[Step, ...] | None:
        """Write what a person says about one order. Returns the steps; None if there are none."""
        key, rules = record.key, self.database.rules
        lease = claim_one(rules, key, order_number=record.order_number, owner="a person", lease_for=LEASE_OF_A_PERSON)
        if lease is None:
            return None
        now = self.scheduler.now
        until = now + LEASE_OF_A_PERSON.total_seconds()
        self.database.history.add(Claimed(now, self.process.name, key, lease.epoch, until))
        steps = steps_of(lease.record)
        try:
            advance_one(rules, lease, steps, release=True)
        except LedgerError as error:
            raise AssertionError(f"a person could not write: {error}") from error
        self.database.history.add(wrote(now, self.process.name, lease, steps, release=True))
        return steps or None

    def clean_up(self) -> None:
        """Bring every order to where a scan can finish it.

        Resolve what needs a person, end open edits, cancel orders with a number that is in use, and upload one good
        file for each item.
        """
        for state in sorted(UNRESOLVED_STATES):
            for record in self.database.rules.find(TENANT, state=state):
                self.resolve_order(record)
        for order in list(self.shop.orders.values()):
            if order.state is ra.OrderState.OTHER:
                self.shop.put(evolve(order, state=ra.OrderState.PENDING), f"ended the edit of order {order.id}")
        for order in self.shop.pending():
            if order.id != order.number:
                self.shop.put(evolve(order, state=ra.OrderState.CANCELLED), f"cancelled order {order.id}")
        for name in [name for name in self.bucket.current if name.endswith(".png")]:
            self.bucket.delete(name)
        for order in self.shop.pending():
            for item in order.items:
                self.bucket.put(self.name_of(order, item))

    def _steps_of(self, record: OrderRecord) -> tuple[Step, ...]:
        fulfilled = self._is_fulfilled(record.key)
        in_flight = bool(record.remaining_call_time) and not fulfilled
        if not record.is_unresolved or in_flight:
            return ()
        because = reason("resolved_by_person", person="clerk")
        return steps_of_person(record, fulfilled=fulfilled, person="clerk", because=because)

    def _is_fulfilled(self, key: OrderKey) -> bool:
        """What the clerk finds in the shop, which keeps a list of all fulfillments."""
        order = self.shop.orders[key.order_id]
        by_hand = order.state is ra.OrderState.FULFILLED and order.approval == key.approval
        return by_hand or key.fulfillment_key in self.shop.receipts


ACTIONS: tuple[Callable[[People], object], ...] = (
    People.replace_file,
    People.replace_file,
    People.delete_file,
    People.add_second_file,
    People.edit,
    People.cancel,
    People.approve_again,
    People.print_by_hand,
    People.add_order_with_same_number,
    People.give_number_to_another_order,
    People.resolve,
    People.end_edit,
)
