"""``remote-artwork ledger``: what the ledger knows, and a person's word on a call whose outcome nobody knows."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from attrs import asdict
from rich.console import Console
from rich.table import Table
from rich.text import Text

import remote_artwork as ra
from remote_artwork.cli.options import ledger_url
from remote_artwork.cli.output import finish
from remote_artwork.core.lifecycle import (
    DEFAULT_TENANT,
    UNRESOLVED_STATES,
    FulfillState,
    OrderRecord,
    OrderStep,
    resolve_command,
)
from remote_artwork.core.reasons import format_duration, reason
from remote_artwork.core.text import escape_unprintable

ledger_app: typer.Typer = typer.Typer(name="ledger", help="What the ledger knows of orders.", no_args_is_help=True)

_LEASE = timedelta(minutes=1)

Orders = Annotated[Path | None, typer.Option("--orders-file", metavar="FILE", help="The ledger is the one beside it.")]
LedgerUrl = Annotated[str | None, typer.Option("--ledger", metavar="URL", help="For example sqlite:///ledger.db.")]
Tenant = Annotated[str, typer.Option("--tenant", help="Whose orders.")]
Number = Annotated[str, typer.Argument(metavar="ORDER", help="The order's number.")]


@ledger_app.command("list")
def list_orders(
    *,
    orders: Orders = None,
    ledger: LedgerUrl = None,
    tenant: Tenant = DEFAULT_TENANT,
    state: Annotated[FulfillState | None, typer.Option("--state", help="Only orders in this state.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on stdout, and nothing else.")] = False,
) -> None:
    """Every order the ledger has a row of. Writes nothing."""

    def tell() -> int:
        records = list(open_ledger(orders, ledger).find(tenant, state=state))
        if as_json:
            typer.echo(json.dumps([_plain(record) for record in records], indent=2, ensure_ascii=False))
        else:
            Console().print(_table(records))
        return 0

    finish(tell)


@ledger_app.command("show")
def show_order(
    number: Number, *, orders: Orders = None, ledger: LedgerUrl = None, tenant: Tenant = DEFAULT_TENANT
) -> None:
    """Everything the ledger knows of one order, as JSON. Writes nothing."""

    def tell() -> int:
        records = known(open_ledger(orders, ledger), tenant, number)
        typer.echo(json.dumps([_plain(record) for record in records], indent=2, ensure_ascii=False))
        return 0

    finish(tell)


@ledger_app.command("resolve")
def resolve_order(  # noqa: PLR0913 - each is an option of the command
    number: Number,
    *,
    fulfilled: Annotated[
        bool, typer.Option("--fulfilled/--not-fulfilled", help="What the shop says became of the order.")
    ],
    orders: Orders = None,
    ledger: LedgerUrl = None,
    tenant: Tenant = DEFAULT_TENANT,
    order_id: Annotated[str | None, typer.Option("--id", help="Which order, where several have the number.")] = None,
    call_is_over: Annotated[
        bool, typer.Option("--call-is-over", help="No call is under way any more, though its time is not over yet.")
    ] = False,
    approval: Annotated[
        str | None, typer.Option("--approval", help="Which approval, where an order has several.")
    ] = None,
) -> None:
    """Says what became of an uncertain order, after a look in the shop. --not-fulfilled lets the next scan send it."""

    def settle() -> int:
        book = open_ledger(orders, ledger)
        wanted = {"order_id": order_id, "approval": approval}
        record = _unsettled(known(book, tenant, number), number, {k: v for k, v in wanted.items() if v is not None})
        person = getpass.getuser()
        lease = book.claim(record.key, order_number=number, owner=f"a person: {person}", lease_for=_LEASE)
        if lease is None:
            raise ra.ConfigurationError(f"a scan is working on order {number} right now; try again when it is over")
        try:
            _refuse_too_early(lease.record, number, fulfilled=fulfilled or call_is_over)
        except ra.ConfigurationError:
            book.advance(lease, (), release=True)
            raise
        after = FulfillState.FULFILLED if fulfilled else FulfillState.OPEN
        receipt = lease.record.receipt if fulfilled else None
        why = reason("resolved_by_person", person=person)
        step = OrderStep(before=lease.record.state, after=after, receipt=receipt, reason=why, settled_by=person)
        book.advance(lease, [step], release=True)
        typer.echo(f"order {number} is {after} in the ledger now")
        return 0

    finish(settle)


def open_ledger(orders: Path | None, ledger: str | None) -> ra.Ledger:
    """The ledger that the options name."""
    return ra.SqlLedger(ledger_url(orders, ledger))


def known(ledger: ra.Ledger, tenant: str, number: str) -> list[OrderRecord]:
    """The rows of one order number.

    Raises:
        ConfigurationError: There are none.
    """
    records = list(ledger.find(tenant, order_numbers=[number]))
    if not records:
        raise ra.ConfigurationError(f"the ledger knows no order {number} of tenant {tenant}")
    return records


def _unsettled(records: Iterable[OrderRecord], number: str, wanted: Mapping[str, str]) -> OrderRecord:
    """The one row that a person may settle, of those with the wanted id and approval.

    Raises:
        ConfigurationError: There is none, or several; names the commands that each of these would take.
    """
    found = [
        record
        for record in records
        if record.state in UNRESOLVED_STATES
        and all(getattr(record.key, name) == value for name, value in wanted.items())
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ra.ConfigurationError(f"order {number} has no uncertain fulfillment of that kind; see: ledger show")
    which = "; or ".join(resolve_command(record.key, number, by_id=True) for record in found)
    raise ra.ConfigurationError(f"order {number} has {len(found)} uncertain fulfillments; say which: {which}")


def _refuse_too_early(record: OrderRecord, number: str, *, fulfilled: bool) -> None:
    """Refuses to settle what a scan has settled since it was looked up, or what would be sent beside a running call.

    Raises:
        ConfigurationError: Says which, and when it may be tried again.
    """
    if record.state not in UNRESOLVED_STATES:
        raise ra.ConfigurationError(f"a scan has settled order {number} just now: it is {record.state} in the ledger")
    if not fulfilled and record.remaining_call_time:
        rounded_up = format_duration((record.remaining_call_time + timedelta(minutes=1)).total_seconds())
        raise ra.ConfigurationError(
            f"a fulfill call of order {number} may still be under way, and the next scan would send the order again; "
            f"try again in {rounded_up}, or add --call-is-over if you know that it has ended"
        )


def _table(records: Iterable[OrderRecord]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Order", "State", "Items", "Receipt", "Why"):
        table.add_column(heading, overflow="fold")
    for record in records:
        items = ", ".join(f"{number} {row.state}" for number, row in record.items.items())
        told = (
            record.order_number,
            record.state,
            items,
            record.receipt or "",
            record.reason.render() if record.reason else "",
        )
        table.add_row(*(Text(escape_unprintable(text)) for text in told))
    return table


def _plain(record: OrderRecord) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(json.dumps(asdict(record), default=str))
    return fields


def _why(record: OrderRecord) -> str:
    return record.reason.render() if record.reason else ""
