"""``remote-artwork ledger``: list and show orders, and record the outcome of an uncertain one."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from attrs import asdict
from rich.console import Console
from rich.table import Table
from rich.text import Text

import remote_artwork as ra
from remote_artwork.cli.options import ledger_url, with_verbose
from remote_artwork.cli.output import finish
from remote_artwork.cli.streams import print_json
from remote_artwork.client import advance_one, claim_one
from remote_artwork.core.cures import for_operator
from remote_artwork.core.lifecycle import (
    DEFAULT_TENANT,
    FileRecord,
    FulfillState,
    ItemState,
    OrderRecord,
    accept_command,
    resolve_command,
    steps_of_person,
)
from remote_artwork.core.orders import DEFAULT_PLACEMENT
from remote_artwork.core.reasons import format_duration, reason
from remote_artwork.core.text import counted, escape_unprintable
from remote_artwork.fulfillment.review import accept_files
from remote_artwork.ledgers.engine import display_url, parse_ledger_url

ledger_app: typer.Typer = typer.Typer(
    name="ledger",
    help="List the orders in the ledger, and resolve uncertain ones.",
    no_args_is_help=True,
)

_LEASE = timedelta(minutes=1)

Orders = Annotated[
    Path | None, typer.Option("--orders-file", metavar="FILE", help="Use the ledger beside this orders file.")
]
LedgerUrl = Annotated[
    str | None, typer.Option("--ledger", metavar="URL", help="The ledger, for example sqlite:///ledger.db.")
]
Tenant = Annotated[
    str, typer.Option("--tenant", metavar="NAME", help="The shop's name, if several shops share one ledger.")
]
Number = Annotated[str, typer.Argument(metavar="ORDER", help="The order's number.")]


@ledger_app.command("list")
@with_verbose
def list_orders(
    *,
    orders: Orders = None,
    ledger: LedgerUrl = None,
    tenant: Tenant = DEFAULT_TENANT,
    state: Annotated[FulfillState | None, typer.Option("--state", help="Only orders in this state.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the orders as JSON, and nothing else.")] = False,
) -> None:
    """List every order in the ledger. Writes nothing."""

    def show() -> int:
        records = list(open_ledger(orders, ledger).find(tenant, state=state))
        if as_json:
            print_json([_to_dict(record) for record in records])
        elif records:
            Console().print(_table(records))
        else:
            chosen = f" in the state {state}" if state else ""
            typer.echo(f"The ledger has no orders{chosen} for the tenant {tenant}. Check --tenant and the ledger.")
        return 0

    finish(show)


@ledger_app.command("show")
@with_verbose
def show_order(
    number: Number,
    *,
    orders: Orders = None,
    ledger: LedgerUrl = None,
    tenant: Tenant = DEFAULT_TENANT,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every field of the ledger as JSON, and nothing else.")
    ] = False,
) -> None:
    """Show one order with its items and files. Writes nothing."""

    def show() -> int:
        records = find_orders(open_ledger(orders, ledger), tenant, number)
        if as_json:
            print_json([_to_dict(record) for record in records])
        else:
            typer.echo(for_operator("\n\n".join(map(describe, records))))
        return 0

    finish(show)


@ledger_app.command("resolve")
@with_verbose
def resolve_order(  # noqa: PLR0913 - each is an option of the command
    number: Number,
    *,
    fulfilled: Annotated[
        bool | None,
        typer.Option(
            "--fulfilled/--not-fulfilled", help="Whether the shop shows the order as fulfilled. Write one of the two."
        ),
    ] = None,
    orders: Orders = None,
    ledger: LedgerUrl = None,
    tenant: Tenant = DEFAULT_TENANT,
    order_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The order's id, if several orders have this number.")
    ] = None,
    call_is_over: Annotated[
        bool,
        typer.Option("--call-is-over", help="Confirm that the call has ended, although its time limit has not passed."),
    ] = False,
    approval: Annotated[
        str | None,
        typer.Option("--approval", metavar="APPROVAL", help="The approval, if the order was approved several times."),
    ] = None,
) -> None:
    """Record the outcome of an uncertain order.

    Check the order in the shop first. With --not-fulfilled, the next scan sends it.
    """

    def record_outcome() -> int:
        if fulfilled is None:
            raise ra.ConfigurationError(
                f"write what happened to order {number} in the shop: either --fulfilled or --not-fulfilled"
            )
        book = open_ledger(orders, ledger)
        options = {"order_id": order_id, "approval": approval}
        selection = {name: value for name, value in options.items() if value is not None}
        record = _find_uncertain(find_orders(book, tenant, number), number, selection)
        person = getpass.getuser()
        lease = claim_one(book, record.key, order_number=number, owner=f"a person: {person}", lease_for=_LEASE)
        if lease is None:
            raise ra.ConfigurationError(f"a scan is processing order {number}; try again when it has finished")
        try:
            _require_resolvable(lease.record, number, fulfilled=fulfilled or call_is_over)
        except ra.ConfigurationError:
            advance_one(book, lease, release=True)
            raise
        after = FulfillState.FULFILLED if fulfilled else FulfillState.OPEN
        why = reason("resolved_by_person", person=person)
        steps = steps_of_person(lease.record, fulfilled=fulfilled, person=person, because=why)
        advance_one(book, lease, steps, release=True)
        typer.echo(f"The ledger now records order {number} as {after}.")
        return 0

    finish(record_outcome)


def accept_order(
    number: Number,
    *,
    files: Annotated[
        str, typer.Option("--files", metavar="DIGEST", help="The digest of the files, as the report shows it.")
    ],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="The person who accepts the files.")],
    orders: Orders = None,
    ledger: LedgerUrl = None,
    tenant: Tenant = DEFAULT_TENANT,
    order_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The order's id, if several orders have this number.")
    ] = None,
) -> None:
    """Accept the files of an order that waits for a review.

    Orders wait in scans with --review. Compare the files with the order first. The next scan sends the order with
    exactly these files.
    """

    def record_acceptance() -> int:
        book = open_ledger(orders, ledger)
        records = [each for each in find_orders(book, tenant, number) if order_id in (None, each.key.order_id)]
        accept_files(book, records, order=number, files=files, by=by)
        typer.echo(f"The files of order {number} are accepted. The next scan sends the order.")
        return 0

    finish(record_acceptance)


def open_ledger(orders: Path | None, ledger: str | None) -> ra.SqlLedger:
    """Open the ledger that the options name.

    Raises:
        ConfigurationError: There is none.
    """
    address = ledger_url(orders, ledger)
    opened = ra.SqlLedger(address)
    if not opened.exists():
        raise ra.ConfigurationError(
            f"there is no ledger at {display_url(parse_ledger_url(address))}; the first scan creates it; "
            f"check {'--orders-file' if ledger is None else '--ledger'}"
        )
    return opened


def find_orders(ledger: ra.Ledger, tenant: str, number: str) -> list[OrderRecord]:
    """Return the records of an order number.

    Raises:
        ConfigurationError: There is none.
    """
    records = list(ledger.find(tenant, order_numbers=[number]))
    if not records:
        raise ra.ConfigurationError(
            f"the ledger has no order {number} for the tenant {tenant}; check the number, --tenant and --ledger"
        )
    return records


def _find_uncertain(records: Iterable[OrderRecord], number: str, selection: Mapping[str, str]) -> OrderRecord:
    """Return the one uncertain record with this id and approval.

    Raises:
        ConfigurationError: There is none, or there are several. The message then has the command for each.
    """
    found = [
        record
        for record in records
        if record.is_unresolved and all(getattr(record.key, name) == value for name, value in selection.items())
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ra.ConfigurationError(
            f"the ledger has no uncertain order {number}{' with this id or approval' if selection else ''}; "
            f"run ledger show {number} to see its state"
        )
    which = "; or ".join(resolve_command(record.key, number, by_id=True) for record in found)
    raise ra.ConfigurationError(
        f"order {number} has {len(found)} uncertain fulfillments; with the same --ledger or --orders-file, "
        f"choose one: {which}"
    )


def _require_resolvable(record: OrderRecord, number: str, *, fulfilled: bool) -> None:
    """Require that no scan has resolved the order, and that no call may still be in flight.

    Raises:
        ConfigurationError: The order cannot be resolved now. The message says when to try again.
    """
    if not record.is_unresolved:
        raise ra.ConfigurationError(
            f"a scan has just resolved order {number}; the ledger now records it as {record.state}"
        )
    if not fulfilled and record.remaining_call_time:
        rounded_up = format_duration((record.remaining_call_time + timedelta(minutes=1)).total_seconds())
        raise ra.ConfigurationError(
            f"a fulfill call of order {number} may still be running, and the next scan would send the order again; "
            f"try again in {rounded_up}, or add --call-is-over if you know that it has ended"
        )


_STATES: Mapping[FulfillState, str] = {
    FulfillState.OPEN: "open; it was not sent yet",
    FulfillState.FULFILL_INTENT: "being sent; the next scan finds out whether the call succeeded",
    FulfillState.UNCERTAIN: "uncertain; it is not known whether the shop has fulfilled it",
}
_ITEM_STATES: Mapping[ItemState, str] = {
    ItemState.VERIFIED: "checked",
    ItemState.ATTACH_INTENT: "being attached; the next scan finds out whether the call succeeded",
}


def describe(record: OrderRecord) -> str:
    """What the ledger records about an order, for people: a few lines of text without a field of the program."""
    key = record.key
    fields = {
        "id in the shop": key.order_id if key.order_id != record.order_number else "",
        "approval": key.approval,
        "last change": _time(record),
        "receipt": record.receipt or "",
        "why": record.reason.render() if record.reason else "",
        "set by": record.settled_by,
        "files accepted by": record.accepted_by,
        "digest of the files": record.review_files,
    }
    lines = [f"Order {record.order_number}: {_STATES.get(record.state, record.state)}"]
    lines += [f"  {name}: {value}" for name, value in fields.items() if value]
    for row in record.items.values():
        lines.append(f"  item {row.item_number}: {_ITEM_STATES.get(row.state, row.state)}")
        lines += [f"    {_describe_file(file)}" for file in row.files]
        lines += [f"    why: {row.reason.render()}"] if row.reason else []
    if record.used_files and not record.items:
        lines.append("  files that were sent:")
        lines += [f"    {_describe_file(file)}" for file in record.used_files]
    if record.review_files and not record.accepted_by and record.state is FulfillState.OPEN:
        command = accept_command(key, record.order_number, record.review_files)
        lines.append(f"  waits for a person who accepts its files: compare them with the order, then run {command}")
    if record.is_unresolved:
        command = resolve_command(key, record.order_number, by_id=False)
        lines.append(
            "  if a scan says that a person must decide: check the order in the shop, "
            f"then run {command} (or --not-fulfilled)"
        )
    return "\n".join(map(escape_unprintable, lines))


def _describe_file(file: FileRecord) -> str:
    placement = "" if file.placement == DEFAULT_PLACEMENT else f"{file.placement}: "
    return f"{placement}{file.name} ({counted(file.size, 'byte')})"


def _time(record: OrderRecord) -> str:
    return f"{record.updated_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if record.updated_at else ""


def _table(records: Iterable[OrderRecord]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Order", "State", "Changed", "Items", "Receipt", "Review", "Why"):
        table.add_column(heading, overflow="fold")
    for record in records:
        items = ", ".join(f"{number} {row.state}" for number, row in record.items.items())
        cells = (
            record.order_number,
            record.state,
            _time(record),
            items,
            record.receipt or "",
            _review(record),
            record.reason.render() if record.reason else "",
        )
        table.add_row(*(Text(escape_unprintable(text)) for text in cells))
    return table


def _review(record: OrderRecord) -> str:
    if record.accepted_by:
        return f"accepted by {record.accepted_by}"
    return "waits" if record.review_files and record.state is FulfillState.OPEN else ""


def _to_dict(record: OrderRecord) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(json.dumps(asdict(record), default=str))
    return fields
