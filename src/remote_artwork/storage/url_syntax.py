"""Secrets that people paste inside a URL: a signed link covers one file, an Azure SAS is a credential.

Messages name neither a key nor a value of the query: either may be a secret.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import quote, unquote, unquote_to_bytes

from attrs import frozen

from remote_artwork.errors import InvalidLocation
from remote_artwork.storage.key_validation import UNPRINTABLE

LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
DEFAULT_PORTS = {"http": 80, "https": 443}

_LONGEST = 8192
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_HOST = re.compile(rf"{LABEL}(?:\.{LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def refused(what: str, advice: str) -> InvalidLocation:
    """The error for a URL that is not taken: what is wrong with it, and what to paste instead."""
    return InvalidLocation(f"storage URL refused: {what}; {advice}")


@frozen(kw_only=True)
class UrlText:
    """A URL in its parts.

    Args:
        scheme: Lower case.
        authority: What stands between ``//`` and the next ``/``, as it was written.
        path: From the first ``/`` on, still percent-encoded.
        query: Key and value of each pair, still percent-encoded, each key once.
        fragment: Whether it has a ``#``; what follows that is not kept.
    """

    scheme: str
    authority: str
    path: str
    query: tuple[tuple[str, str], ...]
    fragment: bool


def take_apart(url: str) -> UrlText:
    """Splits a URL as RFC 3986, appendix B, does.

    Raises:
        InvalidLocation: It is no URL, or holds what no storage URL needs.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise refused("it is not a URL", "write for example s3://bucket/folder/ or https://host/bucket/folder/")
    pairs = tuple(
        (key, value) for key, _, value in (pair.partition("=") for pair in (match["query"] or "").split("&") if pair)
    )
    if len({key for key, _ in pairs}) < len(pairs):
        raise refused("it names a query key twice", "keep one of them")
    return UrlText(
        scheme=match["scheme"].lower(),
        authority=match["authority"],
        path=match["path"],
        query=pairs,
        fragment=match["fragment"] is not None,
    )


def printable(url: str) -> str:
    """The text without white space around it.

    Raises:
        InvalidLocation: It is no text, empty, far too long, or holds a control character or a backslash.
    """
    if not isinstance(url, str):
        raise refused("it is not text", "pass the URL as str")
    text = url.strip()
    if not text:
        raise refused("it is empty", "write for example s3://bucket/folder/")
    if len(text) > _LONGEST:
        raise refused(f"it is longer than {_LONGEST} characters", "paste the folder's URL alone")
    if flaw := unprintable(text):
        raise refused(f"it holds {flaw}", "copy the URL again, in one line, with '/' between folders")
    return text


def unprintable(text: str) -> str | None:
    """Which character of ``text`` cannot be part of a name, or None."""
    if "\\" in text:
        return "a backslash"
    if UNPRINTABLE.search(text):
        return "a control character"
    return None


def decoded(text: str) -> str:
    """Percent-decodes once; ``+`` stays.

    Raises:
        InvalidLocation: What comes out is not UTF-8, or holds a control character or a backslash.
    """
    try:
        plain = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise refused("a percent escape in it is not UTF-8", "copy the URL again from the storage's console") from None
    if flaw := unprintable(plain):
        raise refused(f"a percent escape in it stands for {flaw}", "rename the folder, or paste the one above it")
    return plain


def encoded(text: str) -> str:
    """Percent-encodes a path, so that ``decoded`` gives it back."""
    return quote(text, safe="/!$'()*,=:~")


def folder(path: str) -> str:
    """A decoded path as a prefix: no ``/`` before it, one after it, ``""`` for the top.

    Raises:
        InvalidLocation: A folder in it is empty, ``.`` or ``..``.
    """
    name = path.removeprefix("/")
    if not name:
        return ""
    prefix = name if name.endswith("/") else f"{name}/"
    if flaw := flaw_of_folders(prefix):
        raise refused(flaw, "write the whole path with single slashes")
    return prefix


def flaw_of_folders(prefix: str) -> str | None:
    """Why no file can lie under this prefix, which ends in ``/``; or None."""
    if any(segment in ("", ".", "..") for segment in prefix.split("/")[:-1]):
        return "a folder in it is empty, '.' or '..'"
    return None


def host_and_port(authority: str, *, scheme: str, literal_allowed: bool) -> tuple[str, int | None]:
    """Lower-cased host and port; the scheme's own port is None. IPv6 keeps its brackets.

    Args:
        authority: As it was written.
        scheme: ``http`` or ``https``.
        literal_allowed: Whether an IP address is accepted, in its one standard spelling.

    Raises:
        InvalidLocation: It holds user info, or no host that has exactly one meaning.
    """
    refuse_user_info(authority)
    match = re.fullmatch(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]{1,5}))?", authority, re.ASCII)
    if match is None or not 0 < int(match["port"] or 1) < 2**16:
        raise refused("its port is not a port", "write host:port with a port from 1 to 65535, or leave the port out")
    port = int(match["port"]) if match["port"] else None
    host = _checked_host(match["host"], literal_allowed=literal_allowed)
    return host, None if port == DEFAULT_PORTS[scheme] else port


def must_be_explicit(origin: str) -> bool:
    """Whether an origin is accepted only where its protocol is named (``s3+``, ``web+``): plain http, or an address."""
    scheme, _, authority = origin.partition("://")
    return scheme == "http" or _is_literal(re.sub(r":[0-9]+$", "", authority))


def refuse_user_info(authority: str) -> None:
    """Raises InvalidLocation when something stands before an ``@``."""
    if "@" in authority:
        raise refused(
            "it holds a user name or password before an '@'",
            "leave it out and pass credentials on their own; only az://container@account/ has an '@'",
        )


def _checked_host(text: str, *, literal_allowed: bool) -> str:
    if not text:
        raise refused("it names no host", "write for example https://host/folder/")
    if not text.isascii():
        raise refused("its host is not plain ASCII", "write an international name in its xn-- form")
    host = text.lower()
    if _is_literal(host):
        return _checked_literal(host, allowed=literal_allowed)
    if host.endswith("."):
        raise refused("its host ends in a dot", "leave the dot out")
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise refused("its host is not a domain name", "check the part between '//' and the next '/'")
    return host


def _is_literal(host: str) -> bool:
    return host.startswith("[") or _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None


def _checked_literal(host: str, *, allowed: bool) -> str:
    if not allowed:
        raise refused(
            "its host is a number or an IP address",
            "use the host's name, or for a server of your own s3+https://ADDRESS:PORT/bucket/ or web+https://…",
        )
    try:
        address = ipaddress.IPv6Address(host[1:-1]) if host.startswith("[") else ipaddress.IPv4Address(host)
    except ValueError:
        address = None
    if address is None or "%" in host:
        raise refused("its host is an unusual spelling of an IP address", "write it as 192.0.2.1 or [2001:db8::1]")
    return f"[{address}]" if address.version == 6 else str(address)


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
