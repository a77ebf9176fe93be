"""A hostile storage uses bounded time and memory, causes a clear error, and does not affect other merchants."""

from __future__ import annotations

import json
import os
import threading

import attrs
import pytest

import remote_artwork as ra
from attacks import IMPOSSIBLE_TIMES, attacks, page_of, play, whole
from hostile_server import HostileServer
from merchant_locations import OPENERS, USES, open_at
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

HARMLESS = {"good", "bad-names", "endless-cookies"}
"""Attacks whose odd part is ignored; the rest of the answer is used."""

CLEAR = {
    "StorageMisbehaved",
    "ResponseTooLarge",
    "KeysOutsideFolder",
    "BrokenListing",
    "StorageUnreachable",
    "ListingTimeout",
}
SECONDS = 60.0
"""Far above the timeouts of these attacks, and far below a hang."""
MEBIBYTES = 256


@pytest.mark.parametrize("protocol", OPENERS)
def test_every_attack_uses_bounded_time_and_memory(in_a_process, protocol):
    with HostileServer() as server:
        play(protocol, server)
        names = list(attacks(protocol, server))
        names.remove("good")
        done = in_a_process("use_hostile_server.py", "", os.environ, protocol, server.endpoint, "good", *names)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["attack"] for result in results[::2]] == ["good", *names]
    at_first = results[1]["mebibytes"]
    for result in results:
        kind = result["error"].partition(":")[0]
        if protocol == "web":  # an unreadable listing counts as no listing, and a different file as another file
            harmless = result["attack"] in {*HARMLESS, "other-folder"} or result["attack"].startswith("impossible-time")
            assert kind in {*CLEAR, "ConfigurationError", "FileGone", "FileReplaced"} or harmless, result
        elif result["use"] == "list" and result["attack"] in HARMLESS:
            assert result["result"] == "[['good.png']]", result
        elif result["use"] == "list" and result["attack"].startswith("impossible-time"):
            # Azure's SDK parses the times itself, and cannot read a page with such a time.
            assert result["result"] == "[['good.png']]" or (protocol == "azure" and kind in CLEAR), result
        else:
            assert kind in CLEAR, result
        assert result["seconds"] < SECONDS, result
        assert result["mebibytes"] < at_first + MEBIBYTES, result


@pytest.mark.parametrize("attack", ["waiting-body", "endless-listing", "deep-xml", "endless-chunks"])
@pytest.mark.parametrize("protocol", OPENERS)
def test_other_merchants_are_served_during_an_attack(protocol, attack, local_network):
    network = attrs.evolve(local_network, call_timeout=2.0, listing_timeout=2.0)
    retry = ra.RetryPolicy(attempts=1)
    with HostileServer() as hostile, HostileServer() as honest:
        play(protocol, hostile)
        honest.answer(lambda _head: whole(protocol, page_of(protocol, ["in/1001_1.png"])))
        bad = open_at(protocol, hostile.endpoint, f"{attack}/in", None, network, retry=retry)
        good = open_at(protocol, honest.endpoint, "prints/in", None, local_network, retry=retry)
        USES["list"](good)
        outcome = []

        def attacked():
            try:
                USES["list"](bad)
            except ra.RemoteArtworkError as error:
                outcome.append(error)

        thread = threading.Thread(target=attacked)
        thread.start()
        served = 0
        while thread.is_alive():
            assert USES["list"](good) == [["1001_1.png"]]
            served += 1
        thread.join()
    assert served > 0
    assert len(outcome) == 1


def test_a_hostile_merchants_orders_are_unreadable_and_the_next_merchants_are_fulfilled(local_network, root):
    ledger, retry = ra.MemoryLedger(), ra.RetryPolicy(attempts=1)
    orders = [ra.Order("1001", [ra.OrderItem("1")])]
    _, good = memory_folder(root, "1001_1.png")
    with HostileServer() as server:
        play("s3", server)
        bad = open_at("s3", server.endpoint, "endless-body/in", None, local_network, retry=retry)
        reports = [
            ra.Scanner(storage, FakeShop(orders), ledger=ledger, tenant=tenant).scan()
            for storage, tenant in ((bad, "hostile"), (good, "honest"))
        ]
    assert [[item.status.value for item in report.items] for report in reports] == [["unreadable"], ["fulfilled"]]
    (fault,) = reports[0].faults
    assert "more than 16 MiB" in fault.message


@pytest.mark.parametrize("time", IMPOSSIBLE_TIMES)
def test_an_impossible_time_counts_as_unknown(time, local_network):
    page = page_of("s3", ["in/1001_1.png"], modified=time)
    with HostileServer() as server:
        server.answer(lambda _head: whole("s3", page))
        storage = open_at("s3", server.endpoint, "prints/in", None, local_network)
        shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
        report = ra.Scanner(storage, shop, ledger=ra.MemoryLedger()).plan()
    assert [item.status.value for item in report.items] == ["matched"]


@pytest.mark.parametrize("protocol", OPENERS)
def test_no_cookie_of_a_storage_is_sent_back(protocol, local_network):
    with HostileServer() as server:
        play(protocol, server)
        named = server.endpoint.replace("127.0.0.1", "localhost")  # no client keeps cookies of a bare address
        storage = open_at(protocol, named, "endless-cookies/in", None, local_network)
        for _ in range(2):
            assert USES["list"](storage) == [["good.png"]]
        assert len(server.requests) == 2
        assert not any("\r\ncookie:" in request.lower() for request in server.requests)
