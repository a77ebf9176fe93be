"""Checks a location: tries everything that a scan needs, and reports for each step what happened and what to change.

``check_location`` checks a pasted URL, ``check_storage`` an open storage. Each step is one function of a
``CheckContext``. It returns a ``CheckStep``, or None if it does not apply. The steps are below in the order in which
they run. Nothing is written, except by ``write_test_file``, which is optional.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from attrs import define, evolve, field, frozen

from remote_artwork.core.matching import Page
from remote_artwork.core.orders import MEDIA_TYPES, StoredFile
from remote_artwork.core.reasons import Explained, Reason, reason, to_dicts
from remote_artwork.core.skip_scan import ListingOrder, is_sorted_after
from remote_artwork.core.text import escape_unprintable
from remote_artwork.errors import (
    ConfigurationError,
    ExitCode,
    FileGone,
    MissingExtra,
    RemoteArtworkError,
    StorageDenied,
)
from remote_artwork.http import NetworkPolicy, Response, request
from remote_artwork.storage.backends.base import LOCAL, Resumable, Writable
from remote_artwork.storage.backends.listing import KeysOutsideFolder
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
from remote_artwork.storage.errors import CredentialsRejected, permission_to_grant
from remote_artwork.storage.key_validation import MAX_KEY_LENGTH
from remote_artwork.storage.location import Location
from remote_artwork.storage.providers import Need
from remote_artwork.storage.storage import ArtworkStorage, open_storage, resolve_location

SCHEMA_VERSION = 2
"""Of ``CheckReport.to_dict``."""


# The report


class Verdict(enum.StrEnum):
    """The result of a step, from best to worst."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@frozen(kw_only=True)
class CheckStep(Explained):
    """The result of one step.

    Args:
        name: The step.
        verdict: Whether it succeeded.
        because: What happened, as a code with details.
        notes: Further reasons, for example what to do.
        error: The error that made it fail, if any.
    """

    name: str
    verdict: Verdict
    because: Reason
    notes: tuple[Reason, ...] = ()
    error: RemoteArtworkError | None = field(default=None, eq=False)

    @property
    def message(self) -> str:
        """What happened and what to do, in English. ``render`` gives it in another language."""
        return self.render()

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "name": self.name,
            "verdict": str(self.verdict),
            **self.because.to_dict(),
            "notes": to_dicts(self.notes),
            "message": self.message,
        }


@frozen(kw_only=True)
class CheckReport:
    """The result of a check.

    Args:
        location: The location, without secrets; ``""`` if the URL could not be parsed.
        steps: The results, in order.
        requests: The number of requests to the storage, by kind. The request for the signed URL is not included.
    """

    location: str
    steps: Sequence[CheckStep]
    requests: Mapping[str, int]

    @classmethod
    def of_refusal(cls, tried: str, error: RemoteArtworkError, *, location: str = "") -> Self:
        """The report on a location that was refused before any request.

        Args:
            tried: The step that failed: ``recognized``, ``credentials`` or ``open``.
            error: Why.
            location: The location, if it could be parsed.
        """
        step = _step(tried, Verdict.FAILED, reason("step_failed", error=str(error)), error=error)
        return cls(location=location, steps=[step], requests={"list": 0, "head": 0, "get": 0})

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the steps."""
        return max((step.verdict for step in self.steps), key=list(Verdict).index, default=Verdict.OK)

    @property
    def exit_code(self) -> int:
        """0: the location works, perhaps with warnings; 2: a setting must change; 3: the storage cannot be used."""
        failed = (step.error for step in self.steps if step.verdict is Verdict.FAILED)
        codes = (error.exit_code if error else ExitCode.UNUSABLE for error in failed)
        return max(codes, default=ExitCode.SUCCESS)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "schema_version": SCHEMA_VERSION,
            "location": self.location,
            "verdict": str(self.verdict),
            "steps": [step.to_dict() for step in self.steps],
            "requests": dict(self.requests),
            "exit_code": int(self.exit_code),
        }

    def to_json(self) -> str:
        """``to_dict`` as JSON text."""
        return json.dumps(self.to_dict(), indent=2)


# The check

_now: Callable[[], datetime] = partial(datetime.now, UTC)


def check_location(
    url: str,
    *,
    credentials: Credentials | None = None,
    network: NetworkPolicy | None = None,
    provider: str | None = None,
) -> CheckReport:
    """Check a URL as a merchant pasted it. Writes nothing.

    The arguments are those of ``open_storage``. A URL that is refused does not raise: the report has one failed step.

    Args:
        url: The URL.
        credentials: The credentials.
        network: What an operator allows.
        provider: The provider's id, if the host name does not show it.

    Raises:
        MissingExtra: The protocol's package is not installed. Only an operator can install it.
    """
    location = None
    try:
        location, credentials = resolve_location(url, credentials, provider)
        storage = open_storage(location, credentials=credentials, network=network)
    except MissingExtra:
        raise
    except RemoteArtworkError as error:
        return CheckReport.of_refusal("open" if location else "recognized", error, location=str(location or ""))
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
    """Check an open storage. After a failure it continues as long as later steps can still give information.

    It lists at most two pages, looks up two files, and reads a few bytes twice: once with the location's credentials,
    and once by the URL that a shop receives, without credentials.

    Args:
        storage: The storage.
        location: The location that was opened; used to name what to change at its provider.
        credentials: The credentials that were used; checked without a request.
        network: What the operator allows; used for the request without credentials.
        url_lifetime: How long the URL for the shop must be valid.
        write_test: Whether to write, read, overwrite and delete a small file.
        clock: Returns the current time.
    """
    context = CheckContext(
        storage=storage,
        location=location,
        credentials=credentials,
        network=network or NetworkPolicy(),
        url_lifetime=url_lifetime,
        clock=clock,
    )
    yield from _run(context, identify_provider, inspect_credentials, show_network_policy, list_first_page)
    error = context.listing_error
    if isinstance(error, CredentialsRejected):
        # The storage would refuse the other steps, too. Only a wrong clock may explain why.
        steps = _run(context, sign_url, fetch_url, compare_clocks)
        yield from (step for step in steps if step.name == "clock")
        return
    if error is not None and not isinstance(error, StorageDenied) and type(error) is not ConfigurationError:
        return  # the storage cannot be used at all
    yield from _run(context, list_after_name, look_up_missing_file, read_first_bytes)
    yield from _run(context, sign_url, fetch_url, compare_clocks)
    if write_test:
        yield from _run(context, write_test_file)


@define(kw_only=True)
class CheckContext:
    """What the steps work with, and what they learn for the steps after them.

    Args:
        storage: The storage.
        location: The location, if known.
        credentials: The credentials, if known.
        network: What the operator allows.
        url_lifetime: How long the URL for the shop must be valid.
        clock: Returns the current time.
        listing_error: Why the folder could not be listed.
        names: The names on the first page.
        file: The first file.
        content: The first bytes of that file.
        url: The URL that a shop receives.
        url_is_signed: Whether it is signed.
        server_date: The storage's own time, as it sent it; None if the storage did not respond.
    """

    storage: ArtworkStorage
    location: Location | None = None
    credentials: Credentials | None = None
    network: NetworkPolicy = field(factory=NetworkPolicy)
    url_lifetime: timedelta = timedelta(hours=24)
    clock: Callable[[], datetime] = _now
    listing_error: RemoteArtworkError | None = None
    names: Sequence[str] = ()
    file: StoredFile | None = None
    content: bytes | None = None
    url: str | None = None
    url_is_signed: bool = False
    server_date: str | None = None

    def failed(self, name: str, error: RemoteArtworkError, need: Need | None = None) -> CheckStep:
        """A step that failed with an error; with the permission to grant, if a missing permission is the cause."""
        lacks_permission = isinstance(error, StorageDenied) and not isinstance(error, CredentialsRejected)
        notes = self.permission_notes(need) if need is not None and lacks_permission else ()
        return _step(name, Verdict.FAILED, reason("step_failed", error=str(error)), *notes, error=error)

    def permission_notes(self, need: Need) -> tuple[Reason, ...]:
        """The permission to grant at the provider, if it is known."""
        permission = permission_to_grant(self.location, need)
        if permission is None or self.location is None:
            return ()
        return (reason("permission_to_grant", provider=self.location.provider_title, permission=permission),)


def _run(context: CheckContext, *steps: Callable[[CheckContext], CheckStep | None]) -> Iterator[CheckStep]:
    for step in steps:
        if (result := step(context)) is not None:
            yield result


def _step(
    name: str, verdict: Verdict, because: Reason, *notes: Reason, error: RemoteArtworkError | None = None
) -> CheckStep:
    return CheckStep(name=name, verdict=verdict, because=because, notes=notes, error=error)


# Steps without a request


def identify_provider(context: CheckContext) -> CheckStep | None:
    """``recognized``: how the URL was understood, and what was rewritten. Warns if it seems to be the URL of a file."""
    location = context.location
    if location is None:
        return None
    parts = {
        "endpoint": location.endpoint,
        "region": location.region,
        "bucket": location.bucket,
        "folder": location.prefix or "/",
    }
    because = reason(
        "location_recognized",
        provider=location.provider_title,
        parts={name: value for name, value in parts.items() if value},
    )
    notes = [reason("url_rewritten", note=note) for note in location.notes]
    folder = location.prefix.rstrip("/").rpartition("/")[2]
    if not folder.lower().endswith(tuple(f".{extension}" for extension in MEDIA_TYPES)):
        return _step("recognized", Verdict.OK, because, *notes)
    return _step("recognized", Verdict.WARNING, because, *notes, reason("folder_looks_like_file", folder=folder))


def inspect_credentials(context: CheckContext) -> CheckStep | None:
    """``credentials``: their type, and whether they allow too much; whether a SAS is sufficient for a scan."""
    match context.credentials:
        case None:
            return None
        case Anonymous() if context.location is not None and context.location.protocol in LOCAL:
            return _step("credentials", Verdict.OK, reason("credentials_not_needed"))
        case SasToken() as sas:
            return _inspect_sas(sas, context)
        case AssumeRole() as role:
            because = reason("credentials_role", role=role.role_arn, duration=role.duration.total_seconds())
            if role.external_id is None:
                return _step("credentials", Verdict.WARNING, because, reason("role_without_external_id"))
            return _step("credentials", Verdict.OK, because)
        case credentials:
            verdict, code = _CREDENTIALS[type(credentials)]
            return _step("credentials", verdict, reason(code))


_CREDENTIALS: Mapping[type, tuple[Verdict, str]] = {
    Anonymous: (Verdict.OK, "credentials_none"),
    Keys: (Verdict.OK, "credentials_keys"),
    ServiceAccount: (Verdict.OK, "credentials_service_account"),
    AccountKey: (Verdict.WARNING, "credentials_account_key"),
    Ambient: (Verdict.WARNING, "credentials_of_machine"),
}


def _inspect_sas(sas: SasToken, context: CheckContext) -> CheckStep:
    fields = {name: values[0] for name, values in parse_qs(sas.token).items()}
    now, start, end = context.clock(), _parse_time(fields.get("st")), _parse_time(fields.get("se"))
    by_policy = "si" in fields
    if end is not None and end <= now:
        return _step("credentials", Verdict.FAILED, reason("sas_expired", at=end.isoformat()))
    if start is not None and start > now:
        return _step("credentials", Verdict.FAILED, reason("sas_not_yet_valid", at=start.isoformat()))
    if fields.get("sr") == "b":
        return _step("credentials", Verdict.FAILED, reason("sas_for_one_file"))
    if not by_policy and not {"r", "l"} <= set(fields.get("sp", "")):
        return _step("credentials", Verdict.FAILED, reason("sas_lacks_permission"))
    notes = [reason("sas_by_policy")] if by_policy else []
    if end is not None:
        notes.append(reason("sas_expires", at=end.isoformat()))
    if end is None or end >= now + context.url_lifetime:
        return _step("credentials", Verdict.OK, reason("credentials_sas"), *notes)
    notes.append(reason("sas_expires_early", lifetime=context.url_lifetime.total_seconds()))
    return _step("credentials", Verdict.WARNING, reason("credentials_sas"), *notes)


def _parse_time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def show_network_policy(context: CheckContext) -> CheckStep | None:
    """``network``: what the operator allows in addition to public addresses over https."""
    if context.location is not None and context.location.protocol in LOCAL:
        return None
    allowed = []
    if context.network.allow_private:
        allowed.append(reason("private_network_allowed"))
    if context.network.allow_http:
        allowed.append(reason("plain_http_allowed"))
    if not allowed:
        return _step("network", Verdict.OK, reason("public_network_only"))
    return _step("network", Verdict.WARNING, *allowed, reason("own_storages_only"))


# Steps that list and read


def list_first_page(context: CheckContext) -> CheckStep:
    """``list``: the first page with files; for a location without a listing, how missing files are detected."""
    try:
        capability = context.storage.probe_capability()
        if capability is not None:
            verdict = Verdict.WARNING if capability.caution else Verdict.OK
            return _step("list", verdict, reason("missing_files_probed", capability=capability.description))
        page = next((page for page in context.storage.pages() if page.names or page.unusable), Page())
        notes = _unusable_files(page.unusable)
        if not page.names:
            return _step("list", Verdict.WARNING, *(notes or [reason("listing_empty"), *_look_outside_folder(context)]))
        context.names, context.file = page.names, page.file(0)
    except RemoteArtworkError as error:
        context.listing_error = error
        return context.failed("list", error, "list")
    verdict = Verdict.WARNING if notes else Verdict.OK
    return _step("list", verdict, reason("listing_works", files=len(page.names), file=page.names[0]), *notes)


def _look_outside_folder(context: CheckContext) -> Sequence[Reason]:
    """Whether the bucket of an empty folder has other files. An empty folder looks the same as a misspelled one."""
    location = context.location
    if location is None or not (location.bucket and location.prefix):
        return ()
    try:
        bucket = open_storage(evolve(location, prefix=""), credentials=context.credentials, network=context.network)
        name = next((page.names[0] for page in bucket.pages() if page.names), None)
    except RemoteArtworkError:  # the credentials may allow nothing but the folder
        return ()
    if name is None:
        return (reason("bucket_is_empty"),)
    return (reason("bucket_has_other_files", file=escape_unprintable(name)),)


def _unusable_files(unusable: Mapping[str, Reason]) -> Sequence[Reason]:
    for key, because in unusable.items():
        file = escape_unprintable(key[:MAX_KEY_LENGTH])
        return (reason("files_unusable", count=len(unusable), file=file, reasons=[because.to_dict()]),)
    return ()


def list_names_after(storage: ArtworkStorage, name: str) -> Sequence[str] | None:
    """One page of the names after ``name``; None if the storage cannot start a listing there.

    Raises:
        StorageError: The page could not be fetched.
    """
    internals = storage.internals
    if not isinstance(internals.backend, Resumable):
        return None
    return internals.backend.names_after(name, internals.send)


def list_after_name(context: CheckContext) -> CheckStep | None:
    """``start-after``: whether a listing is in order, can start after a name, and stays in the folder."""
    if not context.names:
        return None
    try:
        following = list_names_after(context.storage, max(context.names, key=str.encode))
    except KeysOutsideFolder:
        return _step("start-after", Verdict.FAILED, reason("listing_leaves_folder"))
    except RemoteArtworkError as error:
        return context.failed("start-after", error, "list")
    return None if following is None else _judge_order(context.names, following)


def _judge_order(names: Sequence[str], following: Sequence[str]) -> CheckStep:
    """How scans will search the storage: by the names of its first page, and the names that follow them."""
    if not set(names).isdisjoint(following):
        return _step("start-after", Verdict.WARNING, reason("listing_restarts"))
    if not is_sorted_after(names, "") or not is_sorted_after(following, names[-1]):
        return _step("start-after", Verdict.WARNING, reason("listing_unsorted"))
    order = ListingOrder()
    order.add_page(names)
    order.add_page(following)
    notes = [] if order.is_proven else [reason("listing_order_unproven")]
    return _step("start-after", Verdict.OK, reason("listing_starts_after"), *notes)


def look_up_missing_file(context: CheckContext) -> CheckStep:
    """``missing``: whether the storage reports that a file is missing."""
    try:
        context.storage.stat(_unused_name())
    except FileGone:
        return _step("missing", Verdict.OK, reason("missing_reported"))
    except StorageDenied as error:
        notes = context.permission_notes("list")
        return _step("missing", Verdict.WARNING, reason("missing_looks_forbidden"), *notes, error=error)
    except RemoteArtworkError as error:
        return context.failed("missing", error)
    return _step("missing", Verdict.FAILED, reason("missing_looks_present"))


def _unused_name() -> str:
    return f"remote-artwork-check-{uuid4().hex}.png"


_FIRST_BYTES = 16


def read_first_bytes(context: CheckContext) -> CheckStep | None:
    """``read``: the start of the first file, and whether the storage keeps versions."""
    if context.file is None:
        return None
    try:
        file = context.storage.stat(context.file.name)
        context.content = context.storage.reader(file).read(0, _FIRST_BYTES)[:_FIRST_BYTES]
    except RemoteArtworkError as error:
        return context.failed("read", error, "read")
    because = reason("file_readable", file=file.name, read=len(context.content), size=file.size)
    versions = reason("versions_kept" if file.version_id else "versions_not_kept")
    return _step("read", Verdict.OK, because, versions)


# Steps with the URL that a shop receives


def sign_url(context: CheckContext) -> CheckStep:
    """``sign``: the URL that a shop receives. In an empty folder, that of a missing file, to compare the clocks."""
    max_lifetime = context.storage.max_url_lifetime
    lifetime = min(context.url_lifetime, max_lifetime or context.url_lifetime)
    file = context.file or StoredFile(name=_unused_name(), size=1, etag="none")
    try:
        url, expires_at = context.storage.url(file, expires_in=lifetime)
    except RemoteArtworkError as error:
        return context.failed("sign", error)
    if urlsplit(url).scheme not in ("http", "https"):
        return _step("sign", Verdict.WARNING, reason("url_of_this_machine"))
    context.url, context.url_is_signed = url, expires_at is not None
    if expires_at is None:
        return _step("sign", Verdict.OK, reason("url_unsigned"))
    because = reason("url_signed", at=expires_at.isoformat())
    if lifetime < context.url_lifetime:
        seconds, wanted = lifetime.total_seconds(), context.url_lifetime.total_seconds()
        return _step("sign", Verdict.WARNING, because, reason("url_expires_early", lifetime=seconds, wanted=wanted))
    if "X-Amz-Security-Token=" in url:
        return _step("sign", Verdict.WARNING, because, reason("url_ends_with_keys"))
    return _step("sign", Verdict.OK, because)


def fetch_url(context: CheckContext) -> CheckStep | None:
    """``fetch``: whether that URL opens the file without credentials."""
    if context.url is None:
        return None
    headers = {"Range": f"bytes=0-{_FIRST_BYTES - 1}"}
    get = partial(request, "GET", context.url, context.network, headers=headers, first_bytes=_FIRST_BYTES)
    try:
        response: Response = context.storage.internals.attempt(get, name=None)
    except RemoteArtworkError as error:
        return context.failed("fetch", error)
    context.server_date = response.headers.get("date", "")
    content, status = context.content, response.status
    if content is None:
        return None
    is_empty_file = status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and not content
    if is_empty_file or (status in (200, 206) and response.body[:_FIRST_BYTES] == content):
        return _step("fetch", Verdict.OK, reason("url_works"))
    if status in (200, 206):
        return _step("fetch", Verdict.FAILED, reason("url_opens_other_file"))
    code = "url_refused" if context.url_is_signed else "file_not_public"
    return _step("fetch", Verdict.FAILED, reason(code, http_status=status))


_MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
"""Amazon refuses requests from 15 minutes on. Other storages refuse any signature whose time is in the future."""


def compare_clocks(context: CheckContext) -> CheckStep | None:
    """``clock``: the difference between this machine's clock and the storage's, from the header ``Date``."""
    if context.server_date is None:
        return None
    try:
        difference = context.clock() - parsedate_to_datetime(context.server_date)
    except (TypeError, ValueError, OverflowError):
        return _step("clock", Verdict.WARNING, reason("clock_unknown"))
    seconds = round(abs(difference.total_seconds()))
    if timedelta(seconds=seconds) <= _MAX_CLOCK_DIFFERENCE:
        return _step("clock", Verdict.OK, reason("clock_correct", seconds=seconds))
    code = "clock_ahead" if difference > timedelta() else "clock_behind"
    return _step("clock", Verdict.FAILED, reason(code, minutes=seconds // 60))


# The optional write test


def write_test_file(context: CheckContext) -> CheckStep:
    """``write``: writes a small file with a name of its own, reads it, overwrites it and deletes it."""
    backend, attempt = context.storage.internals.backend, context.storage.internals.attempt
    if not isinstance(backend, Writable):
        return _step("write", Verdict.WARNING, reason("write_not_supported"))
    name = f"remote-artwork-write-test-{uuid4().hex}.txt"

    def write(content: bytes) -> None:
        attempt(partial(backend.write, name, content), name=name)

    try:
        write(b"first")
    except RemoteArtworkError as error:
        return _step("write", Verdict.OK, reason("write_refused", error=str(error)))
    try:
        step = _overwrite(context.storage, name, write)
    except RemoteArtworkError as error:
        step = context.failed("write", error, "read")
    try:
        attempt(partial(backend.delete, name), name=name)
    except RemoteArtworkError as error:
        return _step("write", Verdict.FAILED, reason("test_file_left", file=name, error=str(error)), error=error)
    return step


def _overwrite(storage: ArtworkStorage, name: str, write: Callable[[bytes], None]) -> CheckStep:
    before = storage.stat(name)
    first = storage.reader(before).read(0, _FIRST_BYTES)
    write(b"other")
    after = storage.stat(name)
    other = storage.reader(after).read(0, _FIRST_BYTES)
    if (first, other) != (b"first", b"other") or before.version == after.version:
        return _step("write", Verdict.FAILED, reason("replacement_unnoticed"))
    notes = [reason("old_versions_hidden")] if after.version_id else []
    return _step("write", Verdict.WARNING, reason("write_works"), *notes, reason("write_not_needed"))
