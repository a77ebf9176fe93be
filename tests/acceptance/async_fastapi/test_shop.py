"""The async client of the example passes the contract. Its coroutines run on a loop in another thread."""

from __future__ import annotations

import asyncio
import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

import remote_artwork as ra
from parts import package
from remote_artwork import async_scanner
from remote_artwork.testing import FulfillmentClientContract
from shop_files import memory_folder

package("aiosqlite")

from async_fastapi.shop import AsyncShop, Base, MerchantRow, OrderRow, connect  # noqa: E402 - it needs the package

ITEMS = {"1001": ["1", "2"], "1002": ["1"], "1003": ["1", "2"]}


@pytest.fixture
def loop():
    """The loop of the service, which the client finds as in the thread of a scan."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    token = async_scanner._loop.set(loop)
    yield loop
    async_scanner._loop.reset(token)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class TestAsyncShop(FulfillmentClientContract):
    @pytest.fixture
    def database(self, tmp_path):
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
        Base.metadata.create_all(engine)
        with Session(engine) as session, session.begin():
            for merchant in ("acme", "globex"):  # of another merchant, the same numbers
                session.add(MerchantRow(id=merchant, url="", access_key="", secret_key=""))
                for number, items in ITEMS.items():
                    session.add(OrderRow(merchant_id=merchant, number=number, items=items))
        yield engine
        engine.dispose()

    @pytest.fixture
    def new_client(self, tmp_path, loop, root, database):  # noqa: ARG002 - the database has to be there
        _, storage = memory_folder(root)
        engines = []

        def new_client():
            engines.append(connect(f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}"))
            return ra.AsyncScanner(storage, AsyncShop(engines[-1], "acme"), ledger=ra.MemoryLedger()).scanner.client

        yield new_client
        for engine in engines:
            asyncio.run_coroutine_threadsafe(engine.dispose(), loop).result(60)

    @pytest.fixture
    def client(self, new_client):
        return new_client()

    @pytest.fixture
    def pending_ids(self, database):
        def pending_ids():
            with Session(database) as session:
                mine = sa.select(OrderRow.id).where(OrderRow.merchant_id == "acme", OrderRow.state == "pending")
                return {str(each) for each in session.scalars(mine)}

        return pending_ids

    @pytest.fixture
    def read_names(self, database):
        def read_names(order, item):
            with Session(database) as session:
                return (session.get_one(OrderRow, int(order.id)).artwork or {}).get(item.number, [])

        return read_names

    @pytest.fixture
    def fulfillments(self, database):
        def fulfillments(order):
            with Session(database) as session:
                row = session.get(OrderRow, int(order.id))
                return int(row is not None and row.state == "fulfilled")

        return fulfillments

    @pytest.fixture
    def cancel(self, database):
        return lambda order: self.change(database, sa.update(OrderRow).values(state="cancelled"), order)

    @pytest.fixture
    def delete(self, database):
        return lambda order: self.change(database, sa.delete(OrderRow), order)

    @staticmethod
    def change(database, statement, order):
        with database.begin() as connection:
            connection.execute(statement.where(OrderRow.id == int(order.id)))

    @pytest.fixture
    def reset_client(self, client, database):
        def reset_client():
            with database.begin() as connection:
                connection.execute(sa.update(OrderRow).values(state="pending", fulfillment_key=None, artwork=None))
            return client

        return reset_client


def test_an_order_of_another_merchant_does_not_exist(tmp_path, loop):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.add(MerchantRow(id="globex", url="", access_key="", secret_key=""))
        session.add(OrderRow(merchant_id="globex", number="1001", items=["1"]))
    engine.dispose()
    service = connect(f"sqlite+aiosqlite:///{tmp_path / 'shop.db'}")
    shop, order = AsyncShop(service, "acme"), ra.Order("1001", [ra.OrderItem("1")], id="1")

    async def main():
        with pytest.raises(ra.OrderGone):
            await shop.get_order("1")
        with pytest.raises(ra.OrderGone):
            await shop.fulfill(order, {"1": []}, idempotency_key="k")
        assert await shop.find_orders(["1001"]) == []
        await service.dispose()

    asyncio.run_coroutine_threadsafe(main(), loop).result(60)


def test_a_database_that_does_not_respond_is_unavailable(tmp_path, loop):
    service = connect(f"sqlite+aiosqlite:///{tmp_path / 'no' / 'shop.db'}")

    async def main():
        with pytest.raises(ra.Unavailable):
            await AsyncShop(service, "acme").pending_orders()
        await service.dispose()

    asyncio.run_coroutine_threadsafe(main(), loop).result(60)
