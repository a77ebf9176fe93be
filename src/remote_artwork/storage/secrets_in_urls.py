"""Secrets that people paste inside a URL: a signed link covers one file, an Azure SAS is a credential.

Messages name neither a key nor a value of the query: either may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import unquote

from remote_artwork.storage.url_text import refused

Query = tuple[tuple[str, str], ...]

# Azure's own names, docs: "Create an account SAS", "Create a service SAS", "Create a user delegation SAS".
_SAS = re.compile(r"sv|ss|srt|sp|se|st|spr|sip|si|sig|sr|sdd|ses|saoid|suoid|scid|sduoid|sk[a-z]+|rsc[cdelt]")
_SIGNED = frozenset(
    {"awsaccesskeyid", "signature", "expires", "googleaccessid", "ossaccesskeyid", "q-signature", "q-ak"}
)
_SIGNED_PREFIXES = ("x-amz-", "x-goog-", "x-oss-", "x-cos-")
_ONE_VERSION = frozenset({"versionid", "generation"})


def refuse_signed(query: Query) -> None:
    """Raises InvalidLocation for a link that is signed for one file, or that names one version of a file."""
    keys = {unquote(key).lower() for key, _ in query}
    if keys & _SIGNED or any(key.startswith(_SIGNED_PREFIXES) for key in keys):
        raise refused(
            "a presigned link covers one file and cannot list a folder",
            "paste the folder's URL without what follows the '?', and pass keys as credentials",
        )
    if keys & _ONE_VERSION:
        raise refused("it names one version of one file", "paste the folder's URL without versionId or generation")


def take_sas(query: Query) -> tuple[Query, str | None]:
    """Parts an Azure URL's query.

    Returns:
        The pairs that are no part of a SAS, and the SAS as it was written, without ``?``; None where there is none.

    Raises:
        InvalidLocation: The SAS is not whole, covers one blob, or permits no reading or listing.
    """
    rest = tuple((key, value) for key, value in query if not _is_sas(key))
    sas = {key.lower(): unquote(value) for key, value in query if _is_sas(key)}
    if not sas:
        return rest, None
    if not sas.get("sig"):
        raise refused("its SAS is not whole: the signature is missing", "copy the whole SAS URL again")
    if sas.get("sr") in ("b", "bv", "bs"):
        raise refused("its SAS covers one blob", "make one for the container, with the permissions read and list")
    if "sp" in sas and not {"r", "l"} <= set(sas["sp"]):
        raise refused("its SAS permits no reading or no listing", "make one with the permissions read and list (sp=rl)")
    return rest, "&".join(f"{key}={value}" for key, value in query if _is_sas(key))


def _is_sas(key: str) -> bool:
    return _SAS.fullmatch(key.lower()) is not None


def known_only(query: Query, allowed: Collection[str]) -> dict[str, str]:
    """The query, decoded, when it holds nothing but allowed keys.

    Raises:
        InvalidLocation: There is another key, or a key without a value.
    """
    found = {key: unquote(value) for key, value in query}
    if not found.keys() <= set(allowed):
        known = f"the keys {', '.join(sorted(allowed))} are" if allowed else "no key is"
        raise refused("its query holds an unknown key", f"{known} known here; credentials are passed on their own")
    if not all(found.values()):
        raise refused("a key of its query has no value", "give it one, or leave it out")
    return found
