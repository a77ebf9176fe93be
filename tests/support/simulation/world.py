"""One run of the simulation: everything in it follows from its seed."""

import logging
import random as randomness
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from attrs import define, field

import remote_artwork as ra
from history import PERSON, History
from invariants import violations
from simulation.faults import Faults, Profile
from simulation.ledger import Database, LedgerConnection
from simulation.people import ACTIONS, People
from simulation.scheduler import Process, Scheduler, SimulatedRuntime, Task
from simulation.shop import Shop, ShopClient
from simulation.storage import EPOCH, Bucket, ContentCheck, SimulatedStorage
from simulation.truth import unfinished_orders, untrue_outcomes

MOST_SUCCESSORS = 2
"""Processes that start in place of those that died, in one run."""
LONG_ENOUGH = 3600.0
"""Seconds after which every lease has ended, and every call."""


@define(eq=False)
class World:
    """Scanners, people, shop, storage and ledger of one run.

    Args:
        seed: Decides everything.
        profile: What may go wrong; by default by the seed.
        choose: Decides which task goes on; by default by the seed.
    """

    seed: int
    random: randomness.Random = field(init=False)
    profile: Profile = field(init=False)
    history: History = field(factory=History, init=False)
    scheduler: Scheduler = field(init=False)
    faults: Faults = field(init=False)
    database: Database = field(init=False)
    bucket: Bucket = field(init=False)
    shop: Shop = field(init=False)
    people: People = field(init=False)
    network: Process = field(factory=lambda: Process("network"), init=False)
    policy: ra.Policy = field(init=False)
    found: list[str] = field(factory=list, init=False)
    _scanners: int = 0

    def __attrs_post_init__(self) -> None:
        self.random = draw = randomness.Random(self.seed)
        self.profile = Profile.drawn(draw)
        self.scheduler = Scheduler(partial(choose_at_random, draw, self.profile.keep))
        self.faults = Faults(self.scheduler, self.history, draw, self.profile)
        self.database = Database(self.scheduler, self.history)
        self.bucket = Bucket(self.scheduler, self.history, versioned=draw.random() < 0.4)
        recovery = draw.choice(list(ra.Recovery))
        self.shop = Shop(
            self.scheduler,
            self.history,
            self.bucket,
            recovery=recovery,
            attaching=draw.choice(list(ra.Attaching)),
            careless=recovery is ra.Recovery.QUERYABLE and draw.random() < 0.7,
            shows_key=draw.random() < 0.5,
        )
        actions = draw.choices(ACTIONS, k=draw.choice((0, 0, 1, 2, 3)))
        self.people = People(
            self.scheduler,
            draw,
            self.shop,
            self.bucket,
            self.database,
            Process(PERSON),
            tuple(actions),
            pace=draw.choice((0.0, 1.0, 60.0)),
        )
        self.policy = ra.Policy(fulfill=draw.choice(("when_complete", "when_complete", "per_item")))
        self._open_the_shop()

    def _open_the_shop(self) -> None:
        draw = self.random
        for number in range(1001, 1001 + draw.choice((2, 2, 2, 3, 4, 6))):
            count = 1 if draw.random() < 0.75 else 2
            self.shop.put(
                ra.Order(str(number), [ra.OrderItem(str(item)) for item in range(1, count + 1)]),
                f"approved order {number}",
            )
            for item in range(1, count + 1):
                if draw.random() < 0.95:
                    self.bucket.put(f"{number}_{item}.jpg", good=draw.random() < 0.95)

    def start_scanner(self, *, passes: int = 1, delay: float = 0.0) -> Task:
        """Start a process that scans so many times."""
        self._scanners += 1
        draw = self.random
        process = Process(
            f"scanner-{self._scanners}",
            monotonic_offset=draw.uniform(0, 1e6),
            wall_skew=draw.choice((0.0, -300.0, 7200.0)) if self.faults.active else 0.0,
        )

        def scan_all() -> None:
            if delay:
                self.scheduler.wait(delay)
            scanner = self.scanner(process)
            for _ in range(passes):
                report = scanner.scan()
                self.reports.append(report)
                self.scheduler.switch_point()

        return self.scheduler.spawn(process, "scan", scan_all)

    reports: list[ra.ScanReport] = field(factory=list, init=False)

    def scanner(self, process: Process) -> ra.Scanner:
        """The scanner of one process, with connections of its own."""
        runtime = SimulatedRuntime(self.scheduler, process)
        retry = ra.RetryPolicy(sleep=runtime.sleep)
        return ra.Scanner(
            SimulatedStorage(self.bucket, process, self.faults, retry),
            ShopClient(self.shop, process, self.faults, self.network),
            ledger=LedgerConnection(self.database, process, self.faults),
            policy=self.policy,
            checks=[ContentCheck(self.history, self.scheduler, process)],
            retry=retry,
            clock=partial(self._wall_clock, process),
        )

    def _wall_clock(self, process: Process) -> datetime:
        return EPOCH + timedelta(seconds=self.scheduler.now + process.wall_skew)

    def run(self) -> list[str]:
        """Run to the end, and return what must not have happened."""
        with quiet(self.seed):
            draw = self.random
            tasks = [
                self.start_scanner(passes=draw.choice((1, 1, 2)), delay=draw.choice((0.0, 0.0, 1.0, 100.0)))
                for _ in range(draw.choice((2, 2, 3)))
            ]
            if self.people.actions:
                tasks.append(self.scheduler.spawn(self.people.process, "person", self.people.act))
            self._go(tasks)
            for _ in range(MOST_SUCCESSORS):
                if any(task.process.dead for task in tasks) and draw.random() < 0.5:
                    tasks = [self.start_scanner()]
                    self._go(tasks)
            self.faults.active = False
            self._come_to_an_end()
        self.found += violations(self.history, versioned=self.bucket.versioned)
        return self.found

    def _go(self, tasks: list[Task]) -> None:
        try:
            self.scheduler.run()
        except AssertionError as failure:
            self.found.append(f"{type(failure).__name__}: {failure}")
        for task in tasks:
            if task.error is not None:
                self.found.append(f"{task.process.name} raised {type(task.error).__name__}: {task.error}")

    def _come_to_an_end(self) -> None:
        """Without faults, scans go on until nothing changes. Then each order has its end, or a true reason."""
        for _ in range(2):
            self.scheduler.now += LONG_ENOUGH
            self._go([self.start_scanner()])
        if not self.found:
            self.found += untrue_outcomes(self)
        self.people.clean_up()
        for _ in range(2):
            self.scheduler.now += LONG_ENOUGH
            self._go([self.start_scanner()])
        if not self.found:
            self.found += unfinished_orders(self)

    def trace(self) -> str:
        """Everything that happened, for a person."""
        shop = self.shop
        lines = [
            f"seed {self.seed}: {shop.recovery}{' (careless)' if shop.careless else ''}, attaching {shop.attaching}",
            f"{'versions' if self.bucket.versioned else 'no versions'}, {self.policy.fulfill}, {self.profile}",
            self.history.render(),
            *self.found,
            f"Run it again: python -m pytest tests/crash/test_simulation.py --seed {self.seed}",
        ]
        return "\n".join(lines)


def choose_at_random(draw: randomness.Random, keep: float, ready: list[Task], current: Task | None) -> Task:
    """The current task, or any other."""
    if current is not None and draw.random() < keep:
        return current
    return ready[int(draw.random() * len(ready))]


@contextmanager
def quiet(seed: int) -> Iterator[None]:
    """No log, and the random numbers of the library by the seed, too."""
    state = randomness.getstate()
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    randomness.seed(seed)
    try:
        yield
    finally:
        randomness.setstate(state)
        logging.disable(before)
