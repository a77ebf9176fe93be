"""The steps of a check. Each tries one thing and says what came of it, with the remedy where it failed."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit
from uuid import uuid4

from attrs import frozen

from remote_artwork.core.model import MEDIA_TYPES, StoredFile
from remote_artwork.errors import FileGone, RemoteArtworkError, StorageDenied
from remote_artwork.storage.fetching import WebAnswer
from remote_artwork.storage.location import Location
from remote_artwork.storage.network import NetworkPolicy
from remote_artwork.storage.permission_hints import hint
from remote_artwork.storage.provider_row import Need
from remote_artwork.storage.refusals import RefusedOutright
from remote_artwork.storage.storage import ArtworkStorage
from remote_artwork.storage.trials import fetch, names_after

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
        lacking = isinstance(error, StorageDenied) and not isinstance(error, RefusedOutright)
        advice = hint(self.location, need) if need is not None and lacking else ""
        return CheckStep(name=name, verdict=Verdict.FAILED, message=f"{error}{advice}", error=error)


def recognise(location: Location) -> CheckStep:
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
    return CheckStep(name="recognised", verdict=verdict, message=message)


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
        if (outlook := patient.storage.outlook()) is not None:
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
        advice = hint(patient.location, "list")
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
    wanted = min(patient.url_lifetime, patient.storage.longest_url or patient.url_lifetime)
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


def _fetching(answer: WebAnswer, begin: bytes, *, signed: bool) -> CheckStep:
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
