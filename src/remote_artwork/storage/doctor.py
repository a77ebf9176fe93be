"""The doctor of a location: tries what a scan will need, and says of each what came of it and what to change.

Every step is a function of its own in ``check_steps``; here is their order. Nothing is written unless one asks for it.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol, Self, runtime_checkable
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from attrs import frozen

from remote_artwork.core.orders import MEDIA_TYPES, StoredFile
from remote_artwork.errors import ConfigurationError, FileGone, MissingExtra, RemoteArtworkError, StorageDenied
from remote_artwork.http import NetworkPolicy, Response, request
from remote_artwork.storage.credentials import (
    AccountKey,
    Ambient,
    Anonymous,
    AssumeRole,
    Credentials,
    Keys,
    SasToken,
    ServiceAccount,
)
from remote_artwork.storage.errors import CredentialsRejected, permission_hint
from remote_artwork.storage.location import Location
from remote_artwork.storage.providers import Need
from remote_artwork.storage.storage import ArtworkStorage, Attempt, open_storage, resolve_location


@runtime_checkable
class Resumes(Protocol):
    """A pager that can begin a listing after a name."""

    def names_after(self, name: str) -> Sequence[str]:
        """One page of the names after ``name``, by one request; ``""`` for a key that is not below the folder."""


@runtime_checkable
class Writes(Protocol):
    """A pager that can write, where the credentials may."""

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file, over one that is there."""

    def delete(self, name: str) -> None:
        """Deletes a file."""


def names_after(storage: ArtworkStorage, name: str) -> Sequence[str] | None:
    """As ``Resumes.names_after``; None where the storage cannot be asked to.

    Raises:
        StorageError: The page could not be had.
    """
    internals = storage.internals
    if not isinstance(internals.backend, Resumes):
        return None
    return internals.send("list", partial(internals.backend.names_after, name))


def fetch(storage: ArtworkStorage, url: str, network: NetworkPolicy, length: int) -> Response:
    """The first bytes that a URL of the storage gives to somebody without its credentials.

    Raises:
        StorageError: Nothing was answered.
    """
    headers = {"Range": f"bytes=0-{length - 1}"}
    get = partial(request, "GET", url, network, headers=headers, first_bytes=length)
    return storage.internals.attempt(get, name=None)


def writer_of(storage: ArtworkStorage) -> Writes | None:
    """Writes to the storage; None where it is opened for reading only.

    Its errors are the storage's own, as those of ``ArtworkStorage`` are.
    """
    internals = storage.internals
    return _Translated(internals.backend, internals.attempt) if isinstance(internals.backend, Writes) else None


@frozen
class _Translated:
    pager: Writes
    attempt: Attempt

    def write(self, name: str, content: bytes) -> None:
        self.attempt(partial(self.pager.write, name, content), name=name)

    def delete(self, name: str) -> None:
        self.attempt(partial(self.pager.delete, name), name=name)


A_FEW_BYTES = 16
_LONGER = "(AssumeRole.duration; duration_minutes in a credentials file)"
_CLOCK_MAY_DIFFER = timedelta(minutes=5)
"""Amazon refuses requests from 15 minutes on; a signature that begins in the future is refused at once elsewhere."""


class Verdict(enum.StrEnum):
    """What came of a step, from good to bad."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@frozen(kw_only=True)
class CheckStep:
    """One thing that was tried on a location.

    Args:
        name: What was tried, in a word.
        verdict: Whether it went well.
        message: What came of it, with the remedy where it did not.
        error: Why it failed, where an error told.
    """

    name: str
    verdict: Verdict
    message: str
    error: RemoteArtworkError | None = None


@frozen
class Patient:
    """What is checked, and what with."""

    storage: ArtworkStorage
    location: Location | None
    network: NetworkPolicy
    url_lifetime: timedelta
    clock: Callable[[], datetime]

    @property
    def far(self) -> bool:
        """Whether a network lies between."""
        return self.location is None or self.location.protocol not in ("file", "memory")

    def failed(self, name: str, error: RemoteArtworkError, need: Need | None = None) -> CheckStep:
        """A step that failed by an error, with what to permit where a permission is lacking."""
        lacking = isinstance(error, StorageDenied) and not isinstance(error, CredentialsRejected)
        advice = permission_hint(self.location, need) if need is not None and lacking else ""
        return CheckStep(name=name, verdict=Verdict.FAILED, message=f"{error}{advice}", error=error)


def recognize(location: Location) -> CheckStep:
    """What the URL was taken for, and what was rewritten in it; a warning where it may be that of a file."""
    parts = {
        "endpoint": location.endpoint,
        "region": location.region,
        "bucket": location.bucket,
        "folder": location.prefix or "/",
    }
    told = ", ".join(f"{part} {value}" for part, value in parts.items() if value)
    notes = "".join(f"; {note}" for note in location.notes)
    verdict, message = Verdict.OK, f"{location.provider_title}: {told}{notes}"
    last = location.prefix.rstrip("/").rpartition("/")[2]
    if last.lower().endswith(tuple(f".{extension}" for extension in MEDIA_TYPES)):
        verdict = Verdict.WARNING
        message += f"; {last} is called like a file; if it is one, give the folder that it lies in"
    return CheckStep(name="recognized", verdict=verdict, message=message)


def tell_policy(network: NetworkPolicy) -> CheckStep:
    """What the operator allowed besides what is always allowed."""
    allowed = {"private addresses": network.allow_private, "plain http": network.allow_http}
    named = " and ".join(what for what, is_allowed in allowed.items() if is_allowed)
    if not named:
        return CheckStep(name="network", verdict=Verdict.OK, message="public addresses by https only")
    message = f"{named} are allowed; do so for storages of your own only, never for a merchant's URL"
    return CheckStep(name="network", verdict=Verdict.WARNING, message=message)


def list_a_page(patient: Patient) -> tuple[CheckStep, Sequence[str], StoredFile | None]:
    """One page; an empty one tells nothing more. Returns its names and its first file, too.

    A location that cannot be listed says what can be known there instead.
    """
    try:
        if (outlook := patient.storage.probe_capability()) is not None:
            return CheckStep(name="list", verdict=Verdict.OK, message=outlook), (), None
        page = next((page for page in patient.storage.pages() if page.names), None)
    except RemoteArtworkError as error:
        return patient.failed("list", error, "list"), (), None
    if page is None:
        message = "it can be listed, and is empty; upload a file to see whether it can be read"
        return CheckStep(name="list", verdict=Verdict.WARNING, message=message), (), None
    message = f"it can be listed; files on its first page: {len(page.names):,}, the first is {page.names[0]}"
    return CheckStep(name="list", verdict=Verdict.OK, message=message), page.names, page.file(0)


def start_after(patient: Patient, names: Sequence[str]) -> Iterator[CheckStep]:
    """Whether a listing can begin after a name, and keeps to the folder; nothing where it cannot be asked to."""
    try:
        following = names_after(patient.storage, max(names, key=str.encode))
    except RemoteArtworkError as error:
        yield patient.failed("start-after", error, "list")
        return
    if following is None:
        return
    if any(not name for name in following):
        message = "the storage lists files of other folders; give the folder a bucket of its own"
        yield CheckStep(name="start-after", verdict=Verdict.FAILED, message=message)
    elif not set(names).isdisjoint(following):
        message = "the storage does not begin a listing where it is asked to, so scans list the whole folder"
        yield CheckStep(name="start-after", verdict=Verdict.WARNING, message=message)
    else:
        message = "a listing keeps to the folder and can begin after a name"
        yield CheckStep(name="start-after", verdict=Verdict.OK, message=message)


def missing_name() -> str:
    """A name that no file has."""
    return f"remote-artwork-check-{uuid4().hex}.png"


def look_for_a_missing_file(patient: Patient) -> CheckStep:
    """Whether the storage says that a file is missing, or keeps it to itself."""
    try:
        patient.storage.stat(missing_name())
    except FileGone:
        message = "a file that is not there is said to be missing"
        return CheckStep(name="missing", verdict=Verdict.OK, message=message)
    except StorageDenied as error:
        advice = permission_hint(patient.location, "list")
        message = f"a missing file cannot be told from a forbidden one; permit listing{advice}"
        return CheckStep(name="missing", verdict=Verdict.WARNING, message=message, error=error)
    except RemoteArtworkError as error:
        return patient.failed("missing", error)
    message = "the storage says of a name that nobody used that it is there; check host and bucket in the URL"
    return CheckStep(name="missing", verdict=Verdict.FAILED, message=message)


def read_a_few_bytes(patient: Patient, file: StoredFile) -> tuple[CheckStep, bytes | None]:
    """The begin of a file, at the version that is kept. Returns it, too."""
    try:
        now = patient.storage.stat(file.name)
        begin = patient.storage.reader(now).read(0, A_FEW_BYTES)[:A_FEW_BYTES]
    except RemoteArtworkError as error:
        return patient.failed("read", error, "read"), None
    kept = "keeps versions" if now.version_id else "keeps no versions, as far as it tells"
    message = f"{file.name} can be read ({len(begin)} of {now.size:,} bytes); the storage {kept}"
    return CheckStep(name="read", verdict=Verdict.OK, message=message), begin


def hand_on(patient: Patient, file: StoredFile | None, begin: bytes | None) -> Iterator[CheckStep]:
    """The URL that a shop gets: made, fetched without credentials, and the clocks compared by the answer.

    Without a file it is the URL of one that is not there, whose answer tells the time as well.
    """
    wanted = min(patient.url_lifetime, patient.storage.max_url_lifetime or patient.url_lifetime)
    try:
        url, ends = patient.storage.url(file or _nothing(), expires_in=wanted)
    except RemoteArtworkError as error:
        yield patient.failed("sign", error)
        return
    yield _signing(patient, url, ends, wanted)
    if urlsplit(url).scheme not in ("http", "https"):
        return
    try:
        answer = fetch(patient.storage, url, patient.network, A_FEW_BYTES)
    except RemoteArtworkError as error:
        yield patient.failed("fetch", error)
        return
    if file is not None and begin is not None:
        yield _fetching(answer, begin, signed=ends is not None)
    yield compare_clocks(answer.headers.get("date", ""), patient.clock())


def _nothing() -> StoredFile:
    return StoredFile(name=missing_name(), size=1, etag="none")


def _signing(patient: Patient, url: str, ends: datetime | None, wanted: timedelta) -> CheckStep:
    if urlsplit(url).scheme not in ("http", "https"):
        message = "a shop gets a URL of this machine, which works here only"
        return CheckStep(name="sign", verdict=Verdict.WARNING, message=message)
    if ends is None:
        message = "a shop gets an unsigned URL, which works only while the file may be read without credentials"
        return CheckStep(name="sign", verdict=Verdict.OK, message=message)
    message = f"a shop gets a signed URL, which works until {ends:%Y-%m-%d %H:%M} UTC"
    if wanted < patient.url_lifetime:
        message += f", for {wanted} and not {patient.url_lifetime}; make sessions longer {_LONGER}"
        return CheckStep(name="sign", verdict=Verdict.WARNING, message=message)
    if "X-Amz-Security-Token=" in url:
        message += " at the latest: it dies with the temporary keys that sign it; give keys that last"
        return CheckStep(name="sign", verdict=Verdict.WARNING, message=message)
    return CheckStep(name="sign", verdict=Verdict.OK, message=message)


def _fetching(answer: Response, begin: bytes, *, signed: bool) -> CheckStep:
    nothing_to_give = answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and not begin
    if nothing_to_give or (answer.status in (200, 206) and answer.body[:A_FEW_BYTES] == begin):
        message = "the URL gives the file to whoever has it"
        return CheckStep(name="fetch", verdict=Verdict.OK, message=message)
    if answer.status in (200, 206):
        message = "the URL gives something else than the file; check host and bucket in the URL"
    elif signed:
        message = f"the signed URL does not give the file (HTTP {answer.status}); check keys, region and clock"
    else:
        message = (
            f"nobody gets the file without credentials (HTTP {answer.status}); "
            "let everybody read it, or give credentials that sign URLs"
        )
    return CheckStep(name="fetch", verdict=Verdict.FAILED, message=message)


def compare_clocks(date: str, now: datetime) -> CheckStep:
    """This machine's clock against the time of an answer, which is an HTTP date."""
    try:
        apart = now - parsedate_to_datetime(date)
    except (TypeError, ValueError, OverflowError):
        message = "the storage does not tell its time, so the clocks could not be compared"
        return CheckStep(name="clock", verdict=Verdict.WARNING, message=message)
    seconds = round(abs(apart.total_seconds()))
    if timedelta(seconds=seconds) <= _CLOCK_MAY_DIFFER:
        message = f"this machine's clock and the storage's are {seconds} s apart"
        return CheckStep(name="clock", verdict=Verdict.OK, message=message)
    way = "ahead" if apart > timedelta() else "behind"
    message = f"this machine's clock is {seconds // 60} minutes {way}, so storages refuse what it signs; set it, by NTP"
    return CheckStep(name="clock", verdict=Verdict.FAILED, message=message)


_WORDS: Mapping[type, tuple[Verdict, str]] = {
    Anonymous: (Verdict.OK, "none: what everybody may list and read"),
    Keys: (Verdict.OK, "keys"),
    ServiceAccount: (Verdict.OK, "a service account of Google"),
    AccountKey: (Verdict.WARNING, "the key of an Azure account, which opens all of it; a SAS with sp=rl is enough"),
    Ambient: (Verdict.WARNING, "this machine's own; never use them for a merchant's URL"),
}


def look_at_credentials(credentials: Credentials, url_lifetime: timedelta, now: datetime) -> CheckStep:
    """What kind they are, and of a SAS whether it is good for a scan.

    Args:
        credentials: What the location is opened with.
        url_lifetime: How long a URL has to work; a SAS that is shared has to live as long.
        now: The time.
    """
    if isinstance(credentials, SasToken):
        return _sas(credentials, url_lifetime, now)
    if isinstance(credentials, AssumeRole):
        verdict, message = Verdict.OK, f"{credentials.role_arn}, in sessions of {credentials.duration}"
        if credentials.external_id is None:
            verdict = Verdict.WARNING
            message += ", without an external id; agree on one, or a merchant could name the role of another"
        return CheckStep(name="credentials", verdict=verdict, message=message)
    verdict, message = _WORDS[type(credentials)]
    return CheckStep(name="credentials", verdict=verdict, message=message)


def _sas(sas: SasToken, url_lifetime: timedelta, now: datetime) -> CheckStep:
    fields = {name: values[0] for name, values in parse_qs(sas.token).items()}
    begin, end = _time(fields.get("st")), _time(fields.get("se"))
    verdict, message = Verdict.OK, "a SAS"
    if "si" in fields:
        message += " by a stored access policy, which says what it permits"
    elif not {"r", "l"} <= set(fields.get("sp", "")):
        verdict, message = Verdict.FAILED, "the SAS does not permit to read and to list; make one with sp=rl"
    if fields.get("sr") == "b":
        verdict, message = Verdict.FAILED, "the SAS is for one file; make one for the container"
    if end is not None and end <= now:
        verdict, message = Verdict.FAILED, f"the SAS ended at {end:%Y-%m-%d %H:%M} UTC; make a new one"
    elif begin is not None and begin > now:
        verdict, message = Verdict.FAILED, f"the SAS begins at {begin:%Y-%m-%d %H:%M} UTC; wait, or check the clock"
    elif verdict is Verdict.OK and end is not None:
        message += f", which ends at {end:%Y-%m-%d %H:%M} UTC"
        verdict = Verdict.WARNING if end < now + url_lifetime else Verdict.OK
    return CheckStep(name="credentials", verdict=verdict, message=message)


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC)


def write_and_delete(patient: Patient) -> CheckStep:
    """Writes a small file of a name of its own, reads it, overwrites it, and deletes it."""
    writer = writer_of(patient.storage)
    if writer is None:
        message = "nothing was written: this kind of storage is opened for reading only"
        return CheckStep(name="write", verdict=Verdict.WARNING, message=message)
    name = f"remote-artwork-write-test-{uuid4().hex}.txt"
    try:
        writer.write(name, b"first")
    except RemoteArtworkError as error:
        message = f"nothing could be written, and a scan does not need to: {error}"
        return CheckStep(name="write", verdict=Verdict.OK, message=message)
    try:
        step = _overwritten(patient, writer, name)
    except RemoteArtworkError as error:
        step = patient.failed("write", error, "read")
    try:
        writer.delete(name)
    except RemoteArtworkError as error:
        message = f"{name} was written and could not be deleted again, so delete it; {error}"
        return CheckStep(name="write", verdict=Verdict.FAILED, message=message, error=error)
    return step


def _overwritten(patient: Patient, writer: Writes, name: str) -> CheckStep:
    storage = patient.storage
    before = storage.stat(name)
    first = storage.reader(before).read(0, 16)
    writer.write(name, b"other")
    after = storage.stat(name)
    other = storage.reader(after).read(0, 16)
    if (first, other) != (b"first", b"other") or before.version == after.version:
        message = "a file was overwritten and looks as before, so replaced files would not be noticed; do not use it"
        return CheckStep(name="write", verdict=Verdict.FAILED, message=message)
    hidden = ", whose versions stay hidden until the bucket's rules remove them" if after.version_id else ""
    message = (
        f"a file was written, read, overwritten with a new version and deleted{hidden}; "
        "a scan writes nothing, so give it credentials that may read and list only"
    )
    return CheckStep(name="write", verdict=Verdict.WARNING, message=message)


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
            tried: What it was refused at: ``recognized``, ``credentials`` or ``open``.
            error: Why.
            location: What was recognized until then.
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
        location, credentials = resolve_location(url, credentials, provider)
        storage = open_storage(location, credentials=credentials, network=network)
    except MissingExtra:
        raise
    except RemoteArtworkError as error:
        tried = "open" if location else "recognized"
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
        yield recognize(location)
    if credentials is not None:
        yield look_at_credentials(credentials, url_lifetime, clock())
    if patient.far:
        yield tell_policy(patient.network)
    step, names, first = list_a_page(patient)
    yield step
    if _is_hopeless(step.error):
        return
    if isinstance(step.error, CredentialsRejected):
        # Whatever else is tried would be refused as well; only the clocks may tell why.
        yield from (step for step in hand_on(patient, None, None) if step.name == "clock")
        return
    if names:
        yield from start_after(patient, names)
    yield look_for_a_missing_file(patient)
    begin = None
    if first is not None:
        step, begin = read_a_few_bytes(patient, first)
        yield step
    yield from hand_on(patient, first, begin)
    if write_test:
        yield write_and_delete(patient)


def _is_hopeless(error: RemoteArtworkError | None) -> bool:
    """Whether nothing else can be learnt: not so where only listing is refused, or not to be had there."""
    return error is not None and not isinstance(error, StorageDenied) and type(error) is not ConfigurationError
