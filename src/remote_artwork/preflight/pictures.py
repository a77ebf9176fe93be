"""Is a JPEG or PNG fit for print: does it decode whole, is it large enough, are its colours accepted?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from attrs import frozen

from remote_artwork.core.findings import Colour, Finding
from remote_artwork.core.model import OrderItem
from remote_artwork.interfaces import ArtworkReader
from remote_artwork.preflight.apart import Exhausted, measure_apart
from remote_artwork.preflight.facts import PictureFacts
from remote_artwork.preflight.png import png_facts
from remote_artwork.preflight.verdicts import passed, rejection, strictly, warning

_MM_AN_INCH = 25.4
_SMALLEST_SIDE = 16
"""Pixels; below, it is a placeholder or a tracking pixel, whatever it is printed on."""
_SAID: dict[Colour, str] = {"grey": "greyscale", "rgb": "RGB", "cmyk": "CMYK"}


@frozen(kw_only=True)
class PictureCheck:
    """Decodes a picture whole and measures it. Says nothing of other files. JPEG needs the extra ``preflight``.

    Rejects with the codes ``damaged``, ``too_complex``, ``too_many_pixels`` and ``too_small``. Warns with
    ``low_resolution``, ``colour_mode``, ``grey_end`` and ``not_decoded``. Passes with ``pixels``, ``resolution`` and
    ``colour_mode``.

    Args:
        min_dpi: Pixels an inch at the item's print size, below which it warns.
        max_pixels: A picture with more is rejected by its header alone.
        colour_modes: Of ``grey``, ``rgb`` and ``cmyk``, those that the shop prints well; it warns of others.
        reject_for: Codes of warnings that reject the file instead.
    """

    min_dpi: float = 150.0
    max_pixels: int = 179_000_000
    colour_modes: tuple[Colour, ...] = ("grey", "rgb", "cmyk")
    reject_for: tuple[str, ...] = ()

    def check(self, artwork: ArtworkReader, item: OrderItem) -> Iterable[Finding]:
        """What was measured, and how it compares.

        Raises:
            StorageError: The file could not be read.
        """
        extension = artwork.file.extension
        try:
            if extension == "png":
                facts = png_facts(artwork, max_pixels=self.max_pixels)
            elif extension in ("jpg", "jpeg"):
                facts = PictureFacts(**measure_apart("jpeg", artwork, max_pixels=self.max_pixels))
            else:
                return []
        except Exhausted as error:
            return [rejection("too_complex", f"the picture cannot be checked: {error}; save it anew, or smaller")]
        return strictly(self._judge(facts, item.print_size_mm), self.reject_for)

    def _judge(self, facts: PictureFacts, print_size_mm: tuple[float, float] | None) -> Iterator[Finding]:
        size = _pixels((facts.width, facts.height))
        if facts.pixels > self.max_pixels:
            message = f"the picture is {size}, which is too large to be handled; save it with fewer pixels"
            yield rejection(
                "too_many_pixels", message, f"{facts.pixels:,} pixels", f"at most {self.max_pixels:,} pixels"
            )
        elif facts.flaw:
            yield rejection("damaged", f"the picture is damaged: {facts.flaw}; export it again and upload it")
        elif min(facts.width, facts.height) < _SMALLEST_SIDE:
            least = f"at least {_pixels((_SMALLEST_SIDE, _SMALLEST_SIDE))}"
            yield rejection("too_small", f"the picture is only {size}; upload the artwork itself", size, least)
        else:
            yield passed("pixels", f"the picture is {size}", size)
            if not facts.decoded:
                message = "the picture is too large to be decoded here as it is; save it as a baseline JPEG to be sure"
                yield warning("not_decoded", message)
            if facts.grey_end:
                message = "the picture ends in plain grey, as where a part of it is missing; look whether it is whole"
                yield warning("grey_end", message)
            if print_size_mm is not None:
                yield _resolution(facts, print_size_mm, self.min_dpi)
            yield _colour(facts.colour, self.colour_modes)


def _resolution(facts: PictureFacts, print_size_mm: tuple[float, float], least: float) -> Finding:
    """Compares long side with long side: a product's picture is turned to fit."""
    sides, lengths = sorted((facts.width, facts.height)), sorted(print_size_mm)
    dpi = round(min(pixels / length * _MM_AN_INCH for pixels, length in zip(sides, lengths, strict=True)), 1)
    measured, required = f"{dpi:.0f} dpi", f"at least {least:.0f} dpi"
    if dpi >= least:
        return passed("resolution", f"it has {measured} at its print size", measured, required)
    width, height = print_size_mm
    wanted = _pixels((round(width / _MM_AN_INCH * least), round(height / _MM_AN_INCH * least)))
    message = f"it has {measured} at {width:g} × {height:g} mm, so it may look blurred; upload it with {wanted} or more"
    return warning("low_resolution", message, measured, required)


def _colour(colour: Colour, accepted: Collection[Colour]) -> Finding:
    measured, required = _SAID[colour], " or ".join(_SAID[mode] for mode in accepted)
    if colour in accepted:
        return passed("colour_mode", f"its colours are {measured}", measured, required)
    message = f"its colours are {measured}, which may be printed differently; save it in {required}"
    return warning("colour_mode", message, measured, required)


def _pixels(sides: tuple[int, int]) -> str:
    return f"{sides[0]:,} × {sides[1]:,} pixels"
