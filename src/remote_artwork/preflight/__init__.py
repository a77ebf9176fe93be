"""Preflight checks: what a file must be before it goes to print."""

from typing import TYPE_CHECKING

from remote_artwork._lazy import lazy_exports

if TYPE_CHECKING:
    from remote_artwork.preflight.pdf import PdfCheck
    from remote_artwork.preflight.pictures import PictureCheck
    from remote_artwork.preflight.signature import SignatureCheck
    from remote_artwork.preflight.standard import preflight_checks

__all__ = ["PdfCheck", "PictureCheck", "SignatureCheck", "preflight_checks"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "preflight.pdf": ["PdfCheck"],
        "preflight.pictures": ["PictureCheck"],
        "preflight.signature": ["SignatureCheck"],
        "preflight.standard": ["preflight_checks"],
    },
)
