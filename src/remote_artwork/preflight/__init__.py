"""Preflight checks: what a file must fulfill before it goes to print."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remote_artwork._lazy import lazy_exports

if TYPE_CHECKING:
    from remote_artwork.preflight.checks import preflight_checks
    from remote_artwork.preflight.pdf import PdfCheck
    from remote_artwork.preflight.pictures import PictureCheck
    from remote_artwork.preflight.signature import SignatureCheck

__all__ = ["PdfCheck", "PictureCheck", "SignatureCheck", "preflight_checks"]

__getattr__: Callable[[str], Any]
__dir__: Callable[[], list[str]]
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "preflight.pdf": ["PdfCheck"],
        "preflight.pictures": ["PictureCheck"],
        "preflight.signature": ["SignatureCheck"],
        "preflight.checks": ["preflight_checks"],
    },
)
