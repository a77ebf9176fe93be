"""Which checks a policy asks for, and how they run on one file."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib.util import find_spec

from remote_artwork.client import ArtworkReader, PreflightCheck
from remote_artwork.core.orders import OrderItem
from remote_artwork.core.policy import Policy
from remote_artwork.core.report import Finding, Severity
from remote_artwork.core.text import redact_error
from remote_artwork.errors import MissingExtra, StorageError
from remote_artwork.preflight.base import rejection
from remote_artwork.preflight.pdf import PdfCheck
from remote_artwork.preflight.pictures import PictureCheck
from remote_artwork.preflight.signature import SignatureCheck

log: logging.Logger = logging.getLogger(__name__)


def preflight_checks(policy: Policy) -> tuple[PreflightCheck, ...]:
    """Return the default checks of a ``Scanner``. Add your own checks after them.

    Raises:
        MissingExtra: The policy asks for deep checks, and a package that they need is not installed.
    """
    signature = SignatureCheck(max_file_size=policy.max_file_size)
    if policy.preflight == "signature":
        return (signature,)
    missing = [package for package in ("PIL", "pikepdf", "pypdfium2") if find_spec(package) is None]
    if missing:
        raise MissingExtra(
            f"Policy(preflight='deep') needs {' and '.join(missing)}: pip install 'remote_artwork[preflight]'"
        )
    return (
        signature,
        PictureCheck(
            min_dpi=policy.min_dpi,
            max_pixels=policy.max_pixels,
            color_modes=policy.color_modes,
            reject_for=policy.reject_for,
        ),
        PdfCheck(bleed_mm=policy.bleed_mm, max_pages=policy.max_pages, reject_for=policy.reject_for),
    )


def run_checks(checks: Iterable[PreflightCheck], artwork: ArtworkReader, item: OrderItem) -> tuple[Finding, ...]:
    """Run the checks in their order, and stop after the first one that rejects the file.

    A check that raises an error rejects the file with the code ``check_failed``, because an unchecked file must not go
    to print.

    Raises:
        StorageError: The file could not be read, so nothing is known about it.
    """
    findings: list[Finding] = []
    for check in checks:
        findings += _run_check(check, artwork, item)
        if any(finding.severity is Severity.REJECT for finding in findings):
            break
    return tuple(findings)


def _run_check(check: PreflightCheck, artwork: ArtworkReader, item: OrderItem) -> list[Finding]:
    name = type(check).__name__
    try:
        return list(check.check(artwork, item))
    except StorageError:
        raise
    except Exception as error:
        log.exception(
            "preflight_check_failed", extra={"check": name, "file": artwork.file.name}, exc_info=redact_error(error)
        )
        return [rejection("check_failed", check=name, error=type(error).__name__)]
