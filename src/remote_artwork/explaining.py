"""Explaining: the whole reasoning about one file or one order, from the pattern to the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from remote_artwork.core.awaited import canonical
from remote_artwork.core.explanation import Explanation
from remote_artwork.core.lifecycle import OrderRecord
from remote_artwork.core.model import MEDIA_TYPES
from remote_artwork.core.pattern import ORDER_NUMBER, FilenamePattern
from remote_artwork.core.planning import ItemPlan, OrderPlan
from remote_artwork.core.report import FileOutcome, ItemStatus
from remote_artwork.survey import Survey


def order_numbers(name: str, pattern: FilenamePattern) -> set[str]:
    """The order numbers that a file name may speak of."""
    return {reading[ORDER_NUMBER] for reading in pattern.readings(name.rpartition(".")[0])}


def explain_file(
    name: str,
    survey: Survey,
    seen: Sequence[FileOutcome],
    known: Iterable[OrderRecord],
    pattern: FilenamePattern,
) -> Explanation:
    """Why a file is where it is.

    Args:
        name: The file's name, relative to the location's folder.
        survey: What is known of orders, ledger and storage.
        seen: What the survey said of this very name, if it is an odd one.
        known: What the ledger knows of the orders the name may speak of.
        pattern: How names are built.
    """
    stem, _, extension = name.rpartition(".")
    printable = extension.lower() in MEDIA_TYPES
    steps = [
        f"its extension is {extension!r}: {'a format that is printed' if printable else 'not jpg, jpeg, png or pdf'}",
        f"the pattern is {pattern}; {stem!r} {'has' if pattern.fits(stem) else 'does not have'} its form",
        f"{len(survey.plans)} orders are pending, which wait for {len(survey.awaited.stems)} items",
    ]
    users = [(plan, item) for plan in survey.plans for item in plan.items if name in item.candidates]
    if survey.faults:
        steps += [f"the {fault.part} could not be used: {fault.message}" for fault in survey.faults]
        return Explanation(subject=name, steps=tuple(steps), verdict="nothing can be said of it until that works again")
    if users:
        plan, item = users[0]
        steps.append(f"it is awaited by item {item.item.number} of order {plan.order.number}, and it is there")
        steps += _ledger_steps(plan, item)
        return Explanation(subject=name, steps=tuple(steps), verdict=f"{item.status}: {item.reason}")
    used = [record for record in known if any(f.name == name for row in record.items.values() for f in row.files)]
    if used:
        record = used[0]
        when = f" since {record.updated_at:%Y-%m-%d %H:%M} UTC" if record.updated_at else ""
        steps.append(f"the ledger has it as artwork of order {record.order_number}, which is {record.state}{when}")
        verdict = f"it served order {record.order_number}; nothing is to be done with it"
        return Explanation(subject=name, steps=tuple(steps), verdict=verdict)
    if seen:
        steps.append("it is there, and no pending item awaits a file of this name")
        return Explanation(subject=name, steps=tuple(steps), verdict=f"{seen[0].status}: {seen[0].reason}")
    slot = survey.awaited.slots.get(canonical(stem))
    if slot is not None and printable:
        steps.append(f"{slot} awaits it, but it is not there")
        return Explanation(subject=name, steps=tuple(steps), verdict=f"missing: upload it as {name}")
    steps.append("no pending item awaits it, and it is not there")
    return Explanation(subject=name, steps=tuple(steps), verdict="nothing is to be done with it")


def explain_order(number: str, survey: Survey) -> Explanation:
    """Why an order is where it is."""
    plans = [plan for plan in survey.plans if plan.order.number == number]
    if not plans:
        step = f"{len(survey.plans)} orders are pending, and {number} is none of them"
        return Explanation(subject=f"order {number}", steps=(step,), verdict="the shop does not name it pending")
    steps: list[str] = []
    for plan in plans:
        steps += _order_steps(plan)
    waiting = [f"item {item.item.number} is {item.status}" for plan in plans for item in plan.items if not _fine(item)]
    verdict = "; ".join(waiting) if waiting else "everything is there: the next scan fulfils it"
    return Explanation(subject=f"order {number}", steps=tuple(steps), verdict=verdict)


def _order_steps(plan: OrderPlan) -> list[str]:
    steps = [f"order {plan.order.number} (id {plan.order.id}) is pending with {len(plan.order.items)} items"]
    for item in plan.items:
        steps.append(f"item {item.item.number}: {item.status}, {item.reason}")
        steps += _ledger_steps(plan, item)
    return steps


def _ledger_steps(plan: OrderPlan, item: ItemPlan) -> list[str]:
    row = plan.record.items.get(item.item.number)
    if row is None:
        return []
    names = ", ".join(f"{file.name} version {file.version}" for file in row.files)
    return [f"the ledger has item {item.item.number} as {row.state} ({names}), its order as {plan.record.state}"]


def _fine(item: ItemPlan) -> bool:
    return item.status in (ItemStatus.MATCHED, ItemStatus.NOT_REQUIRED, ItemStatus.FULFILLED)
