"""Real processes: killed, stopped, and many at once."""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress

import pytest

import remote_artwork as ra
from crash_processes import (
    ENDED,
    FRESH,
    add_order,
    calls_in,
    place_of,
    scan_and_stop_before_the_call,
    scan_and_tell,
    scan_together,
)
from crash_world import let_time_pass

TIMEOUT = 100
NEW_ORDERS = 4
COMPLETE_SCANS = 2
"""Scans that are not killed: the first creates the tables, the second measures the duration of a scan."""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "prints").mkdir()
    return tmp_path / "prints"


def each_order_once(shop):
    assert {order.state for order in shop.orders.values()} == {ra.OrderState.FULFILLED}
    assert len(shop.effects) == len(shop.orders)
    assert set(shop.effects.values()) == {1}


def killed_at_random(ledger, folder, kills: int, seed: int, *, at_once: int) -> str:
    """Kill processes at random times after their first claim. Before it they change nothing. Return where they died."""
    moments, died, longest = random.Random(seed), Counter(), 0.0
    with place_of(folder, url_of(ledger), [], at_once=at_once) as (place, server):
        for kill in range(-COMPLETE_SCANS, kills):
            for number in range(NEW_ORDERS):
                add_order(server.shop, folder, f"{kill}-{number}")
            let_time_pass(ledger)
            diary = folder.parent / f"calls of {kill}"
            process = FRESH.Process(target=scan_and_tell, args=[place, diary])
            process.start()
            assert wait_until(lambda diary=diary: "ledger.claim" in calls_in(diary), TIMEOUT)
            begun = time.monotonic()
            moment = moments.uniform(0, longest) if kill >= 0 else TIMEOUT
            if wait_until(lambda diary=diary: ENDED in calls_in(diary), moment):
                longest = time.monotonic() - begun
            process.kill()
            process.join(TIMEOUT)
            if kill >= 0:
                died[calls_in(diary)[-1]] += 1
        for _ in range(3):
            let_time_pass(ledger)
            place.scan()
        each_order_once(server.shop)
    deaths = ", ".join(f"{call} {times}" for call, times in died.most_common())
    assert died[ENDED] <= kills / 2, f"most died after their scan: {deaths}"
    return f"killed at {deaths}"


def wait_until(probe, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def url_of(ledger):
    return ledger.database.url.render_as_string(hide_password=False)


@pytest.mark.parametrize("at_once", [1, pytest.param(4, marks=pytest.mark.thorough), 16])
def test_processes_are_killed_and_each_order_is_fulfilled_once(ledger, folder, summary, at_once):
    summary.append(killed_at_random(ledger, folder, 20 if at_once == 1 else 10, seed=4, at_once=at_once))


@pytest.mark.thorough
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("at_once", [1, 4, 16])
def test_two_hundred_processes_are_killed_and_each_order_is_fulfilled_once(ledger, folder, summary, at_once):
    seed = random.randrange(2**32)
    summary.append(f"seed {seed}")
    summary.append(killed_at_random(ledger, folder, 200, seed=seed, at_once=at_once))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("at_once", [1, pytest.param(4, marks=pytest.mark.thorough), 16])
def test_eight_processes_scan_the_same_orders_and_fulfill_each_once(ledger, folder, at_once):
    orders = [str(number) for number in range(500 if at_once == 1 else 200)]
    with place_of(folder, url_of(ledger), orders, at_once=at_once) as (place, server):
        barrier = FRESH.Barrier(8)
        processes = [FRESH.Process(target=scan_together, args=[place, barrier]) for _ in range(8)]
        for process in processes:
            process.start()
        try:
            for process in processes:
                process.join(5 * TIMEOUT)
        finally:
            for process in processes:
                process.kill()
        assert [process.exitcode for process in processes] == [0] * 8
        let_time_pass(ledger)
        place.scan()  # a call that a busy machine would have started too late was not made
        each_order_once(server.shop)
        assert len(server.shop.calls("fulfill")) == len(orders)


@pytest.mark.parametrize("recovery", list(ra.Recovery), ids=str)
def test_a_process_stopped_past_its_lease_has_no_second_effect_when_it_continues(ledger, folder, recovery):
    with place_of(folder, url_of(ledger), ["1001"], recovery) as (place, server):
        zombie = FRESH.Process(target=scan_and_stop_before_the_call, args=[place])
        zombie.start()
        assert server.stopped.wait(TIMEOUT)
        for _ in range(2):
            let_time_pass(ledger)
            place.scan()
        deadline = time.monotonic() + TIMEOUT
        while zombie.is_alive() and time.monotonic() < deadline:  # it may report that it stops just before it does
            with suppress(ProcessLookupError):  # it has ended, and the fork server has reaped it
                os.kill(zombie.pid, signal.SIGCONT)
            zombie.join(0.05)
        assert zombie.exitcode == 0
        each_order_once(server.shop)
        [record] = ledger.find("default")
        assert record.state == ("uncertain" if recovery is ra.Recovery.NONE else "fulfilled")
