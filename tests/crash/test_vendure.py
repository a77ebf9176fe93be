"""Processes that scan a real Vendure are killed: by its own database, each order is released once."""

import random
import time
from collections import Counter

import pytest

import remote_artwork as ra
from crash_processes import ENDED, calls_in
from crash_world import let_time_pass
from vendure_scans import Customers, start_scan, wait_until
from vendure_server import INSTALLATION

pytestmark = [pytest.mark.thorough, pytest.mark.server, pytest.mark.timeout(INSTALLATION + 3600)]

PATIENCE = 300
KILLS, ORDERS_PER_SCAN = 20, 3
COMPLETE_SCANS = 2
"""Scans that are not killed. The second one measures how long a scan takes."""


@pytest.mark.parametrize("at_once", [1, 8])
def test_sixty_orders_survive_twenty_kills(vendure_server, s3_server, local_network, tmp_path, summary, at_once):
    seed = random.randrange(2**32)
    moments, died, longest = random.Random(seed), Counter(), 0.0
    customers = Customers(vendure_server, s3_server, f"kills-{at_once}", seed)
    url = f"sqlite:///{tmp_path}/ledger.db"
    place = customers.place(local_network, url, at_once=at_once)
    with ra.SqlLedger(url) as ledger:
        for kill in range(-COMPLETE_SCANS, KILLS):
            customers.place_orders(ORDERS_PER_SCAN)
            let_time_pass(ledger)
            diary = tmp_path / f"calls of {kill}"
            process = start_scan(place, diary)
            assert wait_until(lambda diary=diary: calls_in(diary), PATIENCE)
            begun = time.monotonic()
            moment = moments.uniform(0, longest) if kill >= 0 else PATIENCE
            if wait_until(lambda diary=diary: ENDED in calls_in(diary), moment):
                longest = time.monotonic() - begun
            process.kill()
            process.join(PATIENCE)
            if kill >= 0:
                died[calls_in(diary)[-1]] += 1
        for _ in range(3):
            let_time_pass(ledger)
            place.scan()
    customers.check()
    deaths = ", ".join(f"{call} {times}" for call, times in died.most_common())
    summary.append(f"seed {seed}, {len(customers.order_ids)} orders, killed at {deaths}")
    assert died[ENDED] <= KILLS / 2, f"most died after their scan: {deaths}"
