"""The commands of the command line."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from attrs import evolve
from rich.console import Console
from rich.text import Text

import remote_artwork as ra
from remote_artwork.cli.alerts import AlertsFile, read_webhook, send_alerts
from remote_artwork.cli.check import run_check
from remote_artwork.cli.demo import run_demo
from remote_artwork.cli.fleet import fleet_app
from remote_artwork.cli.ledger import accept_order, ledger_app
from remote_artwork.cli.named_orders import find_not_pending
from remote_artwork.cli.options import (
    LOCATION_OPTIONS,
    Options,
    Verbose,
    is_url,
    parse_duration,
    with_shared_options,
    with_verbose,
)
from remote_artwork.cli.orders import orders_app
from remote_artwork.cli.output import ProgressBar, finish, log_to_stderr, print_error
from remote_artwork.cli.streams import print_json, print_report_json, safe_streams
from remote_artwork.core.cures import for_operator
from remote_artwork.errors import ClientError, ExitCode, LedgerError, StorageError
from remote_artwork.reporting.html import require_writable
from remote_artwork.reporting.terminal import print_report
from remote_artwork.scanner import sigterm_sets

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")]
Orders = Annotated[
    list[str] | None,
    typer.Option("--order", metavar="N", help="Process only the order with this number. Can be given several times."),
]
Sweep = Annotated[bool, typer.Option("--sweep", help="List every file, even if no order is pending.")]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report", metavar="FILE.html", help="Write a contact sheet: a page with a picture of every artwork."
    ),
]
NameOrUrl = Annotated[
    str, typer.Argument(metavar="NAME|URL", help="The name of a file. With --order: the storage location.")
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Process at most this many orders.")]

app: typer.Typer = typer.Typer(
    name="remote-artwork",
    help="Match print files with pending orders, check them, attach them, and fulfill each order once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(fleet_app)
app.add_typer(ledger_app)
app.add_typer(orders_app)
app.command("accept")(with_verbose(accept_order))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    with safe_streams():
        try:
            app(arguments, prog_name="remote-artwork")
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 1
        return 0


@app.callback(invoke_without_command=True)
def start(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    verbose: Verbose = False,
) -> None:
    """Options that come before the command."""
    log_to_stderr(verbose=verbose)
    if version:
        typer.echo(f"remote-artwork {ra.__version__}")
        raise typer.Exit


@app.command()
@with_verbose
def demo(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="The folder to create the demo in. Default: a new temporary folder."),
    ] = None,
) -> None:
    """Create a small shop with real files in DIR and scan it."""
    program = "remote-artwork" if shutil.which("remote-artwork") else sys.argv[0]
    finish(lambda: run_demo(directory, Console(), program=program))


@app.command()
@with_verbose
@with_shared_options(only=LOCATION_OPTIONS | {"client", "orders", "pattern", "reuse"}, url_is_optional=True)
def check(
    options: Options,
    *,
    write_test: Annotated[
        bool, typer.Option("--write-test", help="Also write a small file, read it, overwrite it and delete it.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Check that a scan can use the location, and say what to change. Writes nothing without --write-test.

    With --orders-file or --client: check how the first pending orders are read. With both a URL and orders: also
    count the files that follow the pattern and the orders that have their files, and name near misses.
    """
    return finish(lambda: run_check(options, write_test=write_test, as_json=as_json))


@app.command()
@with_verbose
@with_shared_options()
def plan(
    options: Options,
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Also read and check the matched files.")] = False,
    order: Orders = None,
    sweep: Sweep = False,
    as_json: AsJson = False,
    page: Report = None,
) -> int:
    """Show what a scan would do (a dry run). Writes nothing except the report that you ask for."""
    run = partial(ra.Scanner.plan, verify=verify, sweep=sweep, orders=order or None)
    return finish(lambda: _run_scan(options, run, as_json=as_json, page=page))


@app.command()
@with_verbose
@with_shared_options()
def scan(
    options: Options,
    *,
    order: Orders = None,
    sweep: Sweep = False,
    limit: Limit = None,
    as_json: AsJson = False,
    page: Report = None,
    alerts: AlertsFile = None,
) -> int:
    """Scan once: attach and fulfill every complete order. SIGTERM ends the scan after the orders in progress."""
    stop = threading.Event()

    def run(scanner: ra.Scanner) -> ra.ScanReport:
        _require_writable_orders(scanner)
        return scanner.scan(sweep=sweep, orders=order or None, limit=limit, stop=stop)

    with sigterm_sets(stop):
        return finish(lambda: _run_scan(options, run, as_json=as_json, page=page, alerts=alerts))


@app.command()
@with_verbose
@with_shared_options()
def watch(
    options: Options,
    *,
    every: Annotated[
        str,
        typer.Option(
            "--every",
            metavar="TIME",
            help="The time from the start of one scan to the start of the next, for example 15m, 1h or 1d. A "
            "random time of up to a tenth is added.",
        ),
    ] = "1h",
    as_json: Annotated[bool, typer.Option("--json", help="Print each report as one line of JSON.")] = False,
    page: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE.html", help="Write a contact sheet after every scan."),
    ] = None,
    alerts: AlertsFile = None,
) -> int:
    """Scan now, and then at the given interval. Ctrl-C or SIGTERM ends it after the orders in progress."""

    def run_watch() -> int:
        interval = parse_duration("--every", every)
        if page is not None:
            require_writable(page)
        webhook = None if alerts is None else read_webhook(alerts, options)
        stop = threading.Event()
        interrupted = _ctrl_c_sets(stop)
        console = Console()
        scanner = options.scanner()
        _require_usable(scanner)

        def show(report: ra.ScanReport) -> None:
            _print_report(report, console, options, as_json=as_json, indent=None)
            if page is not None:
                _write_page(report, page, scanner)
            send_alerts(_for_operator(report), scanner, webhook)

        scanner.run_forever(every=interval, stop=stop, on_report=show)
        return ExitCode.INTERRUPTED if interrupted.is_set() else ExitCode.SUCCESS

    return finish(run_watch)


@app.command()
@with_verbose
@with_shared_options(url=NameOrUrl)
def explain(
    options: Options,
    second: Annotated[
        str | None, typer.Argument(metavar="URL", help="The storage location, after the name of a file.")
    ] = None,
    *,
    order: Annotated[
        str | None, typer.Option("--order", metavar="N", help="Explain this order instead of a file.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Explain why a file or an order has its status.

    For a file: explain NAME URL, in any order. For an order: explain --order N URL.
    """

    def run_explain() -> int:
        if (second is None) == (order is None):
            raise ra.ConfigurationError("write explain NAME URL, or explain --order N URL")
        name, url = (None, options.url) if second is None else _name_and_url(options.url, second)
        location = evolve(options, url=url)
        explanation = location.scanner().explain(name, order=order)
        print_json(explanation.to_dict()) if as_json else typer.echo(for_operator(str(explanation)))
        return explanation.exit_code

    return finish(run_explain)


def _name_and_url(first: str, second: str) -> tuple[str, str]:
    """The name of the file and the URL, whichever came first."""
    return (second, first) if is_url(first) and not is_url(second) else (first, second)


def _require_writable_orders(scanner: ra.Scanner) -> None:
    if isinstance(scanner.client, ra.OrdersFile):
        scanner.client.require_writable()


def _require_usable(scanner: ra.Scanner) -> None:
    """Check before the first of many scans that no setting is wrong. Whatever may be temporary is left to the scans.

    Raises:
        ConfigurationError: The orders file, the ledger or the location cannot be used.
    """
    _require_writable_orders(scanner)
    if isinstance(scanner.client, ra.OrdersFile):
        with suppress(ClientError):
            scanner.client.pending_orders()
    if isinstance(scanner.ledger, ra.SqlLedger):
        with suppress(LedgerError):
            scanner.ledger.exists()
    with suppress(StorageError):
        if scanner.storage.probe_capability() is None:
            next(iter(scanner.storage.pages()), None)


def _ctrl_c_sets(stop: threading.Event) -> threading.Event:
    """The first Ctrl-C sets both events, and the orders in progress are finished. A second one interrupts it."""
    interrupted = threading.Event()

    def first(_number: int, _frame: object) -> None:
        interrupted.set()
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, first)
    return interrupted


def _run_scan(
    options: Options,
    run: Callable[[ra.Scanner], ra.ScanReport],
    *,
    as_json: bool,
    page: Path | None,
    alerts: Path | None = None,
) -> int:
    """Run one scan or dry run, print its report, write the contact sheet, and send alerts.

    A number given with ``--order`` that neither the shop nor the ledger has is a wrong option.
    """
    if page is not None:
        require_writable(page)
    webhook = None if alerts is None else read_webhook(alerts, options)
    with ExitStack() as stack:
        errors = Console(stderr=True)
        bar = stack.enter_context(ProgressBar(errors)) if errors.is_terminal else None
        scanner = options.scanner(observer=bar)
        report = run(scanner)
    _print_report(report, Console(), options, as_json=as_json, indent=2)
    if page is not None:
        _write_page(report, page, scanner)
    send_alerts(_for_operator(report), scanner, webhook)
    not_pending = find_not_pending(scanner, report)
    for each in not_pending:
        errors.print(Text(each.message), soft_wrap=True)
    return ExitCode(max(report.exit_code, *(each.exit_code for each in not_pending), ExitCode.SUCCESS))


def _write_page(report: ra.ScanReport, page: Path, scanner: ra.Scanner) -> None:
    """Write the contact sheet. A scan that was done keeps its exit code if the page cannot be written."""
    try:
        _for_operator(report).to_html(page, storage=scanner.storage)
    except ra.ConfigurationError as error:
        print_error(error)


def _for_operator(report: ra.ScanReport) -> ra.ScanReport:
    """The report with the cures of an operator. Only a reason with an error has a cure."""
    items = tuple(
        evolve(item, because=item.because.with_text(for_operator)) if "error" in item.details else item
        for item in report.items
    )
    faults = tuple(evolve(fault, because=fault.because.with_text(for_operator)) for fault in report.faults)
    return evolve(report, items=items, faults=faults)


def _print_report(
    report: ra.ScanReport, console: Console, options: Options, *, as_json: bool, indent: int | None
) -> None:
    if as_json:
        print_report_json(report, indent=indent)
    else:
        beside = options.orders is not None and options.ledger is None
        print_report(
            _for_operator(report), console, ledger=shlex.join([f"--orders-file={options.orders}"]) if beside else ""
        )
