"""Links to the list of a bucket, as an address bar shows them: their query says so, and names the folder."""

from __future__ import annotations

from collections.abc import Mapping

from remote_artwork.storage.secrets_in_urls import Query
from remote_artwork.storage.url_text import decoded, folder, refused

# What asks for a list, with the value it must have where another one would ask for something else.
_S3: Mapping[str, str | None] = {
    "list-type": None,
    "delimiter": None,
    "encoding-type": None,
    "fetch-owner": None,
    "max-keys": None,
    "marker": None,
    "start-after": None,
    "continuation-token": None,
}
_AZURE: Mapping[str, str | None] = {
    "restype": "container",
    "comp": "list",
    "delimiter": None,
    "include": None,
    "marker": None,
    "maxresults": None,
}


def take_listing(query: Query, *, azure: bool) -> tuple[Query, str]:
    """Parts a URL's query.

    Args:
        query: The pairs.
        azure: Whether it is Azure's own kind of list; else Amazon's.

    Returns:
        The pairs that do not ask for a list, and the folder that is listed; ``""`` for the top.

    Raises:
        InvalidLocation: What is listed is not a folder.
    """
    known = _AZURE if azure else _S3
    rest = tuple((key, value) for key, value in query if key != "prefix" and not _asks_for_list(known, key, value))
    prefix = decoded(dict(query).get("prefix", ""))
    if prefix and not prefix.endswith("/"):
        raise refused("its prefix is not a folder", "paste the folder's own URL, or end the prefix with a '/'")
    return rest, folder(prefix)


def _asks_for_list(known: Mapping[str, str | None], key: str, value: str) -> bool:
    return key in known and known[key] in (None, value)


def one_folder(in_path: str, listed: str) -> str:
    """The folder of a URL whose path and query may each name one.

    Raises:
        InvalidLocation: They name two.
    """
    if in_path and listed and in_path != listed:
        raise refused("its path and its prefix name two folders", "keep one of them")
    return listed or in_path
