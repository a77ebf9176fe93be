"""The ledger in the shop's database passes the contract of ledgers."""

from datetime import timedelta

import pytest
from artwork.ledger import DjangoLedger
from artwork.models import LedgerRow
from artwork.records import record_of
from django.db import connection, transaction
from django.db.models import F

from remote_artwork.client import advance_one, claim_one
from remote_artwork.errors import LeaseLost, LedgerUnavailable
from remote_artwork.ledgers import FulfillState, Lease, OrderKey, OrderRecord, OrderStep
from remote_artwork.testing import LedgerContract

INTEND = OrderStep(before=FulfillState.OPEN, after=FulfillState.FULFILL_INTENT)


class TestDjangoLedger(LedgerContract):
    @pytest.fixture
    def ledger(self) -> DjangoLedger:
        return DjangoLedger()

    @pytest.fixture
    def other_ledger(self) -> DjangoLedger:
        return DjangoLedger()

    def test_it_refuses_to_write_inside_a_transaction(self, ledger: DjangoLedger) -> None:
        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            claim(ledger)
        assert not LedgerRow.objects.exists()

    def test_a_write_after_the_read_is_not_overwritten(
        self, ledger: DjangoLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lease = claim(ledger)

        def meanwhile(row: LedgerRow) -> OrderRecord:
            LedgerRow.objects.update(reason="changed by another process", writes=F("writes") + 1)
            return record_of(row)

        monkeypatch.setattr("artwork.ledger.record_of", meanwhile)
        with pytest.raises(LeaseLost, match="another scan"):
            advance_one(ledger, lease, [INTEND])
        assert LedgerRow.objects.get().state == FulfillState.OPEN

    def test_a_missing_table_is_an_unavailable_ledger(self, ledger: DjangoLedger) -> None:
        with connection.schema_editor() as editor:
            editor.delete_model(LedgerRow)
        with pytest.raises(LedgerUnavailable, match="migrate"):
            ledger.find("acme")


def claim(ledger: DjangoLedger) -> Lease:
    lease = claim_one(ledger, OrderKey("acme", "1"), order_number="1", owner="us", lease_for=timedelta(hours=1))
    assert lease is not None
    return lease
