"""From command line options to a scanner."""

from __future__ import annotations

import importlib
import sys
from datetime import timedelta
from pathlib import Path

from attrs import frozen

import remote_artwork as ra
from remote_artwork.cli.credentials_file import read_credentials
from remote_artwork.cli.durations import parse_wait
from remote_artwork.core.pattern import DEFAULT_PATTERN
from remote_artwork.core.policy import Preflight
from remote_artwork.storage.opening import read_place


@frozen(kw_only=True)
class Options:
    """What the commands that work on a location have in common."""

    url: str
    orders: Path | None = None
    client: str | None = None
    ledger: str | None = None
    tenant: str = "default"
    pattern: str = DEFAULT_PATTERN
    credentials: str = "anonymous"
    provider: str | None = None
    allow_private_network: bool = False
    settle_for: str = "2m"
    preflight: Preflight = "signature"

    def scanner(self, *, observer: ra.Observer | None = None) -> ra.Scanner:
        """The scanner these options describe.

        Raises:
            ConfigurationError: They contradict each other, or name something that is not there.
        """
        storage = self.storage()
        return ra.Scanner(
            storage,
            self._client(),
            ledger=ra.SqlLedger(ledger_url(self.orders, self.ledger)),
            pattern=self.pattern,
            policy=ra.Policy(preflight=self.preflight, settle_for=parse_wait(self.settle_for)),
            tenant=self.tenant,
            url_lifetime=url_lifetime(storage),
            observer=observer,
        )

    def storage(self) -> ra.ArtworkStorage:
        """The storage location.

        Raises:
            ConfigurationError: The URL is refused, or the credentials cannot be used.
        """
        location, credentials = self.place()
        return ra.open_storage(location, credentials=credentials, network=self.network())

    def network(self) -> ra.NetworkPolicy:
        """What whoever types the command allows."""
        private = self.allow_private_network
        # Whoever types a command may read this machine's folders anyway.
        return ra.NetworkPolicy(allow_private=private, allow_http=private, allow_local=True)

    def place(self) -> tuple[ra.Location, ra.Credentials]:
        """Where the URL leads, and what it is opened with.

        Raises:
            ConfigurationError: The URL is refused, or the credentials cannot be used.
        """
        return read_place(self.url, read_credentials(self.credentials), self.provider)

    def _client(self) -> ra.FulfillmentClient:
        if (self.orders is None) == (self.client is None):
            raise ra.ConfigurationError("say where the orders are: --orders FILE or --client module:factory")
        if self.orders is not None:
            return ra.OrdersFile(self.orders)
        return load_client(str(self.client))


def url_lifetime(storage: ra.ArtworkStorage) -> timedelta:
    """How long the URLs live that are handed on: a day, or as long as the sessions of a role allow."""
    return min(timedelta(hours=24), storage.longest_url or timedelta(hours=24))


def ledger_url(orders: Path | None, ledger: str | None) -> str:
    """The ledger that was named, else the SQLite file beside the orders file.

    Raises:
        ConfigurationError: Neither was named.
    """
    if ledger is not None:
        return ledger
    if orders is None:
        raise ra.ConfigurationError("say which ledger: --ledger URL, for example --ledger sqlite:///ledger.db")
    return f"sqlite:///{orders.with_suffix('.ledger.db')}"


def load_client(target: str) -> ra.FulfillmentClient:
    """Calls the factory that ``module:factory`` names; the working directory is searched too.

    Raises:
        ConfigurationError: It is not there, or what it makes is no client.
    """
    module_name, _, factory_name = target.partition(":")
    if not module_name or not factory_name:
        raise ra.ConfigurationError(f"--client {target!r}: write it as module:factory")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        client = getattr(importlib.import_module(module_name), factory_name)()
    except Exception as error:  # whatever the host's own code raises
        raise ra.ConfigurationError(f"--client {target!r}: {type(error).__name__}: {error}") from error
    if not isinstance(client, ra.FulfillmentClient):
        raise ra.ConfigurationError(f"--client {target!r} made {client!r}, which is no FulfillmentClient")
    return client
