"""``Policy``: the options that a shop can choose."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, Literal, get_args

from attrs import Attribute, field, frozen

from remote_artwork.core.cures import MANIFEST, REUSE
from remote_artwork.core.orders import MEDIA_TYPES, StoredFile, is_positive_int
from remote_artwork.core.pattern import FilenamePattern, basename_problem
from remote_artwork.core.report import WARNINGS, Color
from remote_artwork.errors import ConfigurationError, InvalidPattern

Preference = str
"""``conflict``, ``newest``, or ``prefer:`` and extensions, best first."""

CONFLICT, NEWEST, PREFER = "conflict", "newest", "prefer:"


def as_preference(value: object) -> Preference:
    """Return the preference unchanged if it is valid.

    Raises:
        ConfigurationError: It is not valid.
    """
    if isinstance(value, str) and value.startswith(PREFER):
        formats = _formats(value)
        if formats and len(set(formats)) == len(formats) and set(formats) <= MEDIA_TYPES.keys():
            return value
    elif isinstance(value, str) and value in (CONFLICT, NEWEST):
        return value
    raise ConfigurationError(
        f"Policy.several_files must be conflict, newest or prefer:pdf,png,jpg (formats, best first), not {value!r}"
    )


def choose(files: Sequence[StoredFile], preference: Preference) -> StoredFile | None:
    """The file to use for one print, of one or more files; None if the preference does not select exactly one."""
    return files[0] if len(files) == 1 else preferred(files, preference)


def preferred(files: Sequence[StoredFile], preference: Preference) -> StoredFile | None:
    """The file to use; None if the preference does not select exactly one.

    Args:
        files: Several files for one print.
        preference: As ``as_preference`` returns it.
    """
    if preference == NEWEST:
        times = [file.last_modified for file in files if file.last_modified is not None]
        best = [file for file in files if file.last_modified == max(times)] if len(times) == len(files) else []
    elif preference.startswith(PREFER):
        best = next((found for extension in _formats(preference) if (found := _of_format(files, extension))), [])
    else:
        best = []
    return best[0] if len(best) == 1 else None


def _formats(preference: Preference) -> list[str]:
    return [name.strip().lower() for name in preference.removeprefix(PREFER).split(",")]


def _of_format(files: Sequence[StoredFile], extension: str) -> list[StoredFile]:
    """The files of the extension's format. ``jpg`` and ``jpeg`` are one format."""
    return [file for file in files if MEDIA_TYPES[file.extension] == MEDIA_TYPES[extension]]


FulfillWhen = Literal["when_complete", "per_item"]
Preflight = Literal["signature", "deep"]


def _one_of(*choices: str) -> Callable[[object, Attribute[Any], object], None]:
    def check(_instance: object, attribute: Attribute[Any], value: object) -> None:
        if value not in choices:
            raise ConfigurationError(f"Policy.{attribute.name} must be one of {', '.join(choices)}, not {value!r}")

    return check


def _some_of(*choices: str) -> Callable[[object, Attribute[Any], Any], None]:
    def check(_instance: object, attribute: Attribute[Any], value: Any) -> None:
        if not isinstance(value, tuple):
            raise ConfigurationError(f"Policy.{attribute.name} must be a list of names, not {value!r}")
        for choice in value:
            if choice not in choices:
                raise ConfigurationError(f"Policy.{attribute.name} may contain {', '.join(choices)}, not {choice!r}")

    return check


def _as_names(value: object) -> object:
    return tuple(sorted(set(value))) if isinstance(value, Iterable) and not isinstance(value, str) else value


def _true_or_false(_instance: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"Policy.{attribute.name} must be True or False, not {value!r}")


def _time_above_zero(_instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not (isinstance(value, timedelta) and value > timedelta()):
        raise ConfigurationError(f"Policy.{attribute.name} must be a timedelta above zero, or None, not {value!r}")


def _file_name_or_none(_instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is None:
        return
    problem = "it is empty" if not isinstance(value, str) or not value.strip() else basename_problem(value)
    if problem:
        raise ConfigurationError(
            f"Policy.{attribute.name} must be the name of a file, such as 'artwork.csv', not {value!r}: {problem}"
        )


def _positive_int(unit: str) -> Callable[[object, Attribute[Any], object], None]:
    def check(_instance: object, attribute: Attribute[Any], value: object) -> None:
        if value is None and attribute.default is None:
            return
        if not is_positive_int(value):
            raise ConfigurationError(f"Policy.{attribute.name} must be a whole number of {unit} from 1, not {value!r}")

    return check


def _from_zero(_instance: object, attribute: Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ConfigurationError(f"Policy.{attribute.name} must be a number from 0, not {value!r}")


@frozen(kw_only=True)
class Policy:
    """The options that a shop can choose.

    Args:
        fulfill: ``when_complete`` attaches and fulfills an order when every item that requires artwork has its files.
            ``per_item`` attaches each item's files at once, if the client attaches them separately
            (``Attaching.SEPARATE``), and also fulfills the order only when it is complete.
        several_files: Which file to use if there are several for one print. ``conflict``: none, a person decides.
            ``newest``: the one that was changed last. ``prefer:pdf,png,jpg``: the one with the first of these formats.
            If that does not select exactly one file, it is a conflict.
        settle_for: How long after its last change an empty file waits before it is rejected. Where a file can be seen
            before its upload is complete (local and web folders, SFTP), every file waits. None: no file waits.
        manifest: The name of a CSV file in the location that names the files of prints, such as ``artwork.csv``. Its
            rows replace the names of the pattern. None: there is no manifest.
        reuse: Whether one file serves every order of a product. Needs a pattern that has ``{sku}`` and no
            ``{order_number}``, and such a pattern needs it. A manifest cannot be used with it.
        review: Whether a person must accept the files of an order before any of them is attached or sent.
        release_after: With ``review``, an order whose newest file is this old is sent although nobody accepted its
            files; None: never. A file of which neither the SHA-256 nor a version is known is never released.
        late_after: An item that waits longer than this for its file is ``late``; None: never.
        misnamed_after: The same, for an item of which a file with almost the expected name exists; None: as
            ``late_after``.
        max_file_size: In bytes. A larger file is rejected without reading it.
        preflight: ``signature`` reads both ends of a file. ``deep`` also opens it, and needs the extra ``preflight``.
        min_dpi: Pixels per inch at the item's print size. Fewer cause a warning (``low_resolution``).
        max_pixels: A picture with more pixels is rejected after its header was read.
        max_pages: A PDF with more pages is rejected; None: no limit.
        bleed_mm: How far a PDF's pages must extend beyond the print size on each side. Less causes a warning
            (``bleed``).
        color_modes: The accepted color modes, of ``gray``, ``rgb`` and ``cmyk``. Others cause a warning
            (``color_mode``).
        reject_for: Codes of warnings that reject the file instead.

    Raises:
        ConfigurationError: A value is invalid.
    """

    fulfill: FulfillWhen = field(default="when_complete", validator=_one_of(*get_args(FulfillWhen)))
    several_files: Preference = field(default="conflict", converter=as_preference)
    settle_for: timedelta | None = field(default=timedelta(minutes=2), validator=_time_above_zero)
    manifest: str | None = field(default=None, validator=_file_name_or_none)
    reuse: bool = field(default=False, validator=_true_or_false)
    review: bool = field(default=False, validator=_true_or_false)
    release_after: timedelta | None = field(default=None, validator=_time_above_zero)
    late_after: timedelta | None = field(default=None, validator=_time_above_zero)
    misnamed_after: timedelta | None = field(default=timedelta(days=1), validator=_time_above_zero)
    max_file_size: int = field(default=1024**3, validator=_positive_int("bytes"))
    preflight: Preflight = field(default="signature", validator=_one_of(*get_args(Preflight)))
    min_dpi: float = field(default=150.0, validator=_from_zero)
    max_pixels: int = field(default=179_000_000, validator=_positive_int("pixels"))
    max_pages: int | None = field(default=None, validator=_positive_int("pages"))
    bleed_mm: float = field(default=0.0, validator=_from_zero)
    color_modes: tuple[Color, ...] = field(
        default=get_args(Color), converter=_as_names, validator=_some_of(*get_args(Color))
    )
    reject_for: tuple[str, ...] = field(default=(), converter=_as_names, validator=_some_of(*WARNINGS))

    def __attrs_post_init__(self) -> None:
        if self.release_after is not None and not self.review:
            raise ConfigurationError(
                "Policy.release_after releases orders from a review; set review=True, or remove it"
            )
        if self.reuse and self.manifest is not None:
            raise ConfigurationError(
                f"a manifest names the files of single orders, and a file that is reused serves every order; remove "
                f"{REUSE} or {MANIFEST}"
            )

    def require_pattern(self, pattern: FilenamePattern) -> None:
        """Require a pattern that fits ``reuse``.

        Raises:
            InvalidPattern: One file would serve every order of a product, and the policy does not say so.
            ConfigurationError: The policy says so, and each order has files of its own.
        """
        if pattern.is_reusable and not self.reuse:
            raise InvalidPattern(
                f"pattern {pattern.text!r} has no {{order_number}}, so one file serves every order of a product; add "
                f"{REUSE} if that is right, or add {{order_number}} to the pattern"
            )
        if self.reuse and not pattern.is_reusable:
            raise ConfigurationError(
                f"{REUSE} is for patterns without {{order_number}}, such as '{{sku}}', and pattern {pattern.text!r} "
                f"has it; remove {REUSE}, or change the pattern"
            )

    @property
    def attaches_items_at_once(self) -> bool:
        """Whether each item is attached as soon as it is checked. With a review, nothing is attached before it."""
        return self.fulfill == "per_item" and not self.review
