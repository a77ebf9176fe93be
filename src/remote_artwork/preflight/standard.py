"""The checks that a shop's policy asks for."""

from __future__ import annotations

from importlib.util import find_spec

from remote_artwork.client import PreflightCheck
from remote_artwork.core.policy import Policy
from remote_artwork.errors import MissingExtra
from remote_artwork.preflight.pdf import PdfCheck
from remote_artwork.preflight.pictures import PictureCheck
from remote_artwork.preflight.signature import SignatureCheck


def preflight_checks(policy: Policy) -> tuple[PreflightCheck, ...]:
    """The checks a ``Scanner`` makes unless it is given others; put your own behind them.

    Raises:
        MissingExtra: The policy wants checks in depth, and a package for them is not installed.
    """
    signature = SignatureCheck(max_file_size=policy.max_file_size)
    if policy.preflight == "signature":
        return (signature,)
    lacking = [package for package in ("PIL", "pikepdf") if find_spec(package) is None]
    if lacking:
        raise MissingExtra(
            f"Policy(preflight='deep') needs {' and '.join(lacking)}: pip install 'remote_artwork[preflight]'"
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
