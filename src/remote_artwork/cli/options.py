"""The options that the commands share, and the scanner that they describe."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import logging
import os
import re
import stat
import sys
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer
from attrs import fields_dict, frozen

import remote_artwork as ra
from remote_artwork.cli.output import log_to_stderr
from remote_artwork.core.pattern import DEFAULT_PATTERN
from remote_artwork.core.policy import Preflight
from remote_artwork.credentials import Credentials
from remote_artwork.errors import ConfigurationError, InvalidLocation
from remote_artwork.storage.storage import resolve_location

log: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_DAYS = 365
_LONGEST = timedelta(days=_LONGEST_DAYS)

_TIMEOUTS = ra.NetworkPolicy()
"""The default timeouts."""
_SHORTEST_TIMEOUT, _LONGEST_TIMEOUT = 0.001, 86400.0

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")


def parse_duration(option: str, text: str, *, example: str = "") -> timedelta:
    """Parse the value of an option: a number with a unit, for example ``15m``.

    Raises:
        ConfigurationError: It has another form, is not positive, or is longer than a year.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0
    if seconds <= 0:
        raise ConfigurationError(
            f"{option} {text!r}: write {example}a number above 0 with a unit, for example 90s, 15m, 1h or 2d"
        )
    if seconds > _LONGEST.total_seconds():
        raise ConfigurationError(f"{option} {text!r}: it is too long; write at most {_LONGEST_DAYS}d")
    return max(timedelta(seconds=seconds), timedelta.resolution)


def parse_wait(option: str, text: str) -> timedelta | None:
    """Parse the value of an option: a duration, or ``none``, which means no wait and returns None.

    Raises:
        ConfigurationError: It is neither.
    """
    return None if text.strip().lower() == "none" else parse_duration(option, text, example="none, or ")


_ROLE = frozenset({"role_arn", "external_id", "session_name", "duration_minutes", "region"})
_KEYS = frozenset({"access_key", "secret_key"})


def read_credentials(choice: str) -> Credentials | None:
    """Read credentials from ``anonymous``, ``ambient``, or the path of a JSON file.

    The file holds ``access_key`` and ``secret_key``; or ``role_arn`` and the credentials that assume the role; or
    ``sas_token``; or ``account_key``; or it is the key file of a Google service account.

    Returns:
        The credentials. None for ``anonymous``: those in the URL, such as an Azure SAS, or none.

    Raises:
        ConfigurationError: The file cannot be used. The message never repeats its contents.
    """
    if choice == "anonymous":
        return None
    if choice == "ambient":
        return ra.Ambient()
    path = Path(choice)
    try:
        fields: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise ra.ConfigurationError(f"--credentials {choice}: {what}; use anonymous, ambient or a JSON file") from None
    warn_if_readable_by_others(path)
    found = _parse_credentials(fields) if isinstance(fields, dict) else None
    if found is None:
        raise ra.ConfigurationError(
            f"--credentials {choice}: its fields are not those of credentials; use one of these sets: access_key and "
            "secret_key (token is optional); role_arn, access_key and secret_key; role_arn and ambient; sas_token "
            "(share_sas is optional); account_key; the fields of a Google service account's key file"
        )
    return found


def warn_if_readable_by_others(file: Path) -> None:
    """Log a warning if other users of this machine can read a file with secrets."""
    if file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        log.warning(
            "credentials_readable_by_others", extra={"error": f"other users can read {file}; run chmod 600 {file}"}
        )


def _parse_credentials(fields: Mapping[str, Any]) -> Credentials | None:
    named = set(fields)
    if fields.get("type") == "service_account":
        return ra.ServiceAccount(fields)
    if "role_arn" in named:
        return _role(fields)
    if named <= _KEYS | {"token"}:
        return _keys(fields)
    if {"sas_token"} <= named <= {"sas_token", "share_sas"}:
        return ra.SasToken(fields["sas_token"], share_sas=fields.get("share_sas", False))
    if named == {"account_key"}:
        return ra.AccountKey(fields["account_key"])
    return None


def _keys(fields: Mapping[str, Any]) -> ra.Keys | None:
    return ra.Keys(**fields) if set(fields) >= _KEYS else None


def _role(fields: Mapping[str, Any]) -> ra.AssumeRole | None:
    """Parse a role. The endpoint that issues sessions is never read from a file."""
    rest = {name: value for name, value in fields.items() if name not in _ROLE}
    base = ra.Ambient() if rest == {"ambient": True} else _keys(rest) if set(rest) <= _KEYS | {"token"} else None
    minutes = fields.get("duration_minutes", 60)
    if base is None or isinstance(minutes, bool) or not isinstance(minutes, int) or not 0 < minutes < 10_000:
        return None
    optional = {name: fields[name] for name in ("external_id", "session_name", "region") if name in fields}
    return ra.AssumeRole(fields["role_arn"], base=base, duration=timedelta(minutes=minutes), **optional)


def _shared(  # noqa: PLR0913 - the one list of the shared options
    url: Annotated[str, typer.Argument(metavar="URL", help="The storage location, for example s3://bucket/folder/.")],
    *,
    orders: Annotated[
        Path | None, typer.Option("--orders-file", metavar="FILE", help="A JSON or CSV file with the orders.")
    ] = None,
    client: Annotated[
        str | None, typer.Option("--client", metavar="MODULE:FACTORY", help="A function that returns your client.")
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option("--ledger", metavar="URL", help="The ledger. Default: a SQLite file beside the orders file."),
    ] = None,
    tenant: Annotated[
        str, typer.Option("--tenant", metavar="NAME", help="The shop's name, if several shops share one ledger.")
    ] = "default",
    pattern: Annotated[
        str, typer.Option("--pattern", metavar="PATTERN", help="The pattern of the file names, without extension.")
    ] = DEFAULT_PATTERN,
    manifest: Annotated[
        str | None,
        typer.Option(
            "--manifest", metavar="NAME", help="A CSV file in the location that names files, such as artwork.csv."
        ),
    ] = None,
    reuse: Annotated[
        bool,
        typer.Option("--reuse", help="One file serves every order of a product. For patterns such as '{sku}'."),
    ] = False,
    credentials: Annotated[
        str,
        typer.Option(
            "--credentials",
            metavar="anonymous|ambient|FILE",
            help="ambient: the credentials of this machine. FILE: a JSON file with access_key and secret_key, "
            "role_arn, sas_token or account_key, or a key file of Google.",
        ),
    ] = "anonymous",
    provider: Annotated[
        str | None,
        typer.Option("--provider", metavar="ID", help="The storage provider, if the host name does not show it."),
    ] = None,
    allow_private_network: Annotated[
        bool, typer.Option("--allow-private-network", help="Allow private addresses and plain http.")
    ] = False,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", metavar="FILE", help="Also trust the certificate authorities in this PEM file."),
    ] = None,
    connect_timeout: Annotated[
        float, typer.Option("--connect-timeout", metavar="SECONDS", help="How long connecting may take.")
    ] = _TIMEOUTS.connect_timeout,
    read_timeout: Annotated[
        float,
        typer.Option("--read-timeout", metavar="SECONDS", help="The longest time without new data during a response."),
    ] = _TIMEOUTS.read_timeout,
    call_timeout: Annotated[
        float, typer.Option("--call-timeout", metavar="SECONDS", help="How long one request may take in total.")
    ] = _TIMEOUTS.call_timeout,
    listing_timeout: Annotated[
        float, typer.Option("--listing-timeout", metavar="SECONDS", help="How long one listing or search may take.")
    ] = _TIMEOUTS.listing_timeout,
    files_timeout: Annotated[
        float,
        typer.Option(
            "--files-timeout", metavar="SECONDS", help="How long all requests about single files may take together."
        ),
    ] = _TIMEOUTS.files_timeout,
    orders_at_once: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            metavar="N",
            help="Process at most this many orders at the same time.",
            show_default="16; with --deep, the number of processors, up to 16",
        ),
    ] = None,
    settle_for: Annotated[
        str,
        typer.Option(
            "--settle-for",
            metavar="TIME|none",
            help="How long a file must be unchanged before it is used. Applies to empty files, and to all files in "
            "storages that show a file during its upload, such as local folders.",
        ),
    ] = "2m",
    review: Annotated[
        bool,
        typer.Option(
            "--review", help="Send an order only after a person has accepted its files with the command accept."
        ),
    ] = False,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Open and measure every file. Otherwise, only its beginning and end are checked."),
    ] = False,
) -> Options:
    return Options(
        url=url,
        orders=orders,
        client=client,
        ledger=ledger,
        tenant=tenant,
        pattern=pattern,
        manifest=manifest,
        reuse=reuse,
        credentials=credentials,
        provider=provider,
        allow_private_network=allow_private_network,
        ca_file=ca_file,
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        call_timeout=call_timeout,
        listing_timeout=listing_timeout,
        files_timeout=files_timeout,
        settle_for=settle_for,
        review=review,
        orders_at_once=orders_at_once,
        preflight="deep" if deep else "signature",
    )


_TIMEOUT_OPTIONS = ("connect_timeout", "read_timeout", "call_timeout", "listing_timeout", "files_timeout")

LOCATION_OPTIONS = frozenset(
    {"url", "credentials", "provider", "allow_private_network", "ca_file", "manifest", *_TIMEOUT_OPTIONS}
)
"""The shared options that describe the storage location."""


def with_shared_options(
    *, url: Any = None, only: Collection[str] | None = None, url_is_optional: bool = False
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Add the shared options to a command, which receives them as one ``Options`` value, its first argument.

    Args:
        url: Describes the first argument of the command line, if it is not the usual one.
        only: The shared options that the command has; by default all.
        url_is_optional: Whether the command can be used without a URL, which is empty then.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        shared = [
            parameter
            for name, parameter in inspect.signature(_shared).parameters.items()
            if only is None or name in only
        ]
        own = inspect.signature(command)
        extra = list(own.parameters.values())[1:]

        @functools.wraps(command)
        def with_options(**given: Any) -> int:
            options = _shared(**{parameter.name: given.pop(parameter.name) for parameter in shared})
            return command(options, **given)

        hints = get_type_hints(_shared, include_extras=True) | get_type_hints(command, include_extras=True)
        hints |= {} if url is None else {"url": url}
        declared = sorted([*shared, *extra], key=lambda parameter: parameter.kind)
        parameters = [parameter.replace(annotation=hints[parameter.name]) for parameter in declared]
        if url_is_optional:
            parameters = [each.replace(default="") if each.name == "url" else each for each in parameters]
        with_options.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return with_options

    return decorate


Verbose = Annotated[bool, typer.Option("--verbose", help="Write a log to the error stream.")]


def with_verbose(command: Callable[..., T]) -> Callable[..., T]:
    """Add the option ``--verbose`` to a command."""

    @functools.wraps(command)
    def with_log(*, verbose: bool, **given: Any) -> T:
        if verbose:
            log_to_stderr(verbose=True)
        return command(**given)

    hints = get_type_hints(command, include_extras=True) | {"verbose": Verbose}
    own = inspect.signature(command)
    option = inspect.Parameter("verbose", inspect.Parameter.KEYWORD_ONLY, default=False)
    parameters = [each.replace(annotation=hints[each.name]) for each in (*own.parameters.values(), option)]
    with_log.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_log.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_log


@frozen(kw_only=True)
class Options:
    """The options of the commands that use a storage location."""

    url: str
    orders: Path | None = None
    client: str | None = None
    ledger: str | None = None
    tenant: str = "default"
    pattern: str = DEFAULT_PATTERN
    manifest: str | None = None
    reuse: bool = False
    credentials: str = "anonymous"
    provider: str | None = None
    allow_private_network: bool = False
    ca_file: Path | None = None
    connect_timeout: float = _TIMEOUTS.connect_timeout
    read_timeout: float = _TIMEOUTS.read_timeout
    call_timeout: float = _TIMEOUTS.call_timeout
    listing_timeout: float = _TIMEOUTS.listing_timeout
    files_timeout: float = _TIMEOUTS.files_timeout
    settle_for: str = "2m"
    review: bool = False
    orders_at_once: int | None = None
    preflight: Preflight = "signature"

    def scanner(self, *, observer: ra.Observer | None = None) -> ra.Scanner:
        """The scanner that these options describe.

        Raises:
            ConfigurationError: The options contradict each other, or name something that does not exist.
        """
        policy = self.policy(settle_for=parse_wait("--settle-for", self.settle_for))
        require_tenant(self.tenant)
        storage = self.storage()
        return ra.Scanner(
            storage,
            self.make_client(),
            ledger=ra.SqlLedger(ledger_url(self.orders, self.ledger)),
            pattern=self.pattern,
            policy=policy,
            tenant=self.tenant,
            orders_at_once=self.orders_at_once,
            url_lifetime=url_lifetime(storage),
            observer=observer,
        )

    def policy(self, *, settle_for: timedelta | None) -> ra.Policy:
        """The policy that these options describe.

        Raises:
            ConfigurationError: Two options contradict each other.
        """
        return ra.Policy(
            preflight=self.preflight,
            settle_for=settle_for,
            manifest=self.manifest,
            reuse=self.reuse,
            review=self.review,
        )

    def storage(self) -> ra.ArtworkStorage:
        """The storage location.

        Raises:
            ConfigurationError: The URL is refused, or the credentials cannot be used.
        """
        location, credentials = self.resolve()
        return ra.open_storage(location, credentials=credentials, network=self.network())

    def network(self) -> ra.NetworkPolicy:
        """The network policy of an operator.

        Raises:
            ConfigurationError: A timeout is out of range, or the file of certificates cannot be used.
        """
        private = self.allow_private_network
        for name in _TIMEOUT_OPTIONS:
            value = getattr(self, name)
            if not _SHORTEST_TIMEOUT <= value <= _LONGEST_TIMEOUT:  # not a number is out of range, too
                raise ra.ConfigurationError(
                    f"--{name.replace('_', '-')} {value:g}: write a number of seconds "
                    f"from {_SHORTEST_TIMEOUT:g} to {_LONGEST_TIMEOUT:g}"
                )
        # A user who can run this command can read local folders anyway.
        return ra.NetworkPolicy(
            allow_private=private,
            allow_http=private,
            allow_local=True,
            ca_file=self.ca_file,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            call_timeout=self.call_timeout,
            listing_timeout=self.listing_timeout,
            files_timeout=self.files_timeout,
        )

    def resolve(self) -> tuple[ra.Location, Credentials]:
        """The location of the URL, and the credentials for it.

        Raises:
            ConfigurationError: The URL is refused, or the credentials cannot be used.
        """
        return resolve_location(self.parsable_url(), read_credentials(self.credentials), self.provider)

    def parsable_url(self) -> str:
        """The URL, unless it is the path of a folder.

        Raises:
            InvalidLocation: It is one. The message has its URL.
        """
        if not is_url(self.url) and self.url and os.path.isdir(self.url):  # noqa: PTH112 - never raises
            url = Path(self.url).resolve().as_uri()
            raise InvalidLocation(f"{self.url} is a folder of this machine, not a URL; write {url}")
        return self.url

    @property
    def has_orders(self) -> bool:
        """Whether an orders file or a client was given."""
        return self.orders is not None or self.client is not None

    def make_client(self) -> ra.FulfillmentClient:
        """The client: an orders file, or what the factory returns.

        Raises:
            ConfigurationError: Neither or both were given, or the factory returns no client.
        """
        if self.orders is not None and self.client is not None:
            raise ra.ConfigurationError("--orders-file and --client were both given; use one of them")
        if self.orders is not None:
            return ra.OrdersFile(self.orders)
        if self.client is None:
            raise ra.ConfigurationError("no orders were given; add --orders-file FILE or --client MODULE:FACTORY")
        return load_client(self.client)


def location_options_given(options: Options) -> list[str]:
    """The options about the location that have another value than the default."""
    defaults = fields_dict(Options)
    names = sorted(LOCATION_OPTIONS - {"url"})
    return [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) != defaults[name].default]


def is_url(text: str) -> bool:
    """Whether a text starts like a URL."""
    return _URL.match(text) is not None


def require_tenant(tenant: str) -> None:
    """Require a name of the shop that is not empty.

    Raises:
        ConfigurationError: It is empty.
    """
    if not tenant.strip():
        raise ra.ConfigurationError("--tenant is empty; write the name of the shop, or leave the option out")


def url_lifetime(storage: ra.ArtworkStorage) -> timedelta:
    """How long signed URLs work: a day, or as long as the sessions of a role allow."""
    return min(timedelta(hours=24), storage.max_url_lifetime or timedelta(hours=24))


def ledger_url(orders: Path | None, ledger: str | None) -> str | Path:
    """The URL of the given ledger, or the SQLite file beside the orders file. Each orders file has its own.

    Raises:
        ConfigurationError: Neither was given, or the orders file has no name.
    """
    if ledger is not None:
        return ledger
    if orders is None:
        raise ra.ConfigurationError("no ledger was given; add --ledger URL, for example --ledger sqlite:///ledger.db")
    if not orders.name:
        raise ra.ConfigurationError(f"--orders-file {orders}: it is a folder; write the path of a file")
    name = f"{orders.stem}.ledger.db" if orders.suffix == ".json" else f"{orders.name}-ledger.db"
    return orders.with_name(name)


def load_client(target: str) -> ra.FulfillmentClient:
    """Call the factory that ``module:factory`` names; modules in the working directory are found too.

    Raises:
        ConfigurationError: The factory does not exist, or does not return a client.
    """
    return require_client(target, call_factory(target))


def call_factory(target: str) -> Any:
    """Call the factory that ``module:factory`` names. Return what it returns.

    Raises:
        ConfigurationError: The factory does not exist, or raised an error.
    """
    module_name, _, factory_name = target.partition(":")
    if not module_name or not factory_name:
        raise ra.ConfigurationError(f"--client {target!r}: write it as MODULE:FACTORY, for example my_shop:make_client")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(importlib.import_module(module_name), factory_name)()
    except Exception as error:  # the shop's own code may raise anything
        raise ra.ConfigurationError(
            f"--client {target!r} could not be called ({type(error).__name__}: {error}); name a function without "
            "arguments, in a module that Python can import from this folder"
        ) from error


def require_client(target: str, client: Any) -> ra.FulfillmentClient:
    """Return what a factory returned, if it is a client.

    Raises:
        ConfigurationError: It is not.
    """
    if not isinstance(client, ra.FulfillmentClient):
        raise ra.ConfigurationError(
            f"--client {target!r} returned {client!r}, which is not a FulfillmentClient; "
            "see the how-to page on writing a client"
        )
    return client
