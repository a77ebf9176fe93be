"""What a host's type checker sees. mypy reads this file; nothing runs it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, assert_type

import remote_artwork as ra
from remote_artwork.clients.api import Page, ShopApi, iter_by_offset, iter_orders, one_file, parse_item, parsing
from remote_artwork.reports import Explanation, ItemOutcome
from remote_artwork.testing import Faults, FaultyClient, FaultyLedger


class Shop:
    """A client as a host writes it: it inherits nothing."""

    recovery = ra.Recovery.QUERYABLE
    attaching = ra.Attaching.SEPARATE
    call_limit = timedelta(minutes=2)

    def pending_orders(self) -> Iterable[ra.Order]:
        yield ra.Order("1001", [ra.OrderItem("1", placements=("front", "back"))])

    def get_order(self, order_id: str) -> ra.Order:
        raise ra.OrderGone(order_id)

    def attach_artwork(
        self, order: ra.Order, item: ra.OrderItem, artworks: Sequence[ra.Artwork], *, idempotency_key: str
    ) -> None:
        raise ra.RateLimited(retry_after=1.5)

    def fulfill(
        self, order: ra.Order, artworks: Mapping[str, Sequence[ra.Artwork]], *, idempotency_key: str
    ) -> str | None:
        return idempotency_key


client: ra.FulfillmentClient = Shop()
client = FaultyClient(client, Faults())
ledger: ra.Ledger = ra.SqlLedger("sqlite:///ledger.db")
ledger = ra.MemoryLedger()
ledger = FaultyLedger(ledger, Faults())

place = ra.Location.parse("https://prints.s3.eu-west-1.amazonaws.com/incoming/")
assert_type(place, ra.Location)
assert_type(str(place), str)

storage = ra.open_storage("s3+http://127.0.0.1:9000/prints/in/?provider=minio", credentials=ra.Keys("key", "secret"))
assert_type(storage, ra.ArtworkStorage)

role = ra.AssumeRole("arn:aws:iam::123456789012:role/prints", base=ra.Ambient(), external_id="merchant-7")
assert_type(ra.open_storage("s3://prints/in/", credentials=role).max_url_lifetime, timedelta | None)

scanner = ra.Scanner(
    storage,
    client,
    ledger=ledger,
    pattern="{order_number}_{order_item_number}",
    policy=ra.Policy(late_after=timedelta(days=2)),
    tenant="acme",
)
assert_type(scanner.plan(), ra.ScanReport)
assert_type(scanner.scan(orders=["1001"]), ra.ScanReport)
assert_type(scanner.explain("1001-1.pdf"), Explanation)

report = scanner.scan(sweep=True)
assert_type(report.counts, dict[ra.ItemStatus, int])
assert_type(report.exit_code, int)
for outcome in report.items:
    assert_type(outcome, ItemOutcome)


class ApiShop:
    """A client over HTTP, as far as it reads."""

    def __init__(self) -> None:
        self.api = ShopApi("https://shop.example", login=self.log_in, errors={"NOT_WAITING": ra.NotPending})

    def log_in(self, api: ShopApi) -> Mapping[str, str]:
        return {"Authorization": api.change("POST", "/login", json={}).headers["token"]}

    def page(self, offset: int) -> Page:
        return Page(self.api.query("{ orders }", {"skip": offset})["orders"])

    def pending_orders(self) -> Iterable[ra.Order | ra.UnreadableOrder]:
        found = iter_by_offset(self.page, size=50)
        return iter_orders((str(each["id"]), None, partial(self.parse, each)) for each in found)

    @parsing()
    def parse(self, record: Mapping[str, Any]) -> ra.Order:
        return ra.Order("1001", [parse_item(line, number="id", placements=one_file) for line in record["lines"]])


assert_type(ApiShop().api.mutate("mutation { release }"), Mapping[str, Any])
assert_type(ApiShop().parse({}), ra.Order)
