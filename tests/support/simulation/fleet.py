"""A fleet of merchants in virtual time: the real ``fleet`` and ``Scanner``, with simulated storages and shops."""

import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from unittest.mock import patch

from attrs import define, evolve, field, frozen
from fsspec.implementations.memory import MemoryFileSystem

import remote_artwork as ra
from remote_artwork.client import RequestLimiter
from remote_artwork.core.expected import SearchQuery, split_extension
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.core.skip_scan import Request
from remote_artwork.errors import FileGone, StorageDenied, StorageUnreachable
from remote_artwork.fleet import (
    MemoryMerchantStore,
    PassResult,
    PassStatus,
    StorageBudget,
    batches,
    scan_merchant,
    slot,
)
from remote_artwork.storage import request_time
from remote_artwork.storage.backends import listing
from remote_artwork.storage.reader import FilePart
from simulation.scheduler import Process, Scheduler, SimulatedCondition, SimulatedRuntime

T = TypeVar("T")

START = datetime(2030, 1, 1, tzinfo=UTC)
TICK = 60.0
CONTENT = b"%PDF-1.7\n% a print file\n%%EOF\n"
BROKEN = ("dead endpoint", "wrong keys", "hanging endpoint", "a million unmatched files")
ODD_FILES = 1_000_000
PAGE = 1000
CONNECT_TIMEOUT, READ_TIMEOUT = ra.NetworkPolicy().connect_timeout, ra.NetworkPolicy().read_timeout


@frozen(kw_only=True)
class Setup:
    """What is simulated.

    Args:
        merchants: How many merchants there are.
        broken: The share of them that is broken, each kind alike.
        hours: How long the fleet runs.
        processes: Worker processes.
        threads: Threads of each.
        endpoints: Storage endpoints, each for a part of the merchants.
        in_flight: The budget of one process at one endpoint.
        new_orders: The share of merchants that get an order with its file in an hour.
        connecting: Seconds to connect to a storage or a shop.
        listing: Mean seconds of a request to a storage.
        shop_list: Mean seconds to list the pending orders.
        shop_call: Mean seconds of another call of a shop.
        seed: For the times.
    """

    merchants: int = 10_000
    broken: float = 0.01
    hours: int = 24
    processes: int = 4
    threads: int = 4
    endpoints: int = 8
    in_flight: int = 2
    new_orders: float = 0.1
    connecting: float = 0.15
    listing: float = 0.1
    shop_list: float = 0.5
    shop_call: float = 0.3
    seed: int = 1

    @property
    def seconds(self) -> float:
        """How long the fleet runs."""
        return self.hours * 3600.0


@define
class Merchant:
    """A merchant: the kind of its storage, its orders and its files."""

    id: str
    kind: str
    endpoint: str
    ledger: ra.MemoryLedger
    orders: dict[str, ra.Order] = field(factory=dict)
    files: set[str] = field(factory=set)
    passes: list[tuple[float, float, PassResult]] = field(factory=list)
    """Start and end of each pass, and its result."""

    def add_order(self, number: str, *, has_file: bool) -> None:
        """A customer places an order, and the merchant may upload its file."""
        self.orders[number] = ra.Order(number, [ra.OrderItem("1")])
        if has_file:
            self.files.add(f"{number}_1.pdf")


@define(eq=False)
class FleetWorld:
    """The whole simulation."""

    setup: Setup
    scheduler: Scheduler = field(init=False)
    merchants: dict[str, Merchant] = field(init=False)
    store: MemoryMerchantStore = field(init=False)
    in_flight: Counter[tuple[str, str]] = field(factory=Counter, init=False)
    """(process, endpoint) → requests that run."""
    most_in_flight: Counter[str] = field(factory=Counter, init=False)
    """Endpoint → the most requests of one process that ran at once."""
    sent: Counter[tuple[str, str]] = field(factory=Counter, init=False)
    """(merchant, order) → how often it was fulfilled."""
    statuses: Counter[PassStatus] = field(factory=Counter, init=False)
    _random: random.Random = field(init=False)
    _queue: deque[tuple[float, list[str]]] = field(factory=deque, init=False)
    _changed: SimulatedCondition = field(init=False)
    _is_over: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        setup = self.setup
        self.scheduler = Scheduler(lambda ready, _: ready[0], only_requests=True, most_switches=10**12)
        self._random = random.Random(setup.seed)
        self._changed = SimulatedCondition(self.scheduler)
        self.store = MemoryMerchantStore(clock=self.clock)
        broken = round(setup.merchants * setup.broken)
        self.merchants = {}
        for number in range(setup.merchants):
            kind = BROKEN[number % len(BROKEN)] if number < broken else "healthy"
            merchant = Merchant(
                f"m-{number}", kind, f"endpoint {number % setup.endpoints}", ra.MemoryLedger(clock=self.clock)
            )
            merchant.add_order("1000", has_file=False)
            self.merchants[merchant.id] = merchant

    def clock(self) -> datetime:
        """The time."""
        return START + timedelta(seconds=self.scheduler.now)

    def pause(self, mean: float) -> None:
        """Wait for about this long, as for the answer of a server."""
        self.scheduler.wait(mean * self._random.uniform(0.5, 1.5))

    def run(self) -> None:
        """Run the fleet."""
        others = Process("others")
        self.scheduler.spawn(others, "tick", self._tick)
        self.scheduler.spawn(others, "customers", self._place_orders)
        for number in range(self.setup.processes):
            worker = _Worker(self, Process(f"worker {number}"))
            for thread in range(self.setup.threads):
                self.scheduler.spawn(worker.process, f"thread {thread}", worker.work)
        with (
            patch.object(request_time, "monotonic", lambda: self.scheduler.now),
            patch.object(listing, "_fetch", listing._fetch_in_turn),  # threads of the operating system know no greenlet
        ):
            self.scheduler.run()

    def _tick(self) -> None:
        beat = _Worker(self, Process("beat"))
        while self.scheduler.now < self.setup.seconds:
            with self._changed:
                for batch in batches(beat, self.store, size=20, clock=self.clock):
                    self._queue.append((self.scheduler.now + TICK, batch))
                self._changed.notify_all()
            self.scheduler.wait(TICK)
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _place_orders(self) -> None:
        healthy = [merchant for merchant in self.merchants.values() if merchant.kind == "healthy"]
        orders = round(self.setup.new_orders * len(healthy) * self.setup.hours)
        for number in range(orders):
            self.scheduler.wait(self.setup.seconds / orders)
            self._random.choice(healthy).add_order(str(2000 + number), has_file=True)

    def next_batch(self) -> list[str] | None:
        """The next batch of the queue; None at the end."""
        with self._changed:
            while True:
                while self._queue:
                    expires, batch = self._queue.popleft()
                    if self.scheduler.now < expires:
                        return batch
                if self._is_over:
                    return None
                self._changed.wait()

    # --- What was found ---

    def of_kind(self, *kinds: str) -> list[Merchant]:
        """The merchants of these kinds."""
        return [merchant for merchant in self.merchants.values() if merchant.kind in kinds]

    def seconds_of(self, *kinds: str) -> float:
        """The time that the workers spent on merchants of these kinds."""
        return sum(end - start for merchant in self.of_kind(*kinds) for start, end, _ in merchant.passes)

    def share_of_broken(self) -> float:
        """The share of the workers' time that broken merchants have cost."""
        broken = self.seconds_of(*BROKEN)
        return broken / (broken + self.seconds_of("healthy"))

    def missed_slots(self) -> list[str]:
        """The slots in which a healthy merchant was not scanned."""
        missed = []
        for merchant in self.of_kind("healthy"):
            starts = [start for start, _, _ in merchant.passes]
            first = slot(merchant.id).total_seconds()
            for number in range(self.setup.hours):
                at = first + number * 3600.0
                ends = at + 3600.0
                if ends <= self.setup.seconds and not any(at <= start < ends for start in starts):
                    missed.append(f"{merchant.id} at {at:.0f}")
        return missed

    def delays(self) -> list[float]:
        """For each pass of a healthy merchant after the first one: seconds from the slot to the pass."""
        return sorted(
            (start - slot(merchant.id).total_seconds()) % 3600.0
            for merchant in self.of_kind("healthy")
            for start, _, _ in merchant.passes[1:]
        )

    def probes(self) -> dict[str, list[int]]:
        """Merchant in quarantine → how many passes it had in each of its slots."""
        found = defaultdict(list)
        for merchant in self.of_kind(*BROKEN[:3]):
            first = slot(merchant.id).total_seconds()
            slots = Counter((start - first) // 3600.0 for start, _, _ in merchant.passes)
            found[merchant.id] = list(slots.values())
        return dict(found)


@define(eq=False)
class _Worker:
    """One process with its threads. It is the ``Merchants`` of this process."""

    world: FleetWorld
    process: Process
    runtime: SimulatedRuntime = field(init=False)
    budget: StorageBudget = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.runtime = SimulatedRuntime(self.world.scheduler, self.process)
        self.budget = StorageBudget(self.world.setup.in_flight, runtime=self.runtime)

    def work(self) -> None:
        """Scan the merchants of one batch after another."""
        while (batch := self.world.next_batch()) is not None:
            for merchant in batch:
                start = self.world.scheduler.now
                result = scan_merchant(merchant, self, self.world.store, runtime=self.runtime)
                self.world.statuses[result.status] += 1
                if result.status in (PassStatus.DONE, PassStatus.FAILED):
                    self.world.merchants[merchant].passes.append((start, self.world.scheduler.now, result))

    def ids(self) -> list[str]:
        """See ``Merchants``."""
        return list(self.world.merchants)

    def open(self, merchant: str) -> ra.Scanner:
        """See ``Merchants``."""
        found, runtime = self.world.merchants[merchant], self.runtime
        retry = ra.RetryPolicy(sleep=runtime.sleep)
        return ra.Scanner(
            _Storage(_Backend(self.world, found, self.process), retry, self.budget.tenant(merchant)),
            _Client(self.world, found),
            ledger=found.ledger,
            tenant=merchant,
            retry=retry,
            clock=self.world.clock,
            runtime=runtime,
            orders_at_once=1,
        )


@define(eq=False)
class _Backend:
    """The ``Backend`` of one merchant's bucket, which lists in order and can start after any name."""

    world: FleetWorld
    merchant: Merchant
    process: Process
    folder: str = ""
    is_connected: bool = False
    lister: listing.Lister = field(factory=listing.Lister)

    def pages(self, send: Callable) -> Iterator[Page]:
        """See ``Backend``."""
        return self.lister.pages(self, send)

    def search(self, query: SearchQuery, send: Callable) -> Iterator[Page]:
        """See ``Searcher``."""
        return self.lister.search(self, query, send)

    def siblings(self, basenames: Sequence[str], send: Callable) -> Iterator[Page]:
        """See ``Backend``."""
        return self.lister.siblings(self, basenames, send)

    def page(self, request: Request) -> Page:
        """See ``PageSource``."""
        with self._request():
            after = request.token or request.after
            names = [name for name in self._names(after, request.prefix) if name.startswith(request.prefix)]
        shown = names[:PAGE]
        return Page(shown, lambda i: _file(shown[i]), next_token=shown[-1] if len(names) > PAGE else None)

    def _names(self, after: str, prefix: str) -> list[str]:
        """At least one page of the names above one of them, sorted."""
        own = sorted(name for name in self.merchant.files if name > after and name.startswith(prefix))
        if self.merchant.kind != "a million unmatched files" or prefix:
            return own
        first = 0 if after < "odd" else int(split_extension(after)[0][4:]) + 1
        return own + [f"odd-{number:06}.jpg" for number in range(first, min(first + PAGE + 1, ODD_FILES))]

    def head(self, name: str) -> StoredFile:
        """See ``Backend``."""
        with self._request():
            if name not in self.merchant.files:
                raise FileGone(f"{name} is gone")
            return evolve(_file(name), listed=False)

    def get(self, file: StoredFile, start: int, end: int) -> FilePart:
        """See ``Backend``."""
        with self._request():
            return FilePart(content=CONTENT[start:end], file=evolve(file, listed=False))

    def url(self, file: StoredFile, _expires_in: timedelta) -> tuple[str, datetime | None]:
        """See ``Backend``."""
        return f"sim://{self.merchant.id}/{file.name}", None

    @contextmanager
    def _request(self) -> Iterator[None]:
        world, key = self.world, (self.process.name, self.merchant.endpoint)
        world.in_flight[key] += 1
        world.most_in_flight[self.merchant.endpoint] = max(
            world.most_in_flight[self.merchant.endpoint], world.in_flight[key]
        )
        try:
            self._travel()
            yield
        finally:
            world.in_flight[key] -= 1

    def _travel(self) -> None:
        world, setup = self.world, self.world.setup
        if self.merchant.kind == "dead endpoint":
            world.scheduler.wait(CONNECT_TIMEOUT)
            raise StorageUnreachable("no connection in time")
        if not self.is_connected:
            world.pause(setup.connecting)
            self.is_connected = True
        if self.merchant.kind == "hanging endpoint":
            world.scheduler.wait(READ_TIMEOUT)
            raise StorageUnreachable("no response in time")
        world.pause(setup.listing)
        if self.merchant.kind == "wrong keys":
            raise StorageDenied("the storage refuses the keys")


def _file(name: str) -> StoredFile:
    return StoredFile(name=name, size=len(CONTENT), etag='"1"', last_modified=START - timedelta(days=1), listed=True)


class _Storage(ra.ArtworkStorage):
    """The real storage of one scanner, in front of a simulated bucket."""

    def __init__(self, backend: _Backend, retry: ra.RetryPolicy, limiter: RequestLimiter) -> None:
        self._bucket_backend = backend
        super().__init__(_NO_FILES, "/", location=f"sim://{backend.merchant.id}", retry=retry, limiter=limiter)
        self._endpoint = backend.merchant.endpoint
        self.appear_whole = True
        self.concurrent_reads = False

    def _connect(self) -> None:
        super()._connect()
        self._connected = self._bucket_backend


_NO_FILES = MemoryFileSystem()


@define(eq=False)
class _Client:
    """The ``FulfillmentClient`` of one merchant's shop."""

    world: FleetWorld
    merchant: Merchant
    recovery: ra.Recovery = ra.Recovery.QUERYABLE
    attaching: ra.Attaching = ra.Attaching.WITH_FULFILL
    call_limit: timedelta = timedelta(minutes=2)

    def pending_orders(self) -> list[ra.Order]:
        """See ``FulfillmentClient``."""
        self.world.pause(self.world.setup.connecting)
        self.world.pause(self.world.setup.shop_list)
        return [order for order in self.merchant.orders.values() if order.state is ra.OrderState.PENDING]

    def get_order(self, order_id: str) -> ra.Order:
        """See ``FulfillmentClient``."""
        self.world.pause(self.world.setup.shop_call)
        return self.merchant.orders[order_id]

    def fulfill(self, order: ra.Order, _artworks: object, *, idempotency_key: str) -> None:
        """See ``FulfillmentClient``."""
        self.world.pause(self.world.setup.shop_call)
        self.world.sent[self.merchant.id, order.id] += 1
        done = evolve(order, state=ra.OrderState.FULFILLED, fulfillment_key=idempotency_key)
        self.merchant.orders[order.id] = done
