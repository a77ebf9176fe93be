"""The one place that reads what others made: metadata and errors of every storage client.

Metadata comes as dictionaries with a vocabulary for each protocol; here it becomes a ``StoredFile``. Errors come in any
class; the HTTP status decides what they mean, then the storage's own error code, then the built-in class. Names of
foreign classes are looked at only to tell a broken connection from a broken program. No SDK is imported.
"""

from __future__ import annotations

import re
import socket
import ssl
import traceback
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from attrs import frozen

from remote_artwork.core.orders import StoredFile
from remote_artwork.errors import (
    ConfigurationError,
    FileGone,
    InvalidLocation,
    LocationNotFound,
    RemoteArtworkError,
    StorageDenied,
    StorageMisbehaved,
    StorageUnreachable,
)
from remote_artwork.storage.location import Location
from remote_artwork.storage.provider_table import provider_named
from remote_artwork.storage.providers import Need


class SanitizedCause(Exception):
    """Stands as ``__cause__`` for an error of another library. Its notes tell the lines that the error came through."""


def sanitized_cause(error: Exception) -> SanitizedCause:
    """The error's classes, outermost first, with the numbers of what the system or the storage said."""
    kept = SanitizedCause(" from ".join(_described(link) for link in causes(error)))
    kept.add_note("".join(traceback.format_tb(error.__traceback__)).rstrip())
    return kept


def _described(link: BaseException) -> str:
    kind = type(link)
    numbers = (getattr(link, name, None) for name in ("errno", "status", "status_code"))
    told = next((f" {number}" for number in numbers if isinstance(number, int)), "")
    return f"{kind.__module__}.{kind.__qualname__}{told}"


_BROKEN_OFF = (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError, ssl.SSLWantReadError)
"""Errors of TLS that say nothing about the server: its connection ended."""


def reason(chain: Iterable[BaseException]) -> tuple[str, str] | None:
    """What is the matter and what to do, by the built-in errors that all clients keep among their causes.

    Args:
        chain: A client's error and its causes.

    Returns:
        None where nothing is known but that no answer came.
    """
    for link in chain:
        if isinstance(link, socket.gaierror):
            if link.errno == socket.EAI_AGAIN:
                return "the host's name could not be looked up", "check this machine's network, or try again later"
            return (
                "the host's name is not known",
                "check host and region in the URL, and this machine's network",
            )
        if isinstance(link, ConnectionRefusedError):
            return "nobody listens at this host and port", "check them in the URL, or try again later"
        # A client may give an error of its own the name of TLS's, so only the built-in class counts.
        if isinstance(link, ssl.SSLError) and not isinstance(link, _BROKEN_OFF):
            return "the server does not speak https on this port", "check host and port in the URL"
    return None


_BY_PROTOCOL: Mapping[str, Mapping[Need, str]] = {
    "s3": {
        "list": "s3:ListBucket on arn:aws:s3:::{bucket}",
        "read": "s3:GetObject and s3:GetObjectVersion on arn:aws:s3:::{bucket}/{prefix}*",
    },
    "gcs": {
        "list": "storage.objects.list on gs://{bucket}, as in the role Storage Object Viewer",
        "read": "storage.objects.get on gs://{bucket}, as in the role Storage Object Viewer",
    },
    "azure": dict.fromkeys(
        ("list", "read"), "sp=rl of a SAS for the container {bucket}, or the role Storage Blob Data Reader on it"
    ),
}


def permission_hint(location: Location | None, need: Need) -> str:
    """What to change at the provider, so that ``need`` is permitted, in brackets; ``""`` where nothing is known."""
    if location is None:
        return ""
    row = provider_named(location.provider)
    if row is None:
        return ""
    words = row.permissions.get(need) or _BY_PROTOCOL.get(location.protocol, {}).get(need)
    return f" ({row.title}: {words.format(bucket=location.bucket, prefix=location.prefix)})" if words else ""


class CredentialsRejected(StorageDenied):
    """Whoever asks like this is refused whatever is asked for: wrong keys, a closed account. No permission helps."""


@frozen
class Refusal:
    """Why a request was refused.

    Args:
        what: What is the matter.
        remedy: What to do about it.
        kind: The error that it becomes.
    """

    what: str
    remedy: str
    kind: type[RemoteArtworkError] = StorageDenied


_EXPIRED = Refusal("the temporary keys have expired", "make new ones", CredentialsRejected)
_UNKNOWN_KEY = Refusal(
    "the storage does not know this access key", "copy both keys again, or make new ones", CredentialsRejected
)
_OTHER_SECRET = Refusal("the secret key does not belong to the access key", "copy both keys again", CredentialsRejected)
_WRONG_TOKEN = Refusal(
    "the session token does not belong to the keys", "copy all three again, or make new ones", CredentialsRejected
)
_CLOCK = Refusal("this machine's clock is too far from the storage's", "set the clock, by NTP", CredentialsRejected)
_REGION = Refusal("the bucket is in another region", "name it by ?region= in the URL", InvalidLocation)
_CLOSED = Refusal(
    "the provider has closed this bucket or account", "its owner has to ask the provider's support", CredentialsRejected
)
_PAYER = Refusal("whoever asks has to pay for this bucket", "use a bucket whose owner pays", ConfigurationError)
_PUBLIC = Refusal("nobody may look without credentials", "give credentials")
_TOKEN_REFUSED = Refusal(
    "Google does not accept the credentials", "make a new JSON key for the service account", CredentialsRejected
)
_SAS_TIME = Refusal(
    "the SAS or the token is not valid now", "make a new one, and check this machine's clock", CredentialsRejected
)
_SAS_PARTS = Refusal(
    "the SAS lacks a part, or holds one that is none",
    "copy it again, from the first letter to the last",
    CredentialsRejected,
)

REFUSALS: Mapping[str, Refusal] = {
    # Amazon S3, and what speaks it
    "AccountProblem": _CLOSED,
    "AllAccessDisabled": _CLOSED,
    "AuthorizationHeaderMalformed": _REGION,
    "ExpiredToken": _EXPIRED,
    "IllegalLocationConstraintException": _REGION,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "InvalidObjectState": Refusal("the file lies in an archive", "restore it, or upload it again"),
    "InvalidSecurity": _OTHER_SECRET,
    "InvalidToken": _WRONG_TOKEN,
    "NotSignedUp": _CLOSED,
    "PermanentRedirect": _REGION,
    "RequestTimeTooSkewed": _CLOCK,
    "SignatureDoesNotMatch": _OTHER_SECRET,
    "TokenRefreshRequired": _EXPIRED,
    "UserSuspended": _CLOSED,
    # Google Cloud Storage
    "accountDisabled": _CLOSED,
    "authError": _TOKEN_REFUSED,
    "expired": _SAS_TIME,
    "required": _PUBLIC,
    "userProjectMissing": _PAYER,
    "/login": Refusal(
        "this machine's sign-in at Google has ended", "run gcloud auth application-default login", CredentialsRejected
    ),
    "/account": Refusal(
        "Google does not know the service account any more", "make one, and a key for it", CredentialsRejected
    ),
    "/clock": _CLOCK,
    "/key": Refusal(
        "Google does not know this key of the service account any more", "make a new JSON key", CredentialsRejected
    ),
    # Azure Blob Storage
    "AccountIsDisabled": _CLOSED,
    "AuthenticationFailed/clock": _CLOCK,
    "AuthenticationFailed/parts": _SAS_PARTS,
    "AuthenticationFailed/signature": Refusal(
        "the key or the SAS does not belong to this account or container",
        "copy it again, or make a new one where the key was replaced",
        CredentialsRejected,
    ),
    "AuthenticationFailed/time": _SAS_TIME,
    "AuthorizationFailure": Refusal(
        "the account does not let this request in",
        "let this machine's address through its firewall (Networking), and check the key, or what the SAS is for",
    ),
    "AuthorizationProtocolMismatch": Refusal("the SAS permits another protocol", "make one that permits https (spr)"),
    "AuthorizationResourceTypeMismatch": Refusal(
        "the SAS is not for containers and blobs", "make one with srt=co, or one of the container"
    ),
    "AuthorizationServiceMismatch": Refusal("the SAS is for another service", "make one for blobs (ss=b)"),
    "AuthorizationSourceIPMismatch": Refusal(
        "the SAS permits other addresses than this machine's", "make one without sip, or with this machine's"
    ),
    "InvalidAuthenticationInfo": _SAS_PARTS,
    "KeyBasedAuthenticationNotPermitted": Refusal(
        "the account accepts no account keys", "give a SAS that was made by a signed-in user"
    ),
    "NoAuthenticationInformation": _PUBLIC,
    "PublicAccessNotPermitted": _PUBLIC,
}
"""Error code → what it means, whatever was asked. After a ``/`` stands what the error's details say besides; Google
gives no code where it gives out no token.
"""

_S3_READ = Refusal(
    "it may not be read with these credentials",
    "permit s3:GetObject on the bucket's files, and s3:GetObjectVersion where it keeps versions",
)
_AZURE_ROLE = "give it the role Storage Blob Data Reader"
_MUTE = Refusal("the storage refuses it without a word", "check whether temporary keys have expired, and the region")

PERMISSIONS: Mapping[str, tuple[Refusal, Refusal]] = {
    "AccessDenied": (
        Refusal("it may not be listed with these credentials", "permit s3:ListBucket on the bucket"),
        _S3_READ,
    ),
    "403": (
        Refusal("it may not be listed with these credentials", "permit s3:ListBucket on the bucket"),
        Refusal(
            "it may not be read, or is not there and the storage does not tell",
            "permit s3:GetObject on the bucket's files and s3:ListBucket on the bucket",
        ),
    ),
    "400": (_MUTE, _MUTE),
    "forbidden": (
        Refusal(
            "it may not be listed with these credentials",
            "permit storage.objects.list, as the role Storage Object Viewer does",
        ),
        Refusal(
            "it may not be read with these credentials",
            "permit storage.objects.get, as the role Storage Object Viewer does",
        ),
    ),
    "AuthorizationPermissionMismatch": (
        Refusal("it may not be listed with this SAS or identity", f"make a SAS with sp=rl, or {_AZURE_ROLE}"),
        Refusal("it may not be read with this SAS or identity", f"make a SAS with sp=rl, or {_AZURE_ROLE}"),
    ),
}
"""Error code → what it means for a listing, and for a file. S3 has no code in an answer to HEAD, but its status."""

_DETAILS = (
    ("not valid in the specified time frame", "time"),
    ("the token is expired", "time"),
    ("date header too old", "clock"),
    ("is mandatory", "parts"),
    ("not well formed", "parts"),
    ("signature did not match", "signature"),
    ("mac signature", "signature"),
    ("reasonable timeframe", "clock"),
    ("invalid jwt signature", "key"),
    ("account not found", "account"),
    ("expired or revoked", "login"),
    ("reauthentication is needed", "login"),
)
"""What an error's details hold in lower case → what that is about. The words themselves are not handed on."""


def aspect(details: str) -> str:
    """What the details of an error are about; ``""`` where they say nothing that is known."""
    lower = details.lower()
    return next((found for words, found in _DETAILS if words in lower), "")


def refusal_for(code: str, details: str, *, listing: bool) -> Refusal | None:
    """What a code means, more closely where its details are known; None for a code that is not in the tables.

    Args:
        code: The storage's own error code.
        details: What it says besides.
        listing: Whether a listing was refused, not a file.
    """
    named = REFUSALS.get(f"{code}/{aspect(details)}") or REFUSALS.get(code)
    if named is None and code in PERMISSIONS:
        return PERMISSIONS[code][0 if listing else 1]
    return named


class HttpStatusError(Exception):
    """A response with an error status. Keeps the status, the error code and the headers, but no text of the server."""

    def __init__(self, status: int, error_code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"HTTP {status} {error_code}".rstrip())
        self.status = status
        self.error_code = error_code
        self.headers = headers


_SIZES = ("size", "Size", "ContentLength")
_ETAGS = ("ETag", "etag")
_VERSIONS = ("VersionId", "generation", "version_id")
_TIMES = ("LastModified", "last_modified", "updated", "Last-Modified", "mtime", "created")

_DENIED = frozenset({401, 403, 407})
_GONE = frozenset({404, 410})
_REPLACED = frozenset({412, 416})
_BUSY = frozenset({408, 425, 429})
_BUSY_CODES = frozenset(
    {
        "InternalError",
        "RequestLimitExceeded",
        "RequestRateLimitExceeded",  # Wasabi, with status 400
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "backendError",  # Google's codes begin with a small letter
        "rateLimitExceeded",
        "userRateLimitExceeded",
    }
)
# Azure answers the last one, for files too, where nothing of a container may be seen without credentials.
_NO_BUCKET_CODES = frozenset({"NoSuchBucket", "ContainerNotFound", "ResourceNotFound"})
_BROKEN_CONNECTION = frozenset(
    {
        "aiohttp.client_exceptions.ClientConnectionError",
        "aiohttp.client_exceptions.ClientPayloadError",
        "azure.core.exceptions.IncompleteReadError",
        "azure.core.exceptions.ServiceRequestError",
        "azure.core.exceptions.ServiceResponseError",
        "botocore.exceptions.ConnectionError",
        "botocore.exceptions.HTTPClientError",
        "botocore.exceptions.IncompleteReadError",
        "google.auth.exceptions.TransportError",
    }
)
_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECONDS = re.compile(r"[0-9]{1,18}")


def stored_file(name: str, info: Mapping[str, Any]) -> StoredFile:
    """A ``StoredFile`` from one entry of a listing or one stat, of whatever protocol.

    A file of a storage without ETags (local, memory) gets a change token made of its inode, time and size. It is the
    same in a listing and in a stat, and differs after a replacement, also by a file with the same time stamp.

    Args:
        name: Its key relative to the location's folder.
        info: The entry as the client gave it.

    Raises:
        StorageMisbehaved: The size is missing.
    """
    size = _first(info, _SIZES)
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise StorageMisbehaved(f"the storage names no size for {name!r}")
    version = _first(info, _VERSIONS)
    etag = _first(info, _ETAGS)
    return StoredFile(
        name=name,
        size=size,
        etag=_bare(str(etag)) if etag else _change_token(info, size),
        version_id=str(version) if version not in (None, "", "null") else None,
        last_modified=_time(_first(info, _TIMES)),
    )


def bare_etag(info: Mapping[str, Any]) -> str | None:
    """The ETag of an answer as ``StoredFile.etag`` holds it; None where there is none."""
    etag = _first(info, _ETAGS)
    return _bare(str(etag)) if etag else None


def _bare(etag: str) -> str:
    """Some servers quote ETags in one answer and not in another."""
    return etag.removeprefix("W/").strip('"')


def _first(info: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        if (value := info.get(name)) is not None:
            return value
    return None


def _change_token(info: Mapping[str, Any], size: int) -> str:
    when = _time(_first(info, ("mtime", *_TIMES)))
    return f"{info.get('ino', 0)}-{when.timestamp() if when else 0:.6f}-{size}"


def _time(value: Any) -> datetime | None:
    """None also for what no clock can show: a year after 9999, and one before the first, in the end or on the way."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, tz=UTC)
        if isinstance(value, str):
            value = _parsed(value)
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return None


def _parsed(text: str) -> datetime | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return parse(text)
        except ValueError:
            continue
    return None


def from_exception(error: Exception, *, where: str, name: str | None = None) -> RemoteArtworkError:
    """Our error for a foreign one. The caller raises it ``from error``.

    Args:
        error: Whatever a file system raised.
        where: The location in words, without secrets.
        name: The file the call was about; None for a listing.
    """
    chain = tuple(causes(error))
    ours = next((link for link in chain if isinstance(link, RemoteArtworkError)), None)
    if ours is not None:
        placed = type(ours)(f"{where}: {ours}")
        for note in getattr(ours, "__notes__", ()):
            placed.add_note(note)
        return placed
    about = where if name is None else f"{where}: {name!r}"
    if any(getattr(link, "retryable", None) is True for link in chain):
        # gcsfs makes a 401 of it.
        return StorageUnreachable(f"{about}: Google gives out no access tokens now; try again later")
    status, code = _answer(chain)
    if status is not None:
        if code in _BUSY_CODES or is_busy(status):
            return StorageUnreachable(
                f"{about}: the storage cannot serve now ({_said(status, code)}); try again later",
                retry_after=_retry_after(chain),
            )
        return _from_status(status, code, _details(chain), about, name)
    return _from_class(chain, about, name)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and its explicit causes. Its context is left out: it may be an earlier, unrelated error."""
    seen: set[int] = set()
    link: Any = error
    while isinstance(link, BaseException) and id(link) not in seen:
        seen.add(id(link))
        yield link
        # botocore keeps the cause among the parts of its message.
        link = link.__cause__ or getattr(link, "kwargs", {}).get("error")


def _answer(chain: tuple[BaseException, ...]) -> tuple[int | None, str]:
    """The HTTP status and the storage's own error code, as far as an answer arrived."""
    for link in chain:
        if _broken(link):
            break  # what lies below is a parser's own error, whose code is no answer's
        response = getattr(link, "response", None)
        if isinstance(response, Mapping):  # botocore
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            code = str(response.get("Error", {}).get("Code", ""))
        else:  # aiohttp: status; azure: status_code; requests: response.status_code; gcsfs: code
            told = (
                getattr(link, "status", None),
                getattr(link, "status_code", None),
                getattr(response, "status_code", None),
            )
            status = next((value for value in told if value is not None), None)
            if status is None:  # asked only now, since aiohttp warns of its own code
                status = getattr(link, "code", None)
            told_code = getattr(link, "error_code", None)
            code = str(getattr(told_code, "value", told_code) or "")  # azure: an enumeration, for codes that it knows
        if isinstance(status, int) and 100 <= status <= 599:
            return status, code if _CODE.fullmatch(code) else ""
    return None, ""


def is_busy(status: int) -> bool:
    """Whether an answer's status says that a server cannot serve now, and may do so later."""
    return status in _BUSY or (status >= 500 and status != 501)


def _details(chain: tuple[BaseException, ...]) -> str:
    """What is known besides the code, to tell refusals apart; not to be shown."""
    for link in chain:
        told = getattr(link, "additional_info", None)  # azure
        if isinstance(told, Mapping):
            return " ".join(map(str, told.values()))
        if type(link).__module__ == "google.auth.exceptions":
            return str(link)
    return ""


def _retry_after(chain: tuple[BaseException, ...]) -> float | None:
    """Seconds until the storage wants to be asked again, by its own clock where it names a time; None: never named."""
    for link in chain:
        response = getattr(link, "response", None)
        if isinstance(response, Mapping):  # botocore
            headers = response.get("ResponseMetadata", {}).get("HTTPHeaders")
        else:  # our own: headers; azure and requests: response.headers
            headers = getattr(link, "headers", None) or getattr(response, "headers", None)
        told = headers.get("retry-after") if isinstance(headers, Mapping) else None
        if told is not None:
            if _SECONDS.fullmatch(told):
                return float(told)
            until, now = _time(told), _time(headers.get("date"))
            return (until - now).total_seconds() if until and now else None
    return None


def _said(status: int, code: str) -> str:
    return f"HTTP {status} {code}" if code and code != str(status) else f"HTTP {status}"


def _from_status(status: int, code: str, details: str, about: str, name: str | None) -> RemoteArtworkError:
    said = _said(status, code)
    refusal = refusal_for(code, details, listing=name is None)
    if refusal is not None:
        return refusal.kind(f"{about}: {refusal.what} ({said}); {refusal.remedy}")
    if status in _DENIED:
        return StorageDenied(
            f"{about}: the storage refuses access ({said}); check the keys or the SAS and its end, this machine's "
            "clock, and that they may list, read, and read versions there"
        )
    if status in _GONE:
        return _missing(about, said, None if code in _NO_BUCKET_CODES else name)
    if status in _REPLACED and name is not None:
        return FileGone(f"{about}: the file was replaced while it was read ({said})")
    return StorageMisbehaved(
        f"{about}: the storage answers in a way its protocol does not foresee ({said}); check the URL"
    )


def _from_class(chain: tuple[BaseException, ...], about: str, name: str | None) -> RemoteArtworkError:
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        return StorageMisbehaved(f"{about}: the server's certificate is not trusted; check the host name in the URL")
    for link in chain:
        if isinstance(link, FileNotFoundError | NotADirectoryError | IsADirectoryError):
            return _missing(about, "not found", name)
        if isinstance(link, PermissionError):
            return StorageDenied(f"{about}: access is refused; check the permissions")
        # The program's own error, as well as an answer that does not parse, is no reason to try again.
        if isinstance(link, OSError) or _broken(link):
            what, remedy = reason(chain) or (f"no answer from the storage ({type(link).__name__})", "try again later")
            return StorageUnreachable(f"{about}: {what}; {remedy}")
    kind = type(chain[0]).__name__
    return StorageMisbehaved(f"{about}: the storage's answer cannot be understood ({kind}); check the URL")


def _broken(error: BaseException) -> bool:
    """Whether a client says that a connection did not come about, broke off or timed out."""
    ancestry = (f"{ancestor.__module__}.{ancestor.__qualname__}" for ancestor in type(error).__mro__)
    return isinstance(error, ConnectionError | TimeoutError) or not _BROKEN_CONNECTION.isdisjoint(ancestry)


def _missing(about: str, said: str, name: str | None) -> RemoteArtworkError:
    if name is None:
        return LocationNotFound(
            f"{about}: there is no such bucket or folder ({said}); check the URL's spelling and the credentials"
        )
    return FileGone(f"{about}: the file is not there ({said})")
