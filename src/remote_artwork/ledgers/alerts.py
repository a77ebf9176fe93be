"""The statements of ``AlertStore``: read and write the row of a merchant's location."""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve
from sqlalchemy import case, select, update
from sqlalchemy.engine import Connection

from remote_artwork.core.alerts import AlertRecord
from remote_artwork.ledgers.engine import DatabaseNow, insert_into
from remote_artwork.ledgers.rows import lookup_digest
from remote_artwork.ledgers.schema import alerts


def read_alerts(connection: Connection, record: AlertRecord) -> AlertRecord:
    """The record as it is stored; the given one if there is none."""
    claimed = case((alerts.c.claimed_until > DatabaseNow(), 1), else_=0)
    found = connection.execute(
        select(alerts.c.state, alerts.c.version, claimed).where(
            alerts.c.tenant == record.tenant, alerts.c.location_key == lookup_digest(record.location)
        )
    ).first()
    if found is None:
        return record
    state, version, is_claimed = found
    return evolve(record, state=state, version=version, is_claimed=bool(is_claimed))


def write_alerts(
    connection: Connection, record: AlertRecord, state: str, claim_for: timedelta | None
) -> AlertRecord | None:
    """The record with another state; None if the row was written since the record was read."""
    version, key = record.version + 1, lookup_digest(record.location)
    values = {
        "state": state,
        "version": version,
        "claimed_until": None if claim_for is None else DatabaseNow() + claim_for.total_seconds(),
    }
    if record.version:
        written = connection.execute(
            update(alerts)
            .where(
                alerts.c.tenant == record.tenant,
                alerts.c.location_key == key,
                alerts.c.version == record.version,
            )
            .values(values)
        )
    else:
        row = {"tenant": record.tenant, "location_key": key, "location": record.location, **values}
        written = connection.execute(
            insert_into(connection, alerts).values(row).on_conflict_do_nothing(),
            execution_options={"preserve_rowcount": True},
        )
    if not written.rowcount:
        return None
    return evolve(record, state=state, version=version, is_claimed=claim_for is not None)
