"""Which of several files for one print is taken, where the shop has said so. Where it does not tell one, none is."""

from __future__ import annotations

from collections.abc import Sequence

from remote_artwork.core.model import MEDIA_TYPES, StoredFile
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
