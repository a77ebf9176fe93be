"""``remote-artwork fleet``: the state of many merchants, and the release of merchants from quarantine."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import remote_artwork as ra
from remote_artwork.cli.ledger import open_ledger
from remote_artwork.cli.options import parse_duration, with_verbose
from remote_artwork.cli.output import finish
from remote_artwork.cli.streams import print_json
from remote_artwork.core.cures import for_operator
from remote_artwork.core.reasons import format_duration
from remote_artwork.core.text import counted, escape_unprintable
from remote_artwork.errors import ExitCode
from remote_artwork.fleet.sql_store import SqlMerchantStore
from remote_artwork.fleet.state import MerchantState
from remote_artwork.fleet.status import FleetStatus

fleet_app: typer.Typer = typer.Typer(
    name="fleet",
    help="Show the merchants of a fleet, release them, and remove them.",
    no_args_is_help=True,
)

LedgerUrl = Annotated[
    str,
    typer.Option("--ledger", metavar="URL", help="The ledger of the fleet, for example postgresql://user@host/shop."),
]
Every = Annotated[
    str,
    typer.Option(
        "--every", metavar="TIME", help="The time from one slot of a merchant to the next, for example 15m or 1h."
    ),
]


@fleet_app.command("status")
@with_verbose
def show_status(
    *,
    ledger: LedgerUrl,
    merchant: Annotated[
        str | None, typer.Option("--merchant", metavar="ID", help="Show this merchant instead of the fleet.")
    ] = None,
    every: Every = "1h",
    as_json: Annotated[bool, typer.Option("--json", help="Print the status as JSON, and nothing else.")] = False,
) -> None:
    """Show the status of the fleet, and the merchants that fail. Writes nothing.

    The exit code is 1 if a merchant is in quarantine. With --merchant, only this merchant counts.
    """

    def show() -> int:
        period, now = parse_duration("--every", every), datetime.now(UTC)
        store = open_store(ledger)
        if merchant is not None:
            state = find_merchant(store, merchant)
            document = {**state.to_dict(), "next_pass": state.next_pass(now, period).isoformat()}
            _print(document, lambda: describe(state, now, period), as_json=as_json)
            return ExitCode.PERSON_NEEDED if state.is_quarantined else ExitCode.SUCCESS
        states = list(store.find())
        status = FleetStatus.of(states, now, every=period)
        failing = sorted((state for state in states if state.failures), key=lambda state: -state.failures)
        document = {**status.to_dict(), "failing_merchants": [state.to_dict() for state in failing]}
        _print(document, lambda: summary(status, now), as_json=as_json)
        if failing and not as_json:
            Console().print(_table(failing))
        return ExitCode.PERSON_NEEDED if status.quarantined else ExitCode.SUCCESS

    finish(show)


@fleet_app.command("release")
@with_verbose
def release(
    merchants: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="The ids of the merchants.")] = None,
    *,
    ledger: LedgerUrl,
    all_merchants: Annotated[bool, typer.Option("--all", help="Release all merchants that fail.")] = False,
) -> None:
    """End the quarantine of merchants, and forget their failures. They are due immediately."""

    def release_them() -> int:
        if bool(merchants) == all_merchants:
            raise ra.ConfigurationError("write the ids of the merchants, or --all")
        store = open_store(ledger)
        for each in merchants or ():
            find_merchant(store, each)
        count = store.release(None if all_merchants else merchants)
        typer.echo(f"{counted(count, 'merchant')} released." if count else "None of these merchants fails.")
        return ExitCode.SUCCESS

    finish(release_them)


@fleet_app.command("forget")
@with_verbose
def forget(
    merchants: Annotated[list[str], typer.Argument(metavar="ID...", help="The ids of the merchants.")],
    *,
    ledger: LedgerUrl,
) -> None:
    """Remove merchants from the status, if they have left the platform. Their orders stay in the ledger."""

    def forget_them() -> int:
        store = open_store(ledger)
        for each in merchants:
            find_merchant(store, each)
        typer.echo(f"{counted(store.forget(merchants), 'merchant')} removed.")
        return ExitCode.SUCCESS

    finish(forget_them)


def open_store(ledger: str) -> SqlMerchantStore:
    """Open the states of the merchants in a ledger's database.

    Raises:
        ConfigurationError: There is no ledger.
    """
    opened = open_ledger(None, ledger)
    return SqlMerchantStore(opened)


def find_merchant(store: SqlMerchantStore, merchant: str) -> MerchantState:
    """Return the state of a merchant.

    Raises:
        ConfigurationError: There is none.
    """
    states = list(store.find([merchant], with_results=True))
    if not states:
        raise ra.ConfigurationError(
            f"the merchant {merchant} was never scanned; check the id, --ledger, and that the workers run"
        )
    return states[0]


def summary(status: FleetStatus, now: datetime) -> str:
    """The status of a fleet in a few lines."""
    waits = f" (for up to {_duration(status.longest_due)})" if status.longest_due else ""
    oldest = f"; the oldest order has waited {_duration(now - status.oldest_pending)}" if status.oldest_pending else ""
    return (
        f"{counted(status.merchants, 'merchant')}: {status.running} being scanned, {status.due} due{waits}\n"
        f"  need a person: {counted(status.items_needing_person, 'item')} of "
        f"{counted(status.needing_person, 'merchant')}{oldest}\n"
        f"  failing: {status.failing}, of these in quarantine: {status.quarantined}"
    )


def describe(state: MerchantState, now: datetime, every: timedelta) -> str:
    """What is known about a merchant, in a few lines."""
    counts = state.result.get("counts", {})
    codes = state.result.get("needs_person", {})
    fields = {
        "last pass": _time(state.finished_at),
        "last success": _time(state.succeeded_at),
        "next pass": "running now" if state.is_owned(now) else _time(state.next_pass(now, every)),
        "items": _counts(counts),
        "need a person": _counts(codes),
        "oldest order": _time(state.oldest_pending),
        "failures in a row": str(state.failures or ""),
        "in quarantine since": _time(state.quarantined_at),
        "why": state.reason,
    }
    lines = [f"Merchant {state.merchant}", *(f"  {name}: {value}" for name, value in fields.items() if value)]
    if state.is_quarantined:
        command = shlex.join(["remote-artwork", "fleet", "release", state.merchant])
        lines.append(f"  when the cause is repaired, run {command} with --ledger, or wait for the next pass")
    return for_operator("\n".join(map(escape_unprintable, lines)))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _table(states: Sequence[MerchantState]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Merchant", "Failures", "Quarantine since", "Next probe", "Why"):
        table.add_column(heading, overflow="fold")
    for state in states:
        cells = (
            state.merchant,
            str(state.failures),
            _time(state.quarantined_at),
            _time(state.next_probe),
            for_operator(state.reason),
        )
        table.add_row(*(Text(escape_unprintable(text)) for text in cells))
    return table


def _print(document: dict[str, Any], text: Callable[[], str], *, as_json: bool) -> None:
    print_json(document) if as_json else typer.echo(text())


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else ""


def _duration(time: timedelta) -> str:
    return format_duration(time.total_seconds())
