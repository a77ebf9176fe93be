"""Explaining: the whole reasoning about one file or one order, from the pattern to the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from remote_artwork.core.expected import canonical, split_extension
from remote_artwork.core.lifecycle import FulfillState, OrderRecord
from remote_artwork.core.orders import MEDIA_TYPES
from remote_artwork.core.pattern import FilenamePattern
from remote_artwork.core.planner import HAS_ITS_FILES, ItemPlan, OrderPlan, file_not_known
from remote_artwork.core.report import Explanation, FileOutcome, ItemStatus
from remote_artwork.scan.collect import Collected


def explain_file(
    name: str,
    survey: Collected,
    seen: Sequence[FileOutcome],
    known: Sequence[OrderRecord],
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
    stem, extension = split_extension(name)
    printable = extension.lower() in MEDIA_TYPES
    steps = [
        f"its extension is {extension!r}: {'a format that is printed' if printable else 'not jpg, jpeg, png or pdf'}",
        f"the pattern is {pattern}; {stem!r} {'has' if pattern.fits(stem) else 'does not have'} its form",
        f"{len(survey.plans)} orders are pending, which wait for {len(survey.awaited.stems)} items",
    ]
    if survey.faults:
        return _unusable(name, steps, survey)

    def verdict(text: str, step: str) -> Explanation:
        return Explanation(subject=name, steps=(*steps, step), verdict=text)

    for plan in survey.plans:
        for item in plan.items:
            if canonical(name) in map(canonical, item.candidates):
                steps += _ledger_steps(plan, item)
                step = f"it is there, and item {item.item.number} of order {plan.order.number} awaits it"
                return verdict(f"{item.status}: {item.reason}", step)
    for record in known:
        if any(file.name == name for row in record.items.values() for file in row.files):
            when = f" since {record.updated_at:%Y-%m-%d %H:%M} UTC" if record.updated_at else ""
            step = f"the ledger has it as artwork of order {record.order_number}, which is {record.state}{when}"
            return verdict(f"it served order {record.order_number}; nothing is to be done with it", step)
    if seen:
        return verdict(f"{seen[0].status}: {seen[0].reason}", "it is there, and no pending item awaits this name")
    return verdict(*_of_unseen(name, survey, known))


def _of_unseen(name: str, survey: Collected, known: Sequence[OrderRecord]) -> tuple[str, str]:
    """Verdict and last step for a file that was not seen."""
    stem, extension = split_extension(name)
    if unknown := survey.unknown.get(canonical(stem)):
        return f"unreadable: {file_not_known(unknown).render()}", "it was asked for, and no clear answer came"
    slot = survey.awaited.slots.get(canonical(stem))
    if slot is not None and extension.lower() in MEDIA_TYPES:
        items = (item for plan in survey.plans for item in plan.items if (plan.order.id, item.item.number) == slot.key)
        item = next(items)
        if slot.stem in item.expected:
            return f"{item.status}: upload it as {name}", f"{slot} awaits it, but it is not there"
        return f"{item.status}: {item.reason}", f"it is not there, and {slot} does not wait for it"
    for record in known:
        if record.state in (FulfillState.FULFILLED, FulfillState.CANCELLED):
            text = f"nothing is to be done with it: order {record.order_number} is {record.state}"
            return text, f"it is not there, and the ledger has order {record.order_number} as {record.state}"
    return "nothing is to be done with it", "no pending item awaits it, and it is not there"


def explain_order(number: str, survey: Collected, known: Iterable[OrderRecord]) -> Explanation:
    """Why an order is where it is.

    Args:
        number: The order's number.
        survey: What is known of orders, ledger and storage.
        known: What the ledger knows of orders of this number.
    """
    subject = f"order {number}"
    plans = [plan for plan in survey.plans if plan.order.number == number]
    if survey.faults:
        return _unusable(subject, [step for plan in plans for step in _order_steps(plan)], survey)
    if not plans:
        steps = [f"{len(survey.plans)} orders are pending, and {number} is none of them"]
        steps += [f"the ledger has it as {record.state} (id {record.key.order_id})" for record in known]
        return Explanation(subject=subject, steps=tuple(steps), verdict="the shop does not name it pending")
    steps = [step for plan in plans for step in _order_steps(plan)]
    return Explanation(subject=subject, steps=tuple(steps), verdict="; ".join(map(_verdict_of, plans)))


def _verdict_of(plan: OrderPlan) -> str:
    waiting = [item for item in plan.items if item.status not in (*HAS_ITS_FILES, ItemStatus.NOT_REQUIRED)]
    if waiting:
        return "; ".join(f"item {item.item.number} is {item.status}" for item in waiting)
    if plan.complete:
        return "everything is there: the next scan fulfills it"
    return "no item of it needs artwork, so it is not this library's to fulfill"


def _unusable(subject: str, steps: Sequence[str], survey: Collected) -> Explanation:
    faults = [f"the {fault.part} could not be used: {fault.message}" for fault in survey.faults]
    verdict = "nothing can be said of it until that works again"
    return Explanation(subject=subject, steps=(*steps, *faults), verdict=verdict, exit_code=3)


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
