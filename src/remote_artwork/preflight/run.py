"""Runs the checks of a shop over one file."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from remote_artwork.core.findings import Finding, Severity
from remote_artwork.core.model import OrderItem
from remote_artwork.errors import StorageError
from remote_artwork.interfaces import ArtworkReader, PreflightCheck

_log = logging.getLogger(__name__)


def run_checks(checks: Iterable[PreflightCheck], artwork: ArtworkReader, item: OrderItem) -> tuple[Finding, ...]:
    """What the checks say of the file, in their order; the first check that rejects it is the last to be asked.

    A check that breaks rejects the file with the code ``check_failed``: unchecked files do not go to print.

    Raises:
        StorageError: The file could not be read, so nothing is known about it.
    """
    findings: list[Finding] = []
    for check in checks:
        findings += _run(check, artwork, item)
        if any(finding.severity is Severity.REJECT for finding in findings):
            break
    return tuple(findings)


def _run(check: PreflightCheck, artwork: ArtworkReader, item: OrderItem) -> list[Finding]:
    name = type(check).__name__
    try:
        return list(check.check(artwork, item))
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001 - a check is the host's code, and one bad file stops no other
        _log.exception("preflight_check_failed", extra={"check": name, "file": artwork.file.name})
        message = f"the check {name} broke ({type(error).__name__}), so nothing is known of the file; see the log"
        return [Finding(severity=Severity.REJECT, code="check_failed", message=message)]
