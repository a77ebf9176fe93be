"""``remote-artwork check``: the location, the manifest, the client, and how the files fit the pending orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import typer

import remote_artwork as ra
from remote_artwork.cli.options import Options, location_options_given
from remote_artwork.cli.output import with_notes
from remote_artwork.cli.streams import print_json
from remote_artwork.core.cures import for_operator
from remote_artwork.core.expected import split_extension
from remote_artwork.core.orders import MEDIA_TYPES
from remote_artwork.core.pattern import DEFAULT_PATTERN, SKU, FilenamePattern
from remote_artwork.core.reasons import Reason, reason, to_dicts
from remote_artwork.core.report import FileStatus, ItemOutcome, ItemStatus
from remote_artwork.core.text import escape_unprintable
from remote_artwork.errors import ConfigurationError, LocationNotFound, RemoteArtworkError
from remote_artwork.scan.client_check import check_client
from remote_artwork.scan.manifest import ManifestReader
from remote_artwork.storage.doctor import CheckReport, CheckStep, Verdict, check_storage

_MOST_NAMES = 10_000
"""How many names of a location are compared with the pattern."""
_MOST_SHOWN = 5
"""How many near misses and conflicts have a line of their own."""
_HAS_FILE = frozenset({ItemStatus.MATCHED, ItemStatus.SETTLING, ItemStatus.REJECTED})
_IN_CONFLICT = frozenset({ItemStatus.CONFLICT, ItemStatus.FAILED})


class _Refused(Exception):
    """An option was refused before any request. Its cause is a ``RemoteArtworkError``.

    Args:
        step: The step that could not be tried.
        location: The location, if it could be parsed.
    """

    def __init__(self, step: str, location: str) -> None:
        super().__init__(step)
        self.step = step
        self.location = location


def run_check(options: Options, *, write_test: bool, as_json: bool) -> int:
    """Print one line for each step of the check, or the report as JSON. Return the exit code.

    Raises:
        ConfigurationError: The options do not fit together.
        RemoteArtworkError: An option was refused. With ``as_json``, the report says so instead.
    """
    _require_subject(options, write_test=write_test)
    try:
        return _Check(options, as_json=as_json).run(write_test=write_test)
    except _Refused as refused:
        error = refused.__cause__
        if not as_json or not isinstance(error, RemoteArtworkError):
            raise error from None  # type: ignore[misc]
        return _print_json(CheckReport.of_refusal(refused.step, error, location=refused.location))


def _require_subject(options: Options, *, write_test: bool) -> None:
    options.network()  # validates the timeouts and the file of certificates
    if options.url:
        return
    if not options.has_orders:
        raise ConfigurationError(
            "there is nothing to check; write the URL of a location, --orders-file FILE or --client MODULE:FACTORY"
        )
    unused = [*location_options_given(options), *(["--write-test"] if write_test else [])]
    if unused:
        raise ConfigurationError(f"{unused[0]} belongs to the check of a location; add the URL of the location")


class _Check:
    """One run of the command."""

    def __init__(self, options: Options, *, as_json: bool) -> None:
        self._options = options
        self._as_json = as_json
        self._steps: list[CheckStep] = []
        self._where = options.client or (str(options.orders) if options.orders else "")

    def run(self, *, write_test: bool) -> int:
        options = self._options
        try:
            policy = options.policy(settle_for=None)
        except RemoteArtworkError as error:
            raise _Refused("manifest", self._where) from error
        try:
            pattern = FilenamePattern(options.pattern)
            policy.require_pattern(pattern)
        except RemoteArtworkError as error:
            raise _Refused("pattern", self._where) from error
        storage = self._check_location(write_test=write_test) if options.url else None
        client = self._check_client(skus=pattern.uses(SKU)) if options.has_orders else None
        if storage is not None and not self._has_failed:
            if client is not None or options.pattern != DEFAULT_PATTERN:
                self._show(check_names(storage, pattern, policy.manifest))
            if policy.manifest is not None:
                self._show(check_manifest(storage, policy.manifest))
            if client is not None and not self._has_failed:
                self._show(check_matches(storage, client, pattern, policy))
        requests = {} if storage is None else storage.requests
        report = CheckReport(location=self._where, steps=self._steps, requests=requests)
        return _print_json(report) if self._as_json else report.exit_code

    @property
    def _has_failed(self) -> bool:
        return any(step.verdict is Verdict.FAILED for step in self._steps)

    def _check_location(self, *, write_test: bool) -> ra.ArtworkStorage:
        options, tried, where, network = self._options, "recognized", "", self._options.network()
        try:
            where, tried = str(ra.Location.parse(options.parsable_url(), options.provider)), "credentials"
            location, credentials = options.resolve()
            tried = "open"
            storage = ra.open_storage(location, credentials=credentials, network=network)
        except RemoteArtworkError as error:
            raise _Refused(tried, where) from error
        self._where = storage.location
        self._show(
            check_storage(storage, location=location, credentials=credentials, network=network, write_test=write_test)
        )
        return storage

    def _check_client(self, *, skus: bool) -> ra.FulfillmentClient:
        try:
            client = self._options.make_client()
        except RemoteArtworkError as error:
            raise _Refused("client", self._where) from error
        self._show(check_client(client, skus=skus))
        return client

    def _show(self, results: Iterator[CheckStep]) -> None:
        """Keep the steps of a check, and print each one as soon as it is known, unless the report is JSON."""
        for step in results:
            self._steps.append(step)
            if not self._as_json:
                text = f"{step.verdict:<9}{step.name}: {with_notes(step.message, step.error)}"
                typer.echo(for_operator(escape_unprintable(text)))


def check_names(
    storage: ra.ArtworkStorage, pattern: FilenamePattern, manifest: str | None = None
) -> Iterator[CheckStep]:
    """``pattern``: how many of the first files have a name that follows the pattern. Nothing without a listing.

    The manifest is not counted.
    """
    try:
        if storage.probe_capability() is not None:
            return
        listed = (name for page in storage.pages() for name in page.names if name != manifest)
        names = list(islice(listed, _MOST_NAMES))
    except RemoteArtworkError as error:
        yield _failed("pattern", error)
        return
    if not names:
        return  # the step "list" says so
    others = sorted((name for name in names if not _follows(name, pattern)), key=lambda name: not _is_printed(name))
    because = reason("names_follow_pattern", pattern=str(pattern), files=len(names), following=len(names) - len(others))
    notes = [reason("name_outside_pattern", file=escape_unprintable(others[0]))] if others else []
    if len(names) == _MOST_NAMES:
        notes.append(reason("only_first_files", files=_MOST_NAMES))
    verdict = Verdict.WARNING if len(others) == len(names) else Verdict.OK
    yield CheckStep(name="pattern", verdict=verdict, because=because, notes=tuple(notes))


def _is_printed(name: str) -> bool:
    return split_extension(name)[1].lower() in MEDIA_TYPES


def _follows(name: str, pattern: FilenamePattern) -> bool:
    return _is_printed(name) and pattern.fits(split_extension(name)[0])


def check_manifest(storage: ra.ArtworkStorage, name: str) -> Iterator[CheckStep]:
    """``manifest``: how many rows it has, or why it cannot be used. A warning if there is none."""
    reader = ManifestReader(storage, name)
    try:
        manifest = reader.read()
    except RemoteArtworkError as error:
        yield _failed("manifest", error)
        return
    if manifest.problems:
        first, *further = manifest.problems[:_MOST_SHOWN]
        wrong = ConfigurationError(first.render())
        yield CheckStep(name="manifest", verdict=Verdict.FAILED, because=first, notes=tuple(further), error=wrong)
    elif reader.file is None:
        yield CheckStep(name="manifest", verdict=Verdict.WARNING, because=reason("manifest_not_found", manifest=name))
    else:
        because = reason("manifest_rows", manifest=name, rows=len(manifest.rows))
        yield CheckStep(name="manifest", verdict=Verdict.OK, because=because)


def check_matches(
    storage: ra.ArtworkStorage, client: ra.FulfillmentClient, pattern: FilenamePattern, policy: ra.Policy
) -> Iterator[CheckStep]:
    """How the files fit the pending orders.

    ``files``: how many orders have their files. ``conflict``: an item that can get no file as it is. ``misnamed``: a
    file that seems to have a wrong name. It is a dry run with an empty ledger, so it does not say what a scan would do.
    """
    try:
        report = ra.Scanner(storage, client, ledger=ra.MemoryLedger(), pattern=pattern, policy=policy).plan()
    except RemoteArtworkError as error:
        yield _failed("files", error)
        return
    for fault in report.faults:
        because = reason("part_not_used", part=fault.part, reasons=to_dicts(fault.reasons))
        missing = LocationNotFound(fault.message) if fault.code == "location_not_found" else None
        yield CheckStep(name="files", verdict=Verdict.FAILED, because=because, error=missing)
    if report.faults:
        return
    found: dict[str, list[bool]] = {}
    for item in report.items:
        if item.status is not ItemStatus.NOT_REQUIRED and item.item_number:
            found.setdefault(item.order_id or item.order_number, []).append(_has_file(item))
    orders = {
        "all": sum(all(files) for files in found.values()),
        "some": sum(any(files) and not all(files) for files in found.values()),
        "none": sum(not any(files) for files in found.values()),
    }
    nothing_fits = bool(found) and orders["none"] == len(found)
    yield CheckStep(
        name="files",
        verdict=Verdict.WARNING if nothing_fits else Verdict.OK,
        because=reason("orders_with_files", orders=len(found), **orders),
    )
    conflicts = [
        reason(
            "conflict_found",
            order=escape_unprintable(item.order_number),
            item=escape_unprintable(item.label),
            reasons=to_dicts(item.reasons),
        )
        for item in report.items
        if item.status in _IN_CONFLICT and item.item_number
    ]
    yield from _some("conflict", conflicts, "more_conflicts")
    near_misses = [
        reason("near_miss_found", file=escape_unprintable(file.name), reasons=to_dicts([file.because]))
        for file in report.files
        if file.status is FileStatus.NEAR_MISS
    ]
    yield from _some("misnamed", near_misses, "more_near_misses")


def _has_file(item: ItemOutcome) -> bool:
    return item.status in _HAS_FILE or item.code == "several_files"


def _some(name: str, found: Sequence[Reason], further: str) -> Iterator[CheckStep]:
    """A warning for each of the first reasons, and one that counts the others."""
    for because in found[:_MOST_SHOWN]:
        yield CheckStep(name=name, verdict=Verdict.WARNING, because=because)
    if len(found) > _MOST_SHOWN:
        because = reason(further, count=len(found) - _MOST_SHOWN)
        yield CheckStep(name=name, verdict=Verdict.WARNING, because=because)


def _failed(name: str, error: RemoteArtworkError) -> CheckStep:
    return CheckStep(name=name, verdict=Verdict.FAILED, because=reason("step_failed", error=str(error)), error=error)


def _print_json(report: CheckReport) -> int:
    print_json(report.to_dict())
    return report.exit_code
