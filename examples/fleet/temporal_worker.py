"""The same job on Temporal: a schedule starts a workflow every minute. No test runs this file."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.common import RetryPolicy
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():  # a workflow only names the activities, and scans nothing itself
    from fleet.scanning import due_batches, scan

QUEUE = "fleet"  # one queue for all merchants: a queue for each of them does not scale
TWICE = RetryPolicy(maximum_attempts=2)  # what still fails is due in the next minute


@activity.defn
def find_due() -> list[list[str]]:
    """Return the batches that are due. Temporal stores them, so they contain only ids."""
    return list(due_batches())


@activity.defn
def scan_batch(merchants: list[str]) -> list[str]:
    """Scan some merchants. A retry scans only those that had no pass."""
    statuses = []
    for merchant in merchants:
        statuses.append(str(scan(merchant).status))
        activity.heartbeat(merchant)
    return statuses


@workflow.defn
class FleetTick:
    """One minute: scan what is due."""

    @workflow.run
    async def run(self) -> None:
        due = await workflow.execute_activity(find_due, start_to_close_timeout=timedelta(minutes=1), retry_policy=TWICE)
        scans = [
            workflow.execute_activity(
                scan_batch,
                batch,
                start_to_close_timeout=timedelta(minutes=15),
                heartbeat_timeout=timedelta(minutes=3),  # longer than a pass takes
                retry_policy=TWICE,
            )
            for batch in due
        ]
        await asyncio.gather(*scans, return_exceptions=True)


async def create_schedule(client: Client) -> None:
    """Start a workflow every minute, unless the last one still runs. Call it once."""
    action = ScheduleActionStartWorkflow(FleetTick.run, id="fleet-tick", task_queue=QUEUE)
    spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(minutes=1))])
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP)
    await client.create_schedule("fleet", Schedule(action=action, spec=spec, policy=policy))


async def main() -> None:
    client = await Client.connect("localhost:7233")
    with ThreadPoolExecutor(4) as threads:
        worker = Worker(
            client,
            task_queue=QUEUE,
            workflows=[FleetTick],
            activities=[find_due, scan_batch],
            activity_executor=threads,
        )
        await worker.run()


if __name__ == "__main__":
    asyncio.run(main())
