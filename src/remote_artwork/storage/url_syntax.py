"""The syntax of storage URLs: split, decode and validate text, before any part of it is interpreted.

People paste secrets inside URLs. A presigned link and a password are refused; an Azure SAS is split off. No message
repeats a part of the URL, neither a key nor a value of its query: any of them may be a secret.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from urllib.parse import quote, unquote, unquote_to_bytes

from attrs import frozen

from remote_artwork.errors import InvalidLocation
from remote_artwork.storage.key_validation import UNPRINTABLE

DEFAULT_PORTS = {"http": 80, "https": 443}

LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
"""A label of a host name, as a regular expression."""

Query = tuple[tuple[str, str], ...]
"""Key and value of each pair of a query, still percent-encoded."""


def invalid_url(problem: str, remedy: str) -> InvalidLocation:
    """The error for a URL that cannot be used.

    Args:
        problem: What is wrong with it.
        remedy: What to do, or what to paste instead.
    """
    return InvalidLocation(f"this storage URL cannot be used: {problem}; {remedy}")


# The whole URL

_MAX_LENGTH = 8192
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)


@frozen(kw_only=True)
class SplitUrl:
    """A URL in its parts.

    Args:
        scheme: In lower case.
        authority: The text between ``//`` and the next ``/``, unchanged.
        path: From the first ``/`` on, still percent-encoded.
        query: Its pairs. Each key occurs once.
        has_fragment: Whether the URL has a ``#``. The text after it is dropped.
    """

    scheme: str
    authority: str
    path: str
    query: Query
    has_fragment: bool


def clean(url: str) -> str:
    """The URL without surrounding white space.

    Raises:
        InvalidLocation: It is not text, is empty, is too long, or contains a control character or a backslash.
    """
    if not isinstance(url, str):
        raise invalid_url("it is not text", "pass the URL as str")
    text = url.strip()
    if not text:
        raise invalid_url("it is empty", "use a URL such as s3://bucket/folder/")
    if len(text) > _MAX_LENGTH:
        raise invalid_url(f"it is longer than {_MAX_LENGTH:,} characters", "paste only the folder's URL")
    if found := forbidden_character(text):
        raise invalid_url(f"it contains {found}", "copy the URL again, on one line, with '/' between folders")
    return text


def split_url(url: str) -> SplitUrl:
    """Splits a URL as RFC 3986, appendix B, does.

    Raises:
        InvalidLocation: It is not a URL, or a query key occurs twice.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise invalid_url("it is not a URL", "use a URL such as s3://bucket/folder/ or https://host/bucket/folder/")
    pairs = [pair.partition("=") for pair in (match["query"] or "").split("&") if pair]
    query = tuple((key, value) for key, _, value in pairs)
    if len(dict(query)) < len(query):
        raise invalid_url("its query contains the same key twice", "keep one of them")
    return SplitUrl(
        scheme=match["scheme"].lower(),
        authority=match["authority"],
        path=match["path"],
        query=query,
        has_fragment=match["fragment"] is not None,
    )


# Paths


def forbidden_character(text: str) -> str | None:
    """The kind of character in ``text`` that no folder name may contain; None if there is none."""
    if "\\" in text:
        return "a backslash"
    if UNPRINTABLE.search(text):
        return "a control character"
    return None


def percent_decode(text: str) -> str:
    """Decodes once. A ``+`` remains a ``+``.

    Raises:
        InvalidLocation: The result is not UTF-8, or contains a control character or a backslash.
    """
    try:
        plain = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise invalid_url("a percent escape is not UTF-8", "copy the URL again from the storage's console") from None
    if found := forbidden_character(plain):
        raise invalid_url(f"a percent escape means {found}", "rename the folder, or use its parent folder")
    return plain


def percent_encode(path: str) -> str:
    """The inverse of ``percent_decode``."""
    return quote(path, safe="/!$'()*,=:~")


def prefix_of(path: str) -> str:
    """The prefix for a decoded path: no ``/`` at the start, one at the end; ``""`` for the top folder.

    Raises:
        InvalidLocation: A folder name is empty, ``.`` or ``..``.
    """
    name = path.removeprefix("/")
    if not name:
        return ""
    prefix = name if name.endswith("/") else f"{name}/"
    if has_invalid_folder(prefix):
        raise invalid_folder()
    return prefix


def has_invalid_folder(prefix: str) -> bool:
    """Whether a folder name in a prefix, which ends in ``/``, is empty, ``.`` or ``..``. No file can be below it."""
    return any(segment in ("", ".", "..") for segment in prefix.split("/")[:-1])


def invalid_folder() -> InvalidLocation:
    """The error for a prefix that ``has_invalid_folder``."""
    return invalid_url("a folder name is empty, '.' or '..'", "write the whole path with single slashes")


# Hosts

_HOST = re.compile(rf"{LABEL}(?:\.{LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def parse_authority(authority: str, *, scheme: str, allow_ip: bool) -> tuple[str, int | None]:
    """The host in lower case, and the port; None for the scheme's default port. An IPv6 address keeps its brackets.

    Args:
        authority: Host and port, as written.
        scheme: ``http`` or ``https``.
        allow_ip: Whether an IP address is accepted, in its standard spelling.

    Raises:
        InvalidLocation: It contains a user name, or its host is invalid or ambiguous.
    """
    reject_user_info(authority)
    match = re.fullmatch(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]{1,5}))?", authority, re.ASCII)
    if match is None or not 0 < int(match["port"] or 1) < 2**16:
        raise invalid_url("its port is invalid", "use a port from 1 to 65535, as in host:9000, or leave it out")
    port = int(match["port"]) if match["port"] else None
    host = _validate_host(match["host"], allow_ip=allow_ip)
    return host, None if port == DEFAULT_PORTS[scheme] else port


def reject_user_info(authority: str) -> None:
    """Raises InvalidLocation if there is an ``@``, because a user name or a password precedes it."""
    if "@" in authority:
        raise invalid_url(
            "it contains a user name or password before an '@'",
            "remove it and pass credentials separately; only az://container@account/ has an '@'",
        )


def needs_explicit_scheme(origin: str) -> bool:
    """Whether an origin is accepted only with ``s3+`` or ``web+``: plain http, or an IP address."""
    scheme, _, authority = origin.partition("://")
    return scheme == "http" or _is_ip(re.sub(r":[0-9]+$", "", authority))


def _validate_host(text: str, *, allow_ip: bool) -> str:
    if not text:
        raise invalid_url("it has no host", "use a URL such as https://host/folder/")
    if not text.isascii():
        raise invalid_url("its host contains non-ASCII characters", "write an international name in its xn-- form")
    host = text.lower()
    if _is_ip(host):
        return _validate_ip(host, allowed=allow_ip)
    if host.endswith("."):
        raise invalid_url("its host ends in a dot", "remove the dot")
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise invalid_url("its host is not a domain name", "check the part between '//' and the next '/'")
    return host


def _is_ip(host: str) -> bool:
    """Whether any client could read it as an IP address: its last label is a number."""
    return host.startswith("[") or _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None


def _validate_ip(host: str, *, allowed: bool) -> str:
    if not allowed:
        raise invalid_url(
            "its host is a number or an IP address",
            "use the host's name; for your own server use s3+https://ADDRESS:PORT/bucket/ or web+https://…",
        )
    try:
        address = ipaddress.IPv6Address(host[1:-1]) if host.startswith("[") else ipaddress.IPv4Address(host)
    except ValueError:
        address = None
    if address is None or "%" in host:
        raise invalid_url("its host is an unusual spelling of an IP address", "write it as 192.0.2.1 or [2001:db8::1]")
    return f"[{address}]" if address.version == 6 else str(address)


# Queries


def allowed_parameters(query: Query, allowed: Collection[str]) -> dict[str, str]:
    """The decoded query, if it contains only allowed parameters.

    Raises:
        InvalidLocation: There is another parameter, or one without a value.
    """
    found = {key: unquote(value) for key, value in query}
    if not found.keys() <= set(allowed):
        remedy = (
            f"remove every parameter except {', '.join(sorted(allowed))}"
            if allowed
            else "remove the '?' and everything after it"
        )
        raise invalid_url("its query contains an unknown parameter", f"{remedy}; pass credentials separately")
    if not all(found.values()):
        raise invalid_url("a parameter of its query has no value", "add a value, or remove the parameter")
    return found


# Parameters of a listing request, with the value that they must have if other values mean another request.
_S3_LIST_PARAMETERS: Mapping[str, str | None] = {
    "list-type": None,
    "delimiter": None,
    "encoding-type": None,
    "fetch-owner": None,
    "max-keys": None,
    "marker": None,
    "start-after": None,
    "continuation-token": None,
}
_AZURE_LIST_PARAMETERS: Mapping[str, str | None] = {
    "restype": "container",
    "comp": "list",
    "delimiter": None,
    "include": None,
    "marker": None,
    "maxresults": None,
}


def split_list_parameters(query: Query, *, azure: bool) -> tuple[Query, str]:
    """Splits off the parameters of a listing request, for URLs copied from a listing.

    Args:
        query: The pairs.
        azure: Whether the parameters are those of Azure; otherwise those of S3.

    Returns:
        The remaining pairs, and the prefix that is listed; ``""`` for the top folder.

    Raises:
        InvalidLocation: The prefix is not a folder.
    """
    known = _AZURE_LIST_PARAMETERS if azure else _S3_LIST_PARAMETERS

    def is_list_parameter(key: str, value: str) -> bool:
        return key == "prefix" or (key in known and known[key] in (None, value))

    rest = tuple((key, value) for key, value in query if not is_list_parameter(key, value))
    prefix = percent_decode(dict(query).get("prefix", ""))
    if prefix and not prefix.endswith("/"):
        raise invalid_url("its prefix is not a folder", "paste the folder's own URL, or end the prefix with a '/'")
    return rest, prefix_of(prefix)


# Secrets in queries

_SIGNATURE_KEYS = frozenset(
    {"awsaccesskeyid", "signature", "expires", "googleaccessid", "ossaccesskeyid", "q-signature", "q-ak"}
)
_SIGNATURE_PREFIXES = ("x-amz-", "x-goog-", "x-oss-", "x-cos-")
_VERSION_KEYS = frozenset({"versionid", "generation"})

# Azure's documentation: "Create an account SAS", "Create a service SAS", "Create a user delegation SAS".
_SAS_KEY = re.compile(r"sv|ss|srt|sp|se|st|spr|sip|si|sig|sr|sdd|ses|saoid|suoid|scid|sduoid|sk[a-z]+|rsc[cdelt]")


def reject_link_to_file(query: Query) -> None:
    """Raises InvalidLocation for a presigned link, and for a link to one version of a file."""
    keys = {unquote(key).lower() for key, _ in query}
    if keys & _SIGNATURE_KEYS or any(key.startswith(_SIGNATURE_PREFIXES) for key in keys):
        raise invalid_url(
            "a presigned link opens one file and cannot list a folder",
            "paste the folder's URL without the part from '?' on, and pass keys as credentials",
        )
    if keys & _VERSION_KEYS:
        raise invalid_url(
            "it is a link to one version of a file", "paste the folder's URL without versionId or generation"
        )


def split_sas(query: Query) -> tuple[Query, str | None]:
    """Splits an Azure SAS off a query.

    Returns:
        The other pairs, and the SAS as written, without ``?``; None if there is none.

    Raises:
        InvalidLocation: The SAS is incomplete, is for one blob, or does not permit reading and listing.
    """
    rest = tuple((key, value) for key, value in query if not _is_sas_key(key))
    sas = {key.lower(): unquote(value) for key, value in query if _is_sas_key(key)}
    if not sas:
        return rest, None
    if not sas.get("sig"):
        raise invalid_url("its SAS is incomplete: the signature is missing", "copy the whole SAS URL again")
    if sas.get("sr") in ("b", "bv", "bs"):
        raise invalid_url("its SAS is for one blob", "make one for the container, with the permissions read and list")
    if "sp" in sas and not {"r", "l"} <= set(sas["sp"]):
        raise invalid_url(
            "its SAS does not permit reading and listing", "make one with the permissions read and list (sp=rl)"
        )
    return rest, "&".join(f"{key}={value}" for key, value in query if _is_sas_key(key))


def _is_sas_key(key: str) -> bool:
    return _SAS_KEY.fullmatch(key.lower()) is not None
