"""What the ledger costs a pass does not grow with what is done already."""

from functools import partial

import pytest
from sqlalchemy import event

import remote_artwork as ra
from done_orders import files_from_items, remember_done
from remote_artwork.core.matching import Page
from remote_artwork.core.orders import StoredFile
from remote_artwork.testing import FakeShop
from shop_files import memory_folder

DONE = 100_000
A_PAGE = 1000
BEGINNINGS = ("BEGIN", "SELECT set_config(")
"""What a transaction begins with."""


class Full(ra.ArtworkStorage):
    """The files of many done orders, in many pages."""

    def pages(self):
        for first in range(0, DONE, A_PAGE):
            names = [f"{number}_1.jpg" for number in range(first, first + A_PAGE)]
            yield Page(names, partial(self.as_printed, names))

    @staticmethod
    def as_printed(names, position):
        [file] = files_from_items(names[position].partition("_")[0])
        return StoredFile(name=file["name"], size=file["size"], etag=file["etag"])


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return request.getfixturevalue("postgres_url")


def test_a_hundred_thousand_done_orders_cost_a_pass_at_most_ten_queries(ledger_url, root):
    queries = []
    files, _ = memory_folder(root)
    with ra.SqlLedger(ledger_url) as ledger:
        remember_done(ledger, DONE)
        event.listen(ledger._engine, "before_cursor_execute", lambda *arguments: queries.append(arguments[2]))
        shop = FakeShop([ra.Order("new", [ra.OrderItem("1")])])
        report = ra.Scanner(Full(files, root), shop, ledger=ledger).scan(sweep=True)
    assert report.names_seen == DONE
    assert [item.status for item in report.items] == ["missing"]
    assert not any(report.file_counts.values()), "the ledger knows all of them"
    assert len([query for query in queries if not query.startswith(BEGINNINGS)]) <= 10
