"""``remote-artwork orders``: create an orders file, add orders to it, and show them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import remote_artwork as ra
from remote_artwork.cli.options import with_verbose
from remote_artwork.cli.output import finish
from remote_artwork.cli.streams import print_json
from remote_artwork.clients.orders_csv import HEADER
from remote_artwork.clients.orders_file import is_csv
from remote_artwork.core.expected import needed_prints
from remote_artwork.core.manifest import (
    MAX_MANIFEST_SIZE,
    Assignments,
    assign_rows,
    manifest_too_large,
    parse_manifest,
)
from remote_artwork.core.orders import DEFAULT_PLACEMENTS, Order, OrderState
from remote_artwork.core.pattern import DEFAULT_PATTERN, FilenamePattern
from remote_artwork.core.text import counted, escape_unprintable
from remote_artwork.errors import InvalidOrder

orders_app: typer.Typer = typer.Typer(
    name="orders",
    help="Create an orders file, add orders to it, and show them.",
    no_args_is_help=True,
)

_MOST_PROBLEMS = 5
"""Problems of a manifest that a message contains."""

File = Annotated[Path, typer.Argument(metavar="FILE", help="The orders file. Its name ends in .json or .csv.")]


@orders_app.command("new")
@with_verbose
def new_file(file: File) -> None:
    """Create an orders file without orders. Overwrites nothing."""

    def create() -> int:
        require_suffix(file)
        try:
            with file.open("x", encoding="utf-8") as new:
                new.write(HEADER if is_csv(file) else '{\n  "orders": []\n}\n')
        except FileExistsError:
            raise ra.ConfigurationError(f"{file} already exists; choose another name, or add orders to it") from None
        except OSError as error:
            raise ra.ConfigurationError(f"{file} cannot be created: {error.strerror}; choose another folder") from error
        typer.echo(escape_unprintable(f"Created {file}. Next: remote-artwork orders add {file} NUMBER --item N"))
        return 0

    finish(create)


@orders_app.command("add")
@with_verbose
def add_order(  # noqa: PLR0913 - what a person can say about new items
    file: File,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The order's number.")],
    *,
    item: Annotated[
        list[str], typer.Option("--item", metavar="N", help="The number of an item. Can be given several times.")
    ],
    placement: Annotated[
        list[str] | None,
        typer.Option("--placement", metavar="NAME", help="A side that needs its own file. Can be given several times."),
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="The name of the product, for reports.")
    ] = None,
    sku: Annotated[
        str | None, typer.Option("--sku", metavar="TEXT", help="The SKU of the product, for reports and {sku}.")
    ] = None,
    quantity: Annotated[int, typer.Option("--quantity", min=1, metavar="N", help="How many of each item.")] = 1,
    no_artwork: Annotated[bool, typer.Option("--no-artwork", help="These items need no print file.")] = False,
) -> None:
    """Add a pending order, or items of a pending order, to an orders file.

    The options apply to all items of this command. For items that differ, run it again with the same NUMBER.
    """

    def add() -> int:
        require_suffix(file)
        placements = placement or DEFAULT_PLACEMENTS
        try:
            items = [
                ra.OrderItem(
                    each,
                    title=title,
                    sku=sku,
                    placements=placements,
                    quantity=quantity,
                    requires_artwork=not no_artwork,
                )
                for each in item
            ]
            ra.OrdersFile(file).add(number, items)
        except ra.NotPending as error:
            raise ra.ConfigurationError(f"{error}; give the new order its own number") from error
        except InvalidOrder as error:
            raise ra.ConfigurationError(_in_words_of_options(str(error))) from error
        typer.echo(escape_unprintable(f"Added {counted(len(items), 'item')} to order {number} in {file}."))
        return 0

    finish(add)


@orders_app.command("show")
@with_verbose
def show_orders(
    file: File,
    *,
    pattern: Annotated[
        str, typer.Option("--pattern", metavar="PATTERN", help="The pattern of the file names, without extension.")
    ] = DEFAULT_PATTERN,
    manifest: Annotated[
        Path | None,
        typer.Option("--manifest", metavar="FILE", help="A copy of the manifest on this machine, which names files."),
    ] = None,
    reuse: Annotated[
        bool,
        typer.Option("--reuse", help="One file serves every order of a product. For patterns such as '{sku}'."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the orders as JSON, and nothing else.")] = False,
) -> None:
    """Show the orders of a file, and the names of their print files. Writes nothing."""

    def show() -> int:
        names_of = FilenamePattern(pattern)
        ra.Policy(manifest=manifest.name if manifest else None, reuse=reuse).require_pattern(names_of)
        orders = ra.OrdersFile(file).orders()
        assigned = read_assignments(manifest, orders) if manifest else Assignments()
        names = [expected_names(order, names_of, assigned) for order in orders]
        if as_json:
            print_json([_to_dict(order, files) for order, files in zip(orders, names, strict=True)])
            return 0
        if orders:
            Console().print(_table(zip(orders, names, strict=True)))
        else:
            typer.echo("The file has no orders.")
        if assigned.unknown_orders:
            typer.echo(escape_unprintable(f"The manifest: {assigned.unknown_orders.render()}."))
        if not reuse and any(len(files) > len(set(files)) for files in names):
            typer.echo("Several files of one order would have the same name. Add [_{placement}] to the --pattern.")
        if others := sum(order.state is OrderState.OTHER for order in orders):
            typer.echo(
                f"Orders with a status of your own: {others}. Scans ignore them; "
                "an order that waits for its files has the status pending_approval or pending."
            )
        return 0

    finish(show)


_OPTIONS = {"OrderItem.number": "--item", "OrderItem.placements": "--placement", "Order.number": "NUMBER"}
"""Fields that the command sets → how its user writes them."""


def _in_words_of_options(message: str) -> str:
    for name, option in _OPTIONS.items():
        message = message.replace(name, option)
    return message


def require_suffix(file: Path) -> None:
    """Require a name that shows the format of the file.

    Raises:
        ConfigurationError: It has another ending.
    """
    if not is_csv(file) and file.suffix.lower() != ".json":
        raise ra.ConfigurationError(f"{file}: the name of an orders file ends in .json or .csv; choose such a name")


def read_assignments(manifest: Path, orders: Iterable[Order]) -> Assignments:
    """What a manifest on this machine says about the pending orders.

    Raises:
        ConfigurationError: It cannot be read, or cannot be used.
    """
    try:
        with manifest.open("rb") as file:
            content = file.read(MAX_MANIFEST_SIZE + 1)
    except OSError as error:
        raise ra.ConfigurationError(
            f"--manifest {manifest}: {error.strerror}; give the path of a copy on this machine"
        ) from None
    if len(content) > MAX_MANIFEST_SIZE:
        raise ra.ConfigurationError(manifest_too_large(manifest.name).render())
    parsed = parse_manifest(content, manifest.name)
    if parsed.problems:
        raise ra.ConfigurationError("; ".join(problem.render() for problem in parsed.problems[:_MOST_PROBLEMS]))
    return assign_rows(parsed, [order for order in orders if order.state is OrderState.PENDING])


def expected_names(order: Order, pattern: FilenamePattern, assigned: Assignments) -> list[str]:
    """The names of the files that an order needs, without extension. Those that a manifest names have theirs."""
    if problems := assigned.problems.get(order.id):
        return [f"none can be used: {problem.render()}" for problem in problems]
    names = []
    for item, placement in needed_prints(order):
        if row := assigned.rows.get((order.id, item.number), {}).get(placement):
            names.append(row.file)
            continue
        try:
            names.append(pattern.render(order, item, placement))
        except ValueError as error:
            names.append(f"item {item.number}: no name is possible ({error})")
    return names


def _table(orders: Iterable[tuple[Order, list[str]]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Order", "Status", "Items", "Files, without extension"):
        table.add_column(heading, overflow="fold")
    for order, files in orders:
        cells = (
            order.number,
            str(order.state),
            ", ".join(item.number for item in order.items),
            ", ".join(files) or "none",
        )
        table.add_row(*(Text(escape_unprintable(cell)) for cell in cells))
    return table


def _to_dict(order: Order, files: list[str]) -> dict[str, Any]:
    return {
        "number": order.number,
        "id": order.id,
        "state": str(order.state),
        "items": [item.number for item in order.items],
        "files": files,
    }
