"""The doctor of a location: tries what a scan will need, and says of each what came of it and what to change.

Every step is a function of its own in ``check_steps``; here is their order. Nothing is written unless one asks for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

from attrs import frozen

from remote_artwork.errors import ConfigurationError, MissingExtra, RemoteArtworkError, StorageDenied
from remote_artwork.storage import check_steps as steps
from remote_artwork.storage.check_credentials import look_at_credentials
from remote_artwork.storage.check_steps import CheckStep, Patient, Verdict
from remote_artwork.storage.check_writing import write_and_delete
from remote_artwork.storage.credentials import Credentials
from remote_artwork.storage.location import Location
from remote_artwork.storage.network import NetworkPolicy
from remote_artwork.storage.opening import open_storage, read_place
from remote_artwork.storage.refusals import RefusedOutright
from remote_artwork.storage.storage import ArtworkStorage

SCHEMA_VERSION = 1

_now: Callable[[], datetime] = partial(datetime.now, UTC)


@frozen(kw_only=True)
class CheckReport:
    """What came of a check.

    Args:
        location: The location in words, without secrets.
        steps: What was tried, in order.
        requests: Requests to the storage by kind; the one that fetches a URL is not among them.
    """

    location: str
    steps: Sequence[CheckStep]
    requests: Mapping[str, int]

    @classmethod
    def of_refusal(cls, tried: str, error: RemoteArtworkError, *, location: str = "") -> Self:
        """The report on a location that was refused before anybody was asked.

        Args:
            tried: What it was refused at: ``recognised``, ``credentials`` or ``open``.
            error: Why.
            location: What was recognised until then.
        """
        failed = CheckStep(name=tried, verdict=Verdict.FAILED, message=str(error), error=error)
        return cls(location=location, steps=[failed], requests={"list": 0, "head": 0, "get": 0})

    @property
    def verdict(self) -> Verdict:
        """The worst of the steps'."""
        return max((step.verdict for step in self.steps), key=list(Verdict).index, default=Verdict.OK)

    @property
    def exit_code(self) -> int:
        """0: it works, perhaps with warnings; 2: something has to be set otherwise; 3: the storage cannot be used."""
        failed = [step for step in self.steps if step.verdict is Verdict.FAILED]
        if not failed:
            return 0
        return 2 if all(isinstance(step.error, ConfigurationError) for step in failed) else 3

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "schema_version": SCHEMA_VERSION,
            "location": self.location,
            "verdict": str(self.verdict),
            "steps": [
                {"name": step.name, "verdict": str(step.verdict), "message": step.message} for step in self.steps
            ],
            "requests": dict(self.requests),
            "exit_code": self.exit_code,
        }

    def to_json(self) -> str:
        """``to_dict`` as JSON text."""
        return json.dumps(self.to_dict(), indent=2)


def check_location(
    url: str,
    *,
    credentials: Credentials | None = None,
    network: NetworkPolicy | None = None,
    provider: str | None = None,
) -> CheckReport:
    """Tries what a scan will need of a URL, as somebody pasted it. Writes nothing.

    Nothing is raised for what is pasted: a URL that is refused is a report with one failed step.

    Args:
        url: As ``open_storage`` takes it.
        credentials: Likewise.
        network: Likewise; what an operator allows.
        provider: Likewise.

    Raises:
        MissingExtra: The protocol's package is not installed, which nobody can help who pastes a URL.
    """
    location = None
    try:
        location, credentials = read_place(url, credentials, provider)
        storage = open_storage(location, credentials=credentials, network=network)
    except MissingExtra:
        raise
    except RemoteArtworkError as error:
        tried = "open" if location else "recognised"
        return CheckReport.of_refusal(tried, error, location=str(location or ""))
    steps = list(check_storage(storage, location=location, credentials=credentials, network=network))
    return CheckReport(location=storage.location, steps=steps, requests=storage.requests)


def check_storage(
    storage: ArtworkStorage,
    *,
    location: Location | None = None,
    credentials: Credentials | None = None,
    network: NetworkPolicy | None = None,
    url_lifetime: timedelta = timedelta(hours=24),
    write_test: bool = False,
    clock: Callable[[], datetime] = _now,
) -> Iterator[CheckStep]:
    """Tries a location, and goes on after a failure as long as later steps still tell something.

    At most two pages are listed, two files looked up and a few bytes read twice: once with the location's credentials,
    once by the URL that a shop gets, without any.

    Args:
        storage: The location.
        location: What it was opened by; tells what to change at its provider.
        credentials: What it was opened with; tells what is wrong with them before anybody is asked.
        network: What the operator allowed; for the request without credentials, and to be named.
        url_lifetime: How long a URL has to work that is handed on.
        write_test: Also writes one small file, reads, overwrites and deletes it.
        clock: Tells the time.
    """
    patient = Patient(storage, location, network or NetworkPolicy(), url_lifetime, clock)
    if location is not None:
        yield steps.recognise(location)
    if credentials is not None:
        yield look_at_credentials(credentials, url_lifetime, clock())
    if patient.far:
        yield steps.tell_policy(patient.network)
    step, names, first = steps.list_a_page(patient)
    yield step
    if _is_hopeless(step.error):
        return
    if isinstance(step.error, RefusedOutright):
        # Whatever else is tried would be refused as well; only the clocks may tell why.
        yield from (step for step in steps.hand_on(patient, None, None) if step.name == "clock")
        return
    if names:
        yield from steps.start_after(patient, names)
    yield steps.look_for_a_missing_file(patient)
    begin = None
    if first is not None:
        step, begin = steps.read_a_few_bytes(patient, first)
        yield step
    yield from steps.hand_on(patient, first, begin)
    if write_test:
        yield write_and_delete(patient)


def _is_hopeless(error: RemoteArtworkError | None) -> bool:
    """Whether nothing else can be learnt: not so where only listing is refused, or not to be had there."""
    return error is not None and not isinstance(error, StorageDenied) and type(error) is not ConfigurationError
