"""The same job on Airflow 3: each minute, a run maps a task over the batches that are due. No test runs this file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task

from fleet.scanning import due_batches, scan


@task
def find_due() -> list[list[str]]:
    """Return the batches. Airflow stores them, so they contain only ids."""
    return list(due_batches())


@task(retries=1, execution_timeout=timedelta(minutes=10), max_active_tis_per_dag=16)
def scan_batch(merchants: list[str]) -> list[str]:
    """Scan some merchants. A retry scans only those that had no pass."""
    return [str(scan(merchant).status) for merchant in merchants]


@dag(schedule=timedelta(minutes=1), start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, max_active_runs=1)
def fleet() -> None:
    """One run: the next one starts when its tasks have ended, and finds what is due then."""
    scan_batch.expand(merchants=find_due())


fleet()
