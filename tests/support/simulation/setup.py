"""What one run of the simulation is about, as plain data: drawn by a seed, or written down."""

import random as randomness
from collections.abc import Callable

from attrs import frozen

import remote_artwork as ra
from simulation.faults import NO_FAULTS, Profile
from simulation.people import ACTIONS, People

LONG_ENOUGH = 3600.0
"""Seconds after which every lease has ended, and every call."""


@frozen(kw_only=True)
class ScannerSetup:
    """A process that scans.

    Args:
        delay: Seconds until it starts.
        pauses: Seconds between two of its scans, one for each but the last.
        wall_skew: Seconds by which its wall clock is wrong.
        monotonic_offset: What its monotonic clock shows at the start.
    """

    delay: float = 0.0
    pauses: tuple[float, ...] = ()
    wall_skew: float = 0.0
    monotonic_offset: float = 0.0

    @classmethod
    def drawn(cls, draw: randomness.Random) -> "ScannerSetup":
        """A process by the seed."""
        return cls(
            delay=draw.choice((0.0, 0.0, 1.0, 100.0)),
            pauses=tuple(draw.choices((0.0, 1.0, 10.0, 100.0), k=draw.randrange(4))),
            wall_skew=draw.choice((0.0, -300.0, 7200.0)),
            monotonic_offset=draw.uniform(0, 1e6),
        )


@frozen(kw_only=True)
class Setup:
    """One run.

    Args:
        profile: What may go wrong.
        recovery: What a repeated ``fulfill`` of the shop does.
        attaching: How the client attaches artwork.
        careless: A ``QUERYABLE`` shop that prints a fulfilled order again. It promises no more than ``get_order``.
        edits_orders: Whether an attach call moves the order to another state, until its answer has arrived.
        shows_key: Whether the shop shows the idempotency key of a fulfillment.
        shows_effect_after: Seconds after which the shop shows the effect of a call. Only one with ``NONE`` takes any.
        versioned: Whether the storage keeps versions.
        lists_tell_all: Whether a listing shows all that a lookup does.
        fulfill: The policy: ``when_complete`` or ``per_item``.
        review: The policy: whether a person must accept the files of an order.
        reuse: The policy: whether one file serves every order of a product. There are two products then.
        workers: ``Scanner(orders_at_once=…)``.
        concurrent_calls: How many calls of the client may run at once.
        orders: The number of items of each order.
        missing: Positions of files that are not there in the beginning, counted over all items.
        bad: Positions of files that no check accepts.
        scanners: The processes.
        actions: What people do meanwhile.
        pace: The mean time between two actions, in seconds. Zero: whenever the scheduler chooses.
        waits_before_actions: With a pace of zero, let up to 200 switch points pass before each action.
    """

    profile: Profile = NO_FAULTS
    recovery: ra.Recovery = ra.Recovery.QUERYABLE
    attaching: ra.Attaching = ra.Attaching.SEPARATE
    careless: bool = False
    edits_orders: bool = False
    shows_key: bool = False
    shows_effect_after: float = 0.0
    versioned: bool = False
    lists_tell_all: bool = False
    fulfill: str = "when_complete"
    review: bool = False
    reuse: bool = False
    workers: int = 1
    concurrent_calls: int = 1
    orders: tuple[int, ...] = (1,)
    missing: frozenset[int] = frozenset()
    bad: frozenset[int] = frozenset()
    scanners: tuple[ScannerSetup, ...] = (ScannerSetup(), ScannerSetup())
    actions: tuple[Callable[[People], object], ...] = ()
    pace: float = 0.0
    waits_before_actions: bool = True

    def name_of(self, order: ra.Order, item: ra.OrderItem) -> str:
        """The name of the file of an item."""
        return f"{item.sku}.jpg" if self.reuse else f"{order.number}_{item.number}.jpg"

    @classmethod
    def drawn(cls, draw: randomness.Random) -> "Setup":
        """A run by the seed."""
        recovery = draw.choice(list(ra.Recovery))
        orders = tuple(draw.choices((1, 1, 1, 2), k=draw.choice((2, 2, 2, 3, 4, 6))))
        return cls(
            profile=Profile.drawn(draw),
            recovery=recovery,
            attaching=draw.choice(list(ra.Attaching)),
            careless=recovery is ra.Recovery.QUERYABLE and draw.random() < 0.7,
            edits_orders=draw.random() < 0.3,
            shows_key=draw.random() < 0.5,
            shows_effect_after=draw.choice((0.0, 2 * LONG_ENOUGH)) if recovery is ra.Recovery.NONE else 0.0,
            versioned=draw.random() < 0.4,
            lists_tell_all=draw.random() < 0.25,
            fulfill=draw.choice(("when_complete", "when_complete", "per_item")),
            workers=draw.choice((1, 4, 4, 16)),
            concurrent_calls=draw.choice((1, 4, 16)),
            orders=orders,
            missing=frozenset(position for position in range(sum(orders)) if draw.random() < 0.05),
            bad=frozenset(position for position in range(sum(orders)) if draw.random() < 0.05),
            scanners=tuple(ScannerSetup.drawn(draw) for _ in range(draw.choice((2, 2, 3)))),
            actions=tuple(draw.choices(ACTIONS, k=draw.choice((0, 0, 1, 2, 3)))),
            pace=draw.choice((0.0, 0.0, 1.0, 10.0, 60.0)),
        )
