from datetime import timedelta
from pathlib import Path

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.cli.options import ledger_url, url_lifetime
from remote_artwork.testing.ledger import KEY, claim

ROLE = ra.AssumeRole("arn:aws:iam::123456789012:role/prints", base=ra.Ambient(), duration=timedelta(hours=2))


@pytest.mark.parametrize(
    ("credentials", "lifetime"),
    [(None, timedelta(hours=24)), (ra.Keys("AKTESTKEY", "hush"), timedelta(hours=24)), (ROLE, timedelta(hours=2))],
)
def test_urls_live_for_a_day_or_as_long_as_the_sessions_of_a_role(credentials, lifetime):
    storage = ra.open_storage("s3://prints/in/?region=eu-west-1", credentials=credentials)
    assert url_lifetime(storage) == lifetime


def test_urls_of_this_machine_live_for_a_day(tmp_path):
    assert url_lifetime(ra.ArtworkStorage(fsspec.filesystem("file"), str(tmp_path))) == timedelta(hours=24)


@pytest.mark.parametrize(
    ("orders", "ledger"),
    [
        ("orders.json", "orders.ledger.db"),
        ("shop.de.json", "shop.de.ledger.db"),
        ("shop.de", "shop.de-ledger.db"),
        ("shop.at", "shop.at-ledger.db"),
        ("orders", "orders-ledger.db"),
        ("orders.JSON", "orders.JSON-ledger.db"),
        (".json", ".json-ledger.db"),
    ],
)
def test_each_orders_file_has_its_own_ledger_beside_it(orders, ledger):
    assert ledger_url(Path("in") / orders, None) == Path("in") / ledger


def test_no_two_orders_files_share_a_ledger():
    names = [f"{name}{end}" for name in ("a", "a.b", "a.b.c", "a-ledger", "a.ledger") for end in ("", ".json", ".db")]
    assert len({ledger_url(Path(name), None) for name in names}) == len(names)


def test_a_question_mark_in_the_name_of_an_orders_file_stays_in_that_of_the_ledger(tmp_path):
    for name in ("what?.json", "what?else.json"):
        with ra.SqlLedger(ledger_url(tmp_path / name, None)) as ledger:
            claim(ledger, KEY)
    assert {file.name for file in tmp_path.iterdir()} >= {"what?.ledger.db", "what?else.ledger.db"}
