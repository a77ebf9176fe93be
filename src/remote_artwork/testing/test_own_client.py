"""The tests that ``pytest --pyargs remote_artwork.testing --client MODULE:FACTORY`` runs on a sandbox account."""

# ruff: noqa: D102 - the name of a fixture says what it returns

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import fsspec
import pytest

from remote_artwork.client import FulfillmentClient
from remote_artwork.core.orders import Order
from remote_artwork.testing.client import BreakAfterWrite, FulfillmentClientContract, MakeArtwork
from remote_artwork.testing.client_bench import Capability, ClientBench, leave_out
from remote_artwork.testing.plugin import LEFT_OUT
from remote_artwork.testing.scenario import Change, ReadNames

READING = frozenset(
    {
        "test_it_implements_the_interface",
        "test_pending_orders_are_pending_and_have_unique_ids",
        "test_pending_orders_can_be_listed_again",
        "test_a_listed_order_reads_the_same_by_its_id",
    }
)
"""The tests that change nothing in the shop. They also run if there is no bench."""


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest) -> FulfillmentClient | ClientBench:
    """What the factory of the option returned."""
    target = request.config.getoption("--client")
    if not target:
        pytest.skip("no client was given; add --client MODULE:FACTORY")
    from remote_artwork.cli.options import call_factory, require_client

    made = call_factory(target)
    return made if isinstance(made, ClientBench) else require_client(target, made)


class TestClient(FulfillmentClientContract):
    """The whole contract with a ``ClientBench``. Only the tests that read, if the factory returned a client."""

    @pytest.fixture(autouse=True)
    def _changes_only_a_sandbox(self, request: pytest.FixtureRequest, made: FulfillmentClient | ClientBench) -> None:
        if not isinstance(made, ClientBench) and request.function.__name__ not in READING:
            pytest.skip(f"{LEFT_OUT}sandbox: this test changes orders; let the factory return a ClientBench")

    @pytest.fixture
    def bench(self, made: ClientBench) -> ClientBench:
        return made

    @pytest.fixture
    def client(self, made: FulfillmentClient | ClientBench) -> FulfillmentClient:
        return made.client if isinstance(made, ClientBench) else made

    @pytest.fixture
    def lacks(self, made: FulfillmentClient | ClientBench) -> Mapping[Capability, str]:
        return made.lacks if isinstance(made, ClientBench) else {}

    @pytest.fixture
    def pending_ids(self, made: FulfillmentClient | ClientBench) -> Callable[[], Collection[str]] | None:
        return made.pending_ids if isinstance(made, ClientBench) else None

    @pytest.fixture
    def new_order(self, bench: ClientBench) -> Callable[[], Order]:
        return bench.new_order

    @pytest.fixture
    def read_names(self, bench: ClientBench) -> ReadNames:
        return bench.read_names

    @pytest.fixture
    def fulfillments(self, bench: ClientBench) -> Callable[[Order], int] | None:
        return bench.fulfillments

    @pytest.fixture
    def make_artwork(self, bench: ClientBench) -> MakeArtwork:
        return bench.make_artwork

    @pytest.fixture
    def folder(self, bench: ClientBench) -> Iterator[tuple[Any, str]]:
        files, root = bench.folder or (fsspec.filesystem("memory"), "")
        folder = f"{root}/contract-{uuid.uuid4().hex}"
        files.makedirs(folder)
        yield files, folder
        files.rm(folder, recursive=True)

    @pytest.fixture
    def cancel(self, bench: ClientBench) -> Change:
        return bench.cancel if "cancel" not in bench.lacks else leave_out("cancel", bench.lacks)

    @pytest.fixture
    def delete(self, bench: ClientBench) -> Change:
        return bench.delete if "delete" not in bench.lacks else leave_out("delete", bench.lacks)

    @pytest.fixture
    def read_order(self, bench: ClientBench) -> Callable[[str], Order]:
        return bench.read_order if "read_order" not in bench.lacks else leave_out("read_order", bench.lacks)

    @pytest.fixture
    def read_urls(self, bench: ClientBench) -> ReadNames:
        return bench.read_urls if "read_urls" not in bench.lacks else leave_out("read_urls", bench.lacks)

    @pytest.fixture
    def new_client(self, bench: ClientBench) -> Callable[[], FulfillmentClient]:
        return bench.new_client if "new_client" not in bench.lacks else leave_out("new_client", bench.lacks)

    @pytest.fixture
    def reset_client(self, bench: ClientBench) -> Callable[[], FulfillmentClient]:
        return bench.reset_client if "reset_client" not in bench.lacks else leave_out("reset_client", bench.lacks)

    @pytest.fixture
    def break_after_write(self, bench: ClientBench) -> BreakAfterWrite:
        if "break_after_write" in bench.lacks:
            leave_out("break_after_write", bench.lacks)
        return bench.break_after_write
