"""How the calls per second of one shop API are divided among the processes that call it.

A call occupies a *place* from its start until a second after the shop has counted it. There are as many places as calls
per second. As long as no process uses more places than it has, no second has more calls than the shop allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from typing import Any, Self
from zlib import crc32

from attrs import asdict, evolve, frozen

__all__ = ["CallDemand", "CallShare", "Holding", "divide_calls"]

BLOCK = 1.0
"""Seconds for which a share is leased."""
RENEW_AFTER = 0.75
"""Seconds after which a process renews its share."""
ASK_AGAIN_AFTER = 0.2
"""Seconds after which a process asks again for places that another one is about to give back."""
LONGEST_HOLD = 300.0
"""Seconds. A share that ends later than this is void: the clock of the database was set back."""


@frozen(kw_only=True)
class CallDemand:
    """What one process needs.

    Args:
        holder: The process. Unique among all that share the API.
        limit: How many places there are. All processes have the same number.
        wanted: How many places its calls wait for or occupy.
        busy: How many places they occupy. It keeps them in any case.
        busy_for: Seconds until none of these is occupied any more; unknown for calls that run.
        unit: How many places the calls of one turn need at once.
        tenants: How many tenants wait for places.
        hold_for: Seconds until its calls have left their places if it stops using the share in time.
    """

    holder: str
    limit: int
    wanted: int
    busy: int
    busy_for: float
    unit: int
    tenants: int
    hold_for: float


@frozen(kw_only=True)
class CallShare:
    """What one process may use for a second.

    Args:
        places: How many places its calls may occupy.
        ask_after: Seconds after which it asks again if it has calls.
    """

    places: int
    ask_after: float


@frozen(kw_only=True)
class Holding:
    """What is stored for one process.

    Args:
        places: The places that nobody else may use.
        wanted: As in ``CallDemand``.
        tenants: As in ``CallDemand``.
        until: When the places are free if the process does not ask again, by the clock of the store.
        served_at: When it received places last.
    """

    places: int
    wanted: int
    tenants: int
    until: float
    served_at: float

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of ``to_dict``."""
        return cls(**data)


def divide_calls(
    holdings: Mapping[str, Holding], demand: CallDemand, now: float
) -> tuple[dict[str, Holding], CallShare]:
    """Give one process its share. The store replaces the holdings in the transaction that read them.

    Places are divided evenly among the tenants that wait for them. A process gets those that are free now, and the rest
    as soon as others have given them back. If there are too few for all, the processes take turns.

    Args:
        holdings: What is stored, by holder.
        demand: What the process needs.
        now: The time by the clock of the store, in seconds.

    Returns:
        What is to be stored, and the share.
    """
    others = {
        holder: holding
        for holder, holding in holdings.items()
        if holder != demand.holder and now < holding.until <= now + LONGEST_HOLD
    }
    before = holdings.get(demand.holder)
    unit = min(demand.unit, demand.limit)
    own = Holding(
        places=demand.busy,
        wanted=demand.wanted,
        tenants=demand.tenants,
        until=now + demand.hold_for,
        served_at=before.served_at if before else 0.0,
    )
    entitled = _entitled({**others, demand.holder: own}, limit=demand.limit, unit=unit, now=now)[demand.holder]
    if demand.wanted <= demand.busy:  # no call waits
        places, own = 0, evolve(own, until=now + min(demand.busy_for, demand.hold_for))
    else:
        free = min(entitled, demand.limit - sum(holding.places for holding in others.values()))
        places = free if free >= unit else 0
    own = evolve(own, places=max(places, demand.busy), served_at=now if places else own.served_at)
    ask_soon = places < min(entitled, demand.wanted) or demand.busy > places
    share = CallShare(places=places, ask_after=ASK_AGAIN_AFTER if ask_soon else RENEW_AFTER)
    return (others | {demand.holder: own} if own.wanted or own.places else others), share


def _entitled(holdings: Mapping[str, Holding], *, limit: int, unit: int, now: float) -> dict[str, int]:
    """The places that each process should have.

    First each gets the places for one turn. If there are too few for all, those come first that waited longest. Then
    the places for further turns are added, evenly by tenants: first what is wanted, then what is left over. Those that
    have what they want get nothing of that.
    """
    entitled = dict.fromkeys(holdings, 0)
    left = limit
    waiting = [holder for holder, holding in holdings.items() if holding.wanted]
    for holder in sorted(waiting, key=lambda holder: (holdings[holder].served_at, holder)):
        if left >= unit:
            entitled[holder] = unit
            left -= unit

    def rank(holder: str) -> tuple[float, int]:
        # Who comes first among equals changes every minute, and not more often, because each change costs calls.
        return (entitled[holder] + unit) / max(holdings[holder].tenants, 1), crc32(f"{now // 60} {holder}".encode())

    def add(step: int, most: Mapping[str, int], left: int) -> int:
        queue = [(*rank(holder), holder) for holder in most if entitled[holder] < most[holder]]
        heapify(queue)
        while queue and left >= step:
            *_, holder = heappop(queue)
            entitled[holder] += step
            left -= step
            if entitled[holder] < most[holder]:
                heappush(queue, (*rank(holder), holder))
        return left

    wanted = {holder: holdings[holder].wanted for holder in waiting if entitled[holder]}
    left = add(unit, wanted, left)
    add(1, {holder: limit for holder in wanted if wanted[holder] > holdings[holder].places}, left)
    return entitled
