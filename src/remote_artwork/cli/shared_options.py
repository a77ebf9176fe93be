"""The options that every command on a storage location takes, declared once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from remote_artwork.cli.setup import Options
from remote_artwork.core.pattern import DEFAULT_PATTERN


def _shared(  # noqa: PLR0913 - it is the one list of them
    url: Annotated[str, typer.Argument(metavar="URL", help="The storage location, for example s3://bucket/folder/.")],
    *,
    orders: Annotated[
        Path | None, typer.Option("--orders", metavar="FILE", help="A JSON file with the orders.")
    ] = None,
    client: Annotated[
        str | None, typer.Option("--client", metavar="MODULE:FACTORY", help="Makes a client of your own.")
    ] = None,
    ledger: Annotated[
        str | None, typer.Option("--ledger", metavar="URL", help="Default: a SQLite file beside the orders file.")
    ] = None,
    tenant: Annotated[str, typer.Option("--tenant", help="Keeps several shops apart in one ledger.")] = "default",
    pattern: Annotated[str, typer.Option("--pattern", help="The file names, without extension.")] = DEFAULT_PATTERN,
    credentials: Annotated[
        str,
        typer.Option(
            "--credentials",
            metavar="anonymous|ambient|FILE",
            help="ambient: this machine's own. FILE is JSON: keys, role_arn, sas_token, account_key, or Google's own.",
        ),
    ] = "anonymous",
    provider: Annotated[
        str | None, typer.Option("--provider", help="Who runs an endpoint whose host does not tell.")
    ] = None,
    allow_private_network: Annotated[
        bool, typer.Option("--allow-private-network", help="Allows private addresses and plain http.")
    ] = False,
    settle_for: Annotated[
        str,
        typer.Option(
            "--settle-for",
            metavar="TIME|none",
            help="How long a new file waits where one can be seen half written: a local folder, a web folder.",
        ),
    ] = "2m",
    deep: Annotated[bool, typer.Option("--deep", help="Opens every file and measures it, not only its ends.")] = False,
) -> Options:
    return Options(
        url=url,
        orders=orders,
        client=client,
        ledger=ledger,
        tenant=tenant,
        pattern=pattern,
        credentials=credentials,
        provider=provider,
        allow_private_network=allow_private_network,
        settle_for=settle_for,
        preflight="deep" if deep else "signature",
    )


def on_a_location(command: Callable[..., int]) -> Callable[..., int]:
    """Adds the shared options to a command, which receives them as one ``Options`` value, its first argument."""
    shared = inspect.signature(_shared)
    own = inspect.signature(command)
    extra = list(own.parameters.values())[1:]

    @functools.wraps(command)
    def with_options(**given: Any) -> int:
        options = _shared(**{name: given.pop(name) for name in shared.parameters})
        return command(options, **given)

    hints = get_type_hints(_shared, include_extras=True) | get_type_hints(command, include_extras=True)
    declared = sorted([*shared.parameters.values(), *extra], key=lambda parameter: parameter.kind)
    parameters = [parameter.replace(annotation=hints[parameter.name]) for parameter in declared]
    with_options.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options
