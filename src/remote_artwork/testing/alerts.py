"""``AlertStoreContract``: the tests that every store of alerts must pass."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from remote_artwork.client import AlertStore
from remote_artwork.core.alerts import AlertRecord

# ruff: noqa: S101, D102 - a contract asserts, and the name of a test states the behavior

MINUTE = timedelta(minutes=1)
NOW = timedelta(0)
WORKERS = 8


class AlertStoreContract:
    """Inherit it, and define the fixture ``store``: an empty ``AlertStore``.

    Define ``other_store``, too, if several processes can use the same records: another object with the same records.
    """

    @pytest.fixture
    def store(self) -> AlertStore:
        raise NotImplementedError("define the fixture store")

    @pytest.fixture
    def other_store(self, store: AlertStore) -> AlertStore:
        return store

    def test_a_record_that_was_never_written_is_empty(self, store: AlertStore) -> None:
        assert store.read_alerts("acme", "s3://in/") == AlertRecord(tenant="acme", location="s3://in/")

    def test_a_state_is_read_as_it_was_written(self, store: AlertStore, other_store: AlertStore) -> None:
        written = store.write_alerts(store.read_alerts("acme", "s3://in/"), "one")
        assert written is not None
        assert other_store.read_alerts("acme", "s3://in/") == written
        again = other_store.write_alerts(written, "two")
        assert again is not None
        assert again.version > written.version
        assert store.read_alerts("acme", "s3://in/") == again
        assert again.state == "two"

    def test_each_location_of_each_tenant_has_its_record(self, store: AlertStore) -> None:
        long = "s3://in/" + "x" * 10_000
        keys = [("acme", "s3://in/"), ("globex", "s3://in/"), ("acme", "s3://out/"), ("acme", long)]
        for number, (tenant, location) in enumerate(keys):
            assert store.write_alerts(store.read_alerts(tenant, location), str(number)) is not None
        assert [store.read_alerts(*key).state for key in keys] == ["0", "1", "2", "3"]

    def test_a_record_that_was_written_since_is_not_written(self, store: AlertStore, other_store: AlertStore) -> None:
        empty = store.read_alerts("acme", "s3://in/")
        first = other_store.write_alerts(empty, "first")
        assert first is not None
        assert store.write_alerts(empty, "late") is None
        second = other_store.write_alerts(first, "second")
        assert store.write_alerts(first, "late") is None
        assert store.read_alerts("acme", "s3://in/") == second

    def test_a_claim_is_seen_until_the_next_write(self, store: AlertStore, other_store: AlertStore) -> None:
        claimed = store.write_alerts(store.read_alerts("acme", "s3://in/"), "", claim_for=MINUTE)
        assert claimed is not None
        assert claimed.is_claimed
        assert other_store.read_alerts("acme", "s3://in/").is_claimed
        written = store.write_alerts(claimed, "done")
        assert written is not None
        assert not written.is_claimed
        assert not other_store.read_alerts("acme", "s3://in/").is_claimed

    def test_a_claim_ends_after_its_time(self, store: AlertStore, other_store: AlertStore) -> None:
        claimed = store.write_alerts(store.read_alerts("acme", "s3://in/"), "", claim_for=NOW)
        assert claimed is not None
        found = other_store.read_alerts("acme", "s3://in/")
        assert not found.is_claimed
        assert other_store.write_alerts(found, "theirs", claim_for=MINUTE) is not None
        assert store.write_alerts(claimed, "ours") is None

    def test_one_of_several_workers_writes_a_record(self, store: AlertStore, other_store: AlertStore) -> None:
        for state in ("first", "second"):
            record = store.read_alerts("acme", "s3://in/")
            barrier = Barrier(WORKERS)

            def write(
                number: int, record: AlertRecord = record, barrier: Barrier = barrier, state: str = state
            ) -> AlertRecord | None:
                barrier.wait()
                return (store, other_store)[number % 2].write_alerts(record, state, claim_for=MINUTE)

            with ThreadPoolExecutor(WORKERS) as pool:
                answers = list(pool.map(write, range(WORKERS)))
            assert sum(answer is not None for answer in answers) == 1
            assert store.read_alerts("acme", "s3://in/").state == state
