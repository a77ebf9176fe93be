"""Policy: what a shop decides for itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, Literal, get_args

from attrs import Attribute, field, frozen

from remote_artwork.core.orders import MEDIA_TYPES, StoredFile
from remote_artwork.core.report import WARNINGS, Color
from remote_artwork.errors import ConfigurationError

Preference = str
"""``conflict``, ``newest``, or ``prefer:`` and extensions, the best first."""

CONFLICT, NEWEST, PREFER = "conflict", "newest", "prefer:"


def as_preference(value: object) -> Preference:
    """The preference as it was written, once it is known to be one.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(value, str) and value.startswith(PREFER):
        formats = _formats(value)
        if formats and len(set(formats)) == len(formats) and set(formats) <= MEDIA_TYPES.keys():
            return value
    elif isinstance(value, str) and value in (CONFLICT, NEWEST):
        return value
    raise ConfigurationError(
        f"Policy.several_files is one of conflict, newest and prefer:pdf,png,jpg (formats, best first), not {value!r}"
    )


def preferred(files: Sequence[StoredFile], preference: Preference) -> StoredFile | None:
    """The one file that is taken, or None where the preference does not tell exactly one.

    Args:
        files: Several files for one print.
        preference: As ``as_preference`` gives it.
    """
    if preference == NEWEST:
        times = [file.last_modified for file in files if file.last_modified is not None]
        best = [file for file in files if file.last_modified == max(times)] if len(times) == len(files) else []
    elif preference.startswith(PREFER):
        best = next((found for wanted in _formats(preference) if (found := _of_format(files, wanted))), [])
    else:
        best = []
    return best[0] if len(best) == 1 else None


def _formats(preference: Preference) -> list[str]:
    return [name.strip().lower() for name in preference.removeprefix(PREFER).split(",")]


def _of_format(files: Sequence[StoredFile], wanted: str) -> list[StoredFile]:
    """Files of the format that an extension stands for: ``jpg`` is also ``jpeg``."""
    return [file for file in files if MEDIA_TYPES[file.extension] == MEDIA_TYPES[wanted]]


FulfillWhen = Literal["when_complete", "per_item"]
Preflight = Literal["signature", "deep"]


def _one_of(*choices: str) -> Callable[[object, Attribute[Any], object], None]:
    def check(_instance: object, attribute: Attribute[Any], value: object) -> None:
        if value not in choices:
            raise ConfigurationError(f"Policy.{attribute.name} is one of {', '.join(choices)}, not {value!r}")

    return check


def _some_of(*choices: str) -> Callable[[object, Attribute[Any], Any], None]:
    def check(_instance: object, attribute: Attribute[Any], value: Any) -> None:
        if not isinstance(value, tuple):
            raise ConfigurationError(f"Policy.{attribute.name} must be a list of names, not {value!r}")
        for choice in value:
            if choice not in choices:
                raise ConfigurationError(f"Policy.{attribute.name} may hold {', '.join(choices)}, not {choice!r}")

    return check


def _as_names(value: object) -> object:
    return tuple(sorted(set(value))) if isinstance(value, Iterable) and not isinstance(value, str) else value


def _time_above_zero(_instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not (isinstance(value, timedelta) and value > timedelta()):
        raise ConfigurationError(f"Policy.{attribute.name} must be a timedelta above zero, or None, not {value!r}")


def _whole_from_one(unit: str) -> Callable[[object, Attribute[Any], object], None]:
    def check(_instance: object, attribute: Attribute[Any], value: object) -> None:
        if value is None and attribute.default is None:
            return
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigurationError(f"Policy.{attribute.name} must be a whole number of {unit} from 1, not {value!r}")

    return check


def _from_zero(_instance: object, attribute: Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ConfigurationError(f"Policy.{attribute.name} must be a number from 0, not {value!r}")


@frozen(kw_only=True)
class Policy:
    """What a shop decides for itself.

    Args:
        fulfill: ``when_complete`` attaches and fulfills an order once every item that requires artwork has it;
            ``per_item`` attaches each item's artwork at once, and still fulfills the order when it is complete.
        several_files: Several files for one print are left to a person (``conflict``), or the one that was changed
            last is taken (``newest``), or the first of these formats (``prefer:pdf,png,jpg``). Where that does not
            tell exactly one, it is a conflict all the same.
        settle_for: How long after its last change an empty file waits before it is rejected, and any file where one
            can be seen half written (a local or web folder, SFTP); None: nothing waits.
        late_after: An item that waits longer than this for its file is ``late``; None: never.
        max_file_size: The largest print file in bytes; a larger one is rejected unread.
        preflight: ``signature`` reads both ends of a file; ``deep`` also opens it, which needs the extra ``preflight``.
        min_dpi: Pixels an inch at an item's print size, below which a picture is warned of (``low_resolution``).
        max_pixels: A picture with more is rejected by its header alone.
        max_pages: A PDF with more pages is rejected; None: any number will do.
        bleed_mm: How far a PDF's pages have to reach beyond the print size on each side (``bleed``).
        color_modes: Of ``gray``, ``rgb`` and ``cmyk``, those of pictures that are not warned of (``color_mode``).
        reject_for: Codes of warnings that reject a file instead, of ``findings.WARNINGS``.

    Raises:
        ConfigurationError: A value is not of its form.
    """

    fulfill: FulfillWhen = field(default="when_complete", validator=_one_of(*get_args(FulfillWhen)))
    several_files: Preference = field(default="conflict", converter=as_preference)
    settle_for: timedelta | None = field(default=timedelta(minutes=2), validator=_time_above_zero)
    late_after: timedelta | None = field(default=None, validator=_time_above_zero)
    max_file_size: int = field(default=1024**3, validator=_whole_from_one("bytes"))
    preflight: Preflight = field(default="signature", validator=_one_of(*get_args(Preflight)))
    min_dpi: float = field(default=150.0, validator=_from_zero)
    max_pixels: int = field(default=179_000_000, validator=_whole_from_one("pixels"))
    max_pages: int | None = field(default=None, validator=_whole_from_one("pages"))
    bleed_mm: float = field(default=0.0, validator=_from_zero)
    color_modes: tuple[Color, ...] = field(
        default=get_args(Color), converter=_as_names, validator=_some_of(*get_args(Color))
    )
    reject_for: tuple[str, ...] = field(default=(), converter=_as_names, validator=_some_of(*WARNINGS))
