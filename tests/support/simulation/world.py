"""One run of the simulation. All of it follows from its setup, its random numbers, and the scheduler's choices."""

import logging
import random as randomness
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from attrs import define, evolve, field

import remote_artwork as ra
from history import PERSON, History
from invariants import violations
from simulation.faults import Faults
from simulation.ledger import Database, LedgerConnection
from simulation.people import PRODUCTS, People
from simulation.scheduler import Chooser, Process, Scheduler, SimulatedRuntime, Task
from simulation.setup import LONG_ENOUGH, ScannerSetup, Setup
from simulation.shop import Shop, ShopClient
from simulation.storage import EPOCH, Bucket, BucketBackend, ContentCheck, SimulatedStorage
from simulation.truth import silent_replacements, unfinished_orders, untrue_outcomes

MOST_SUCCESSORS = 2
"""Processes that start in place of those that died, in one run."""


@define(eq=False)
class World:
    """Scanners, people, shop, storage and ledger of one run.

    Args:
        setup: What the run is about.
        random: Decides where faults strike, and everything else that is left open.
        choose: Decides which task goes on.
        on_end: Called when the processes of the setup have ended.
    """

    setup: Setup
    random: randomness.Random
    choose: Chooser
    on_end: Callable[[], object] = lambda: None
    history: History = field(factory=History, init=False)
    scheduler: Scheduler = field(init=False)
    faults: Faults = field(init=False)
    database: Database = field(init=False)
    bucket: Bucket = field(init=False)
    shop: Shop = field(init=False)
    people: People = field(init=False)
    network: Process = field(factory=lambda: Process("network"), init=False)
    reports: list[tuple[str, ra.ScanReport]] = field(factory=list, init=False)
    found: list[str] = field(factory=list, init=False)
    _scanners: int = field(default=0, init=False)

    @classmethod
    def of_seed(cls, seed: int, **given: Any) -> "World":
        """The run of one seed; ``given`` fixes fields of its setup."""
        draw = randomness.Random(seed)
        setup = evolve(Setup.drawn(draw), **given)
        return cls(setup, draw, partial(choose_at_random, draw, setup.profile.keep))

    def __attrs_post_init__(self) -> None:
        setup = self.setup
        self.scheduler = Scheduler(self.choose)
        self.faults = Faults(self.scheduler, self.history, self.random, setup.profile)
        self.database = Database(self.scheduler, self.history)
        self.bucket = Bucket(self.scheduler, self.history, versioned=setup.versioned)
        self.shop = Shop(
            self.scheduler,
            self.history,
            self.bucket,
            recovery=setup.recovery,
            attaching=setup.attaching,
            careless=setup.careless,
            edits_orders=setup.edits_orders,
            shows_key=setup.shows_key,
            shows_effect_after=setup.shows_effect_after,
        )
        self.people = People(
            self.scheduler,
            self.random,
            self.shop,
            self.bucket,
            self.database,
            Process(PERSON),
            actions=setup.actions,
            pace=setup.pace,
            waits=setup.waits_before_actions,
            name_of=setup.name_of,
        )
        self._open_the_shop()

    def _open_the_shop(self) -> None:
        position = 0
        for number, count in enumerate(self.setup.orders, start=1001):
            items = [ra.OrderItem(str(item), sku=PRODUCTS[(number + item) % 2]) for item in range(1, count + 1)]
            order = ra.Order(str(number), items)
            self.shop.put(order, f"approved order {number}")
            for item in items:
                if position not in self.setup.missing:
                    self.bucket.put(self.setup.name_of(order, item), good=position not in self.setup.bad)
                position += 1

    def run(self) -> list[str]:
        """Run to the end, and return what must not have happened."""
        with quiet(self.random):
            tasks = [self._start_scanner(scanner) for scanner in self.setup.scanners]
            if self.people.actions:
                tasks.append(self.scheduler.spawn(self.people.process, "person", self.people.act))
            self._go(tasks)
            for _ in range(MOST_SUCCESSORS):
                if any(task.process.dead for task in tasks) and self.random.random() < 0.5:
                    tasks = [self._start_scanner(ScannerSetup())]
                    self._go(tasks)
            self.faults.active = False
            self.on_end()
            self._come_to_an_end()
        self.found += violations(
            self.history, versioned=self.bucket.versioned, review=self.setup.review, reuse=self.setup.reuse
        )
        self.found += silent_replacements(self)
        return self.found

    def _start_scanner(self, scanner: ScannerSetup) -> Task:
        self._scanners += 1
        process = Process(f"scanner-{self._scanners}", scanner.monotonic_offset, scanner.wall_skew)

        def scan_all() -> None:
            if scanner.delay:
                self.scheduler.wait(scanner.delay)
            real = self._scanner(process)
            self.reports.append((process.name, real.scan()))
            for pause in scanner.pauses:
                self.scheduler.wait(pause)
                self.reports.append((process.name, real.scan()))

        return self.scheduler.spawn(process, "scan", scan_all)

    def _scanner(self, process: Process) -> ra.Scanner:
        """The scanner of one process, with connections of its own."""
        setup = self.setup
        runtime = SimulatedRuntime(self.scheduler, process)
        retry = ra.RetryPolicy(sleep=runtime.sleep)
        return ra.Scanner(
            SimulatedStorage(
                BucketBackend(self.bucket, process, self.faults, setup.lists_tell_all),
                retry,
                concurrent_reads=setup.workers > 1,
            ),
            ShopClient(self.shop, process, self.faults, self.network, concurrent_calls=setup.concurrent_calls),
            ledger=LedgerConnection(self.database, process, self.faults),
            pattern="{sku}" if setup.reuse else ra.FilenamePattern(),
            policy=ra.Policy(fulfill=setup.fulfill, review=setup.review, reuse=setup.reuse),
            checks=[ContentCheck(self.history, self.scheduler, process)],
            retry=retry,
            clock=partial(self._wall_clock, process),
            runtime=runtime,
            orders_at_once=setup.workers,
        )

    def _wall_clock(self, process: Process) -> datetime:
        return EPOCH + timedelta(seconds=self.scheduler.now + process.wall_skew)

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
        self._scan_alone(2)
        if not self.found:
            self.found += untrue_outcomes(self)
        self.people.clean_up()
        if self.setup.review:
            self._scan_alone(1)
            self.people.accept_all()
        self._scan_alone(2)
        if not self.found:
            self.found += unfinished_orders(self)

    def _scan_alone(self, times: int) -> None:
        for _ in range(times):
            self.scheduler.now += LONG_ENOUGH
            self._go([self._start_scanner(ScannerSetup())])

    def trace(self) -> str:
        """Everything that happened, for a person."""
        return "\n".join([str(self.setup), self.history.render(), *self.found])


def choose_at_random(draw: randomness.Random, keep: float, ready: list[Task], current: Task | None) -> Task:
    """The current task, or any other."""
    if current is not None and draw.random() < keep:
        return current
    return ready[int(draw.random() * len(ready))]


@contextmanager
def quiet(draw: randomness.Random) -> Iterator[None]:
    """No log, and the random numbers of the library come from the run, too."""
    state, before = randomness.getstate(), logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    randomness.seed(draw.random())
    try:
        yield
    finally:
        randomness.setstate(state)
        logging.disable(before)
