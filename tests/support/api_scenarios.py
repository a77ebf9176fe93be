"""Whole scans of one order over the API of a shop."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import fsspec

import remote_artwork as ra
from remote_artwork.testing.scenario import Scenario, upload
from shop_api_servers import ShopApi


@contextmanager
def scenarios(api: ShopApi, make_client: Callable[..., Any]) -> Iterator[Callable[..., Scenario]]:
    """Give a function that makes a scenario with a new client; its options are those of the client."""
    files, folder = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"

    def make(**options: Any) -> Scenario:
        client = make_client(**options)
        [order] = client.pending_orders()
        upload(files, folder, order)
        return Scenario(client, order, ra.ArtworkStorage(files, folder), api.confirmed, read_names=api.names)

    yield make
    files.rm(folder, recursive=True)


def ends_fulfilled_once(scenario: Scenario) -> None:
    """Scan until the order is settled: it was fulfilled once, and its shop shows it."""
    scenario.scan_until_settled()
    assert scenario.client.get_order(scenario.order.id).state is ra.OrderState.FULFILLED
    assert scenario.times_fulfilled() == 1
