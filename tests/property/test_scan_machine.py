"""Each order is fulfilled once, although files change, orders are cancelled and approved again, and scanners crash."""

import hashlib

import pytest
from attrs import evolve
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import remote_artwork as ra
from crash_world import World
from invariants import violations
from remote_artwork.core.lifecycle import FulfillState
from remote_artwork.testing import Faults, Killed
from shop_files import JPEG

NUMBERS = ("1001", "1002", "1003")
NUMBER = st.sampled_from(NUMBERS)
MOMENT = st.sampled_from(["before", "after"])
SETTINGS = settings(
    deadline=None,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)


class ScanMachine(RuleBasedStateMachine):
    """A shop with three orders. Nothing changes during a scan, but it may crash at any call."""

    ledger: ra.SqlLedger
    world: World

    @initialize(recovery=st.sampled_from(list(ra.Recovery)), attaching=st.sampled_from(list(ra.Attaching)))
    def open(self, recovery: ra.Recovery, attaching: ra.Attaching) -> None:
        self.world = World.of(self.ledger, NUMBERS, recovery=recovery, attaching=attaching)
        self.contents = dict.fromkeys(NUMBERS, JPEG)
        self.approvals = 1

    def write(self, number: str, content: bytes | None) -> None:
        path = f"{self.world.root}/{number}_1.jpg"
        if content is not None:
            self.world.files.pipe(path, content)
        elif self.world.files.exists(path):
            self.world.files.rm(path)

    @rule(number=NUMBER, newer=st.integers(1, 3))
    def replace(self, number: str, newer: int) -> None:
        self.contents[number] = JPEG + b"newer" * newer
        self.write(number, self.contents[number])

    @rule(number=NUMBER)
    def spoil(self, number: str) -> None:
        self.write(number, JPEG[:200])

    @rule(number=NUMBER)
    def delete(self, number: str) -> None:
        self.write(number, None)

    @rule(number=NUMBER)
    def restore(self, number: str) -> None:
        self.write(number, self.contents[number])

    @rule(number=NUMBER)
    def cancel(self, number: str) -> None:
        if self.world.shop.orders[number].state is ra.OrderState.PENDING:
            self.world.shop.cancel(number)

    @rule(number=NUMBER)
    def approve_anew(self, number: str) -> None:
        self.approvals += 1
        order = self.world.shop.orders[number]
        self.world.shop.put(
            evolve(order, state=ra.OrderState.PENDING, approval=str(self.approvals), fulfillment_key=None)
        )

    @rule(number=NUMBER, quantity=st.integers(1, 3))
    def edit(self, number: str, quantity: int) -> None:
        order = self.world.shop.orders[number]
        if order.state is ra.OrderState.PENDING:
            self.world.shop.put(evolve(order, items=[ra.OrderItem("1", quantity=quantity)]))

    @rule()
    def let_time_pass(self) -> None:
        self.world.let_time_pass()

    @rule()
    def scan(self) -> None:
        self.scan_with(Faults())

    @rule(number=st.integers(1, 50), moment=MOMENT)
    def scan_and_die(self, number: int, moment: str) -> None:
        faults = Faults()
        faults.intercept("", faults.kill, number=number, moment=moment)
        self.scan_with(faults)

    @rule(call=st.sampled_from(["client.fulfill", "client.attach_"]), moment=MOMENT)
    def scan_with_a_lost_answer(self, call: str, moment: str) -> None:
        faults = Faults()
        faults.fail(call, ra.OutcomeUnknown("time-out"), moment=moment)
        self.scan_with(faults)

    def scan_with(self, faults: Faults) -> None:
        begun = len(self.world.shop.journal)
        try:
            self.world.scanner(faults).scan()
        except Killed:
            assert faults.dead
        for call in self.world.shop.journal[begun:]:
            if call.effect:
                now = self.world.files.cat(f"{self.world.root}/{call.order_id}_1.jpg")
                assert now != JPEG[:200], "a spoilt file was sent"
                assert set(call.downloaded) == {hashlib.sha256(now).hexdigest()}

    @precondition(lambda self: hasattr(self, "world"))
    @invariant()
    def each_approval_is_fulfilled_at_most_once(self) -> None:
        assert set(self.world.shop.effects.values()) <= {1}
        found = violations(self.world.history, versioned=False)
        assert not found, "\n".join([self.world.history.render(), *found])

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for number in NUMBERS:
            self.restore(number)
        for _ in range(2):
            self.world.scan_in_the_end()
        self.each_approval_is_fulfilled_at_most_once()
        uncertain = {r.key.order_id for r in self.ledger.find("default") if r.state is FulfillState.UNCERTAIN}
        pending = {o.id for o in self.world.shop.orders.values() if o.state is ra.OrderState.PENDING}
        assert pending <= uncertain, "an order that could be sent was left behind for no reason"


def run(ledger: ra.SqlLedger, examples: int) -> None:
    class Machine(ScanMachine):
        pass

    Machine.ledger = ledger
    run_state_machine_as_test(Machine, settings=settings(SETTINGS, max_examples=examples))


@pytest.fixture
def ledger(tmp_path):
    with ra.SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        yield ledger


def test_whatever_happens_in_fifty_runs_each_order_goes_out_once(ledger):
    run(ledger, 50)


@pytest.mark.thorough
@pytest.mark.timeout(7200)
def test_whatever_happens_in_a_thousand_runs_each_order_goes_out_once(ledger):
    run(ledger, 1000)
