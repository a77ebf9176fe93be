"""Translate errors of storage clients. The only place that reads them.

``from_exception`` turns any exception of a client into an error of this library. It decides in this order:

1. An error of this library in the chain of causes stays what it is.
2. The HTTP status and the storage's own error code: ``_DIAGNOSES`` and ``_PERMISSIONS`` say what a code means.
3. The built-in exception class, such as ``ConnectionRefusedError``.

Class names of other libraries only tell a broken connection from a broken program. No SDK is imported.

The message never contains text of the server or of another library. ``sanitized_cause`` keeps what a developer needs of
the original error: classes, numbers and traceback lines.

S3 has no error code in the response to a HEAD, only HTTP 403. It may mean a missing file: see ``"403"`` in
``_PERMISSIONS``. For web folders, ``backends.web_probing`` decides that.
"""

from __future__ import annotations

import re
import socket
import ssl
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from remote_artwork.core.cures import CA_FILE, CONNECT_TIMEOUT, READ_TIMEOUTS
from remote_artwork.errors import (
    ConfigurationError,
    FileGone,
    FileReplaced,
    InvalidLocation,
    LocationNotFound,
    RemoteArtworkError,
    StorageDenied,
    StorageMisbehaved,
    StorageUnreachable,
)
from remote_artwork.storage.location import Location
from remote_artwork.storage.metadata import parse_time
from remote_artwork.storage.provider_table import PROVIDERS
from remote_artwork.storage.providers import Need


class HttpStatusError(Exception):
    """A response with an error status, for ``from_exception``. Its message has no text of the server.

    Args:
        status: The HTTP status.
        error_code: The storage's own code.
        headers: The headers of the response.
        details: Text of the server, only to tell codes apart.
    """

    def __init__(
        self, status: int, error_code: str = "", headers: Mapping[str, str] | None = None, *, details: str = ""
    ) -> None:
        super().__init__(f"HTTP {status} {error_code}".rstrip())
        self.status = status
        self.error_code = error_code
        self.headers = headers
        self.details = details


class CredentialsRejected(StorageDenied):
    """The storage rejects every request with these credentials: wrong keys, a closed account. No permission helps."""


# From an exception to an error of this library


def from_exception(error: Exception, *, where: str, name: str | None = None) -> RemoteArtworkError:
    """The error of this library for any exception of a storage client. Raise it ``from sanitized_cause(error)``.

    Args:
        error: The exception.
        where: The location, without secrets. It starts the message and becomes the error's ``location``.
        name: The file that the call was about; None if it was about the folder.
    """
    translated = _translate(error, where, name)
    translated.location = where
    return translated


def _translate(error: Exception, where: str, name: str | None) -> RemoteArtworkError:
    chain = tuple(_causes(error))
    ours = next((link for link in chain if isinstance(link, RemoteArtworkError)), None)
    if ours is not None:
        located = type(ours)(f"{where}: {ours}")
        for note in getattr(ours, "__notes__", ()):
            located.add_note(note)
        return located
    subject = where if name is None else f"{where}: {name!r}"
    if any(getattr(link, "retryable", None) is True for link in chain):
        # An error of google-auth, which gcsfs turns into HTTP 401.
        return StorageUnreachable(f"{subject}: Google issues no access tokens now; try again later")
    status, code = _status_and_code(chain)
    if status is None:
        return _from_class(chain, subject, name)
    retry_after = _retry_after(chain)
    if code in _BUSY_CODES or is_busy(status, asks_to_wait=retry_after is not None):
        return StorageUnreachable(
            f"{subject}: the storage is not available now ({_http(status, code)}); try again later",
            retry_after=retry_after,
        )
    return _from_status(status, code, _details(chain), subject, name)


def _from_status(status: int, code: str, details: str, subject: str, name: str | None) -> RemoteArtworkError:
    http = _http(status, code)
    diagnosis = _diagnose(code, details, listing=name is None)
    if diagnosis is not None:
        return diagnosis.error(f"{subject}: {diagnosis.problem} ({http}); {diagnosis.remedy}")
    if status in (401, 403, 407):
        return StorageDenied(
            f"{subject}: the storage refuses access ({http}); check the credentials and their expiry, this machine's "
            "clock, and the permissions to list, to read, and to read versions"
        )
    if status in (404, 410):
        return _missing(subject, http, None if code in _NO_BUCKET_CODES else name)
    if status in (412, 416) and name is not None:
        return FileReplaced(f"{subject}: the file was replaced while it was read ({http}); scan again")
    return StorageMisbehaved(f"{subject}: the storage gives an unexpected response ({http}); check the URL")


def _from_class(chain: Sequence[BaseException], subject: str, name: str | None) -> RemoteArtworkError:
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        return StorageMisbehaved(f"{subject}: {_certificate_problem(chain)}")
    for link in chain:
        if isinstance(link, FileNotFoundError | NotADirectoryError | IsADirectoryError):
            return _missing(subject, "", name)
        if isinstance(link, PermissionError):
            return StorageDenied(f"{subject}: access is refused; check the permissions")
        # Anything else is an error of a program, or a response that cannot be parsed: trying again does not help.
        if isinstance(link, OSError) or _is_broken_connection(link):
            problem = (
                _connection_problem(chain)
                or _timeout_problem(chain, listing=name is None)
                or f"the storage does not respond ({type(link).__name__}); try again later"
            )
            return StorageUnreachable(f"{subject}: {problem}")
    return StorageMisbehaved(
        f"{subject}: the storage's response cannot be read ({type(chain[0]).__name__}); check the URL"
    )


def _certificate_problem(chain: Sequence[BaseException]) -> str:
    """What is wrong with a server's certificate, by OpenSSL's code, and what to do."""
    codes = {getattr(link, "verify_code", None) for link in chain}
    if not codes.isdisjoint(_OTHER_HOST):
        return "the server's certificate is for another host name; check the host in the URL"
    if not codes.isdisjoint(_NOT_VALID_NOW):
        return (
            "the server's certificate is not valid now; check this machine's clock, or ask the server's operator "
            "to renew the certificate"
        )
    return (
        "the server's certificate is not trusted: no authority that this machine trusts signed it; check the host in "
        f"the URL, or, if the authority is your own, pass its certificate: {CA_FILE}"
    )


_OTHER_HOST = frozenset({62, 63, 64})
_NOT_VALID_NOW = frozenset({9, 10, 13, 14})


def _timeout_problem(chain: Sequence[BaseException], *, listing: bool) -> str | None:
    """Which time limit passed, and how to raise it; None if none did."""
    names = {kind.__name__ for link in chain for kind in type(link).__mro__}
    if any(isinstance(link, TimeoutError) for link in chain) or any("Timeout" in name for name in names):
        if any("ConnectTimeout" in name or "ConnectionTimeout" in name for name in names):
            return (
                "no connection was made in time; check host and port in the URL, try again later, or raise "
                f"{CONNECT_TIMEOUT}"
            )
        what = "a page of the listing" if listing else "this file"
        return f"the storage does not respond in time: {what} took too long; try again later, or raise {READ_TIMEOUTS}"
    return None


def _connection_problem(chain: Sequence[BaseException]) -> str | None:
    """What is wrong and what to do, from the built-in errors among the causes; None if they do not say."""
    for link in chain:
        if isinstance(link, socket.gaierror):
            if link.errno == socket.EAI_AGAIN:
                return "the host name could not be looked up; check this machine's network, or try again later"
            return "the host name is not known; check host and region in the URL, and this machine's network"
        if isinstance(link, ConnectionRefusedError):
            return "no server accepts connections at this host and port; check them in the URL, or try again later"
        # Clients have errors of their own with the same name, so only the built-in class counts.
        if isinstance(link, ssl.SSLError) and not isinstance(link, _CONNECTION_ENDED):
            return "the server does not support https at this port; check host and port in the URL"
    return None


def _missing(subject: str, http: str, name: str | None) -> RemoteArtworkError:
    shown = f" ({http})" if http else ""
    if name is None and subject.startswith("file:"):
        return LocationNotFound(f"{subject}: the folder does not exist; create it, or correct its path")
    if name is None:
        return LocationNotFound(
            f"{subject}: the bucket or folder does not exist{shown}; check the URL's spelling, and the credentials"
        )
    return FileGone(f"{subject}: the file does not exist{shown}")


def _http(status: int, code: str) -> str:
    return f"HTTP {status} {code}" if code and code != str(status) else f"HTTP {status}"


# The cause that is kept


class SanitizedCause(Exception):
    """The ``__cause__`` of a translated error: classes, numbers and traceback lines of the original, but no text."""


def sanitized_cause(error: Exception) -> SanitizedCause:
    """The classes of an error and its causes, outermost first, with their error numbers or HTTP statuses."""
    cause = SanitizedCause(" from ".join(_class_and_number(link) for link in _causes(error)))
    cause.add_note("".join(traceback.format_tb(error.__traceback__)).rstrip())
    return cause


def _class_and_number(error: BaseException) -> str:
    kind = type(error)
    numbers = (getattr(error, attribute, None) for attribute in ("errno", "status", "status_code"))
    number = next((f" {number}" for number in numbers if isinstance(number, int)), "")
    return f"{kind.__module__}.{kind.__qualname__}{number}"


# What other libraries' exceptions contain


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and its explicit causes. A context is ignored: it may be an earlier, unrelated error."""
    seen: set[int] = set()
    link: Any = error
    while isinstance(link, BaseException) and id(link) not in seen:
        seen.add(id(link))
        yield link
        # botocore keeps the cause among the parts of its message.
        link = link.__cause__ or getattr(link, "kwargs", {}).get("error")


_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def _status_and_code(chain: Sequence[BaseException]) -> tuple[int | None, str]:
    """The HTTP status and the storage's error code; None and an empty text if no response arrived."""
    for link in chain:
        if _is_broken_connection(link):
            break  # its cause may be a parser's error, whose code is not an HTTP status
        response = getattr(link, "response", None)
        if isinstance(response, Mapping):  # botocore
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            code = str(response.get("Error", {}).get("Code", ""))
        else:  # aiohttp: status; azure: status_code; requests: response.status_code; gcsfs: code
            candidates = (
                getattr(link, "status", None),
                getattr(link, "status_code", None),
                getattr(response, "status_code", None),
            )
            status = next((value for value in candidates if value is not None), None)
            if status is None:  # the last resort, because aiohttp warns about its own code
                status = getattr(link, "code", None)
            own_code = getattr(link, "error_code", None)
            code = str(getattr(own_code, "value", own_code) or "")  # azure: an enumeration of the codes it knows
        if isinstance(status, int) and 100 <= status <= 599:
            return status, code if _CODE.fullmatch(code) else ""
    return None, ""


def is_busy(status: int, *, asks_to_wait: bool = False) -> bool:
    """Whether an HTTP status means that the same request may succeed later.

    Args:
        status: The status.
        asks_to_wait: Whether the response has a ``Retry-After``. A server that limits the rate of requests may refuse a
            file with it, or report one as missing that exists.
    """
    limited = asks_to_wait and status in (403, 404, 410)
    return limited or status in (408, 425, 429) or (status >= 500 and status != 501)


_SECONDS = re.compile(r"[0-9]{1,18}")


def _retry_after(chain: Sequence[BaseException]) -> float | None:
    """Seconds to wait, as the storage requests; a time is compared with the storage's own clock. None: no request."""
    for link in chain:
        response = getattr(link, "response", None)
        if isinstance(response, Mapping):  # botocore
            headers = response.get("ResponseMetadata", {}).get("HTTPHeaders")
        else:  # HttpStatusError: headers; azure and requests: response.headers
            headers = getattr(link, "headers", None) or getattr(response, "headers", None)
        value = headers.get("retry-after") if isinstance(headers, Mapping) else None
        if value is not None:
            if _SECONDS.fullmatch(value):
                return float(value)
            until, now = parse_time(value), parse_time(headers.get("date"))
            return (until - now).total_seconds() if until and now else None
    return None


def _details(chain: Sequence[BaseException]) -> str:
    """Further text of an error, only to tell codes apart; never shown."""
    for link in chain:
        response = getattr(link, "response", None)
        if isinstance(response, Mapping):  # botocore
            return str(response.get("Error", {}).get("Message", ""))
        if isinstance(link, HttpStatusError):
            return link.details
        details = getattr(link, "additional_info", None)  # azure
        if isinstance(details, Mapping):
            return " ".join(map(str, details.values()))
        if type(link).__module__ == "google.auth.exceptions":
            return str(link)
    return ""


def _is_broken_connection(error: BaseException) -> bool:
    """Whether a client reports that a connection failed, ended early or timed out."""
    ancestry = (f"{ancestor.__module__}.{ancestor.__qualname__}" for ancestor in type(error).__mro__)
    return isinstance(error, ConnectionError | TimeoutError) or not _BROKEN_CONNECTION.isdisjoint(ancestry)


_CONNECTION_ENDED = (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError, ssl.SSLWantReadError)
"""TLS errors that say nothing about the server: the connection ended."""

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
"""Classes of other libraries for a connection that failed or ended early. The built-in ones are not all their bases."""


# What a storage's error code means


@frozen
class _Diagnosis:
    """What an error code means.

    Args:
        problem: What is wrong.
        remedy: What to do.
        error: The error it becomes.
    """

    problem: str
    remedy: str
    error: type[RemoteArtworkError] = StorageDenied


def _diagnose(code: str, details: str, *, listing: bool) -> _Diagnosis | None:
    """What a code means, more precisely if its details are known; None for a code that is not in the tables."""
    lower = details.lower()
    topic = next((topic for text, topic in _TOPICS.items() if text in lower), "")
    diagnosis = _DIAGNOSES.get(f"{code}/{topic}") or _DIAGNOSES.get(code)
    if diagnosis is None and code.startswith(_KEY_SERVICES):
        diagnosis = _KEY_UNUSABLE
    if diagnosis is None and code in _PERMISSIONS:
        return _PERMISSIONS[code][0 if listing else 1]
    return diagnosis


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
        "backendError",  # Google's codes start with a lower-case letter
        "rateLimitExceeded",
        "userRateLimitExceeded",
    }
)

_NO_BUCKET_CODES = frozenset({"NoSuchBucket", "ContainerNotFound", "ResourceNotFound"})
"""Codes that mean a missing bucket, also for a request about a file. Azure uses the last for a private container."""

_TOPICS: Mapping[str, str] = {
    "form of server side encryption": "customer key",
    "customer provided key": "customer key",
    "kms:": "kms",
    "cap exceeded": "cap",
    "explicit deny": "policy",
    "not valid in the specified time frame": "time",
    "the token is expired": "time",
    "date header too old": "clock",
    "is mandatory": "parts",
    "not well formed": "parts",
    "signature did not match": "signature",
    "mac signature": "signature",
    "reasonable timeframe": "clock",
    "invalid jwt signature": "key",
    "account not found": "account",
    "expired or revoked": "login",
    "reauthentication is needed": "login",
}
"""Text in an error's details, in lower case → its topic, which follows the code in ``_DIAGNOSES``."""

_EXPIRED = _Diagnosis("the temporary keys have expired", "make new ones", CredentialsRejected)
_UNKNOWN_KEY = _Diagnosis(
    "the storage does not know this access key", "copy both keys again, or make new ones", CredentialsRejected
)
_WRONG_SECRET = _Diagnosis("the secret key does not match the access key", "copy both keys again", CredentialsRejected)
_WRONG_TOKEN = _Diagnosis(
    "the session token does not match the keys", "copy all three again, or make new ones", CredentialsRejected
)
_CLOCK = _Diagnosis(
    "this machine's clock differs too much from the storage's", "set the clock with NTP", CredentialsRejected
)
_REGION = _Diagnosis("the bucket is in another region", "add it to the URL as ?region=…", InvalidLocation)
_CLOSED = _Diagnosis(
    "the provider has closed this bucket or account", "ask its owner to contact the provider", CredentialsRejected
)
_REQUESTER_PAYS = _Diagnosis(
    "the requester must pay for this bucket", "use a bucket whose owner pays", ConfigurationError
)
_NOT_PUBLIC = _Diagnosis("this storage is not public", "use credentials")
_GOOGLE_TOKEN = _Diagnosis(
    "Google does not accept the credentials", "make a new JSON key for the service account", CredentialsRejected
)
_SAS_TIME = _Diagnosis(
    "the SAS or the token is not valid now", "make a new one, and check this machine's clock", CredentialsRejected
)
_SAS_PARTS = _Diagnosis("the SAS is incomplete or malformed", "copy all of it again", CredentialsRejected)

_CUSTOMER_KEY = _Diagnosis(
    "the file is encrypted with a key that only its uploader has, so no shop can download it",
    "upload it again without a key of your own (SSE-C, CSEK, customer-provided key)",
)
_KEY_UNUSABLE = _Diagnosis(
    "the key that encrypts this file is disabled, deleted or not permitted",
    "enable it and permit these credentials to decrypt with it, or upload the file again with another key",
)
_KEY_SERVICES = ("KMS", "KeyVault", "cloudKms", "XMinioKMS")
"""How the codes of errors of a key management service start."""
_CAP = _Diagnosis(
    "a cap of the account at the provider is reached", "raise it at the provider (Caps and Alerts), or wait a day"
)
_ARCHIVED = _Diagnosis("the file is in an archive", "restore it, or upload it again")

_DIAGNOSES: Mapping[str, _Diagnosis] = {
    # Amazon S3, and storages with an S3 API
    "AccessDenied/cap": _CAP,
    "AccessDenied/kms": _Diagnosis(
        "the credentials do not permit decrypting this file", "permit kms:Decrypt on the key that encrypts it"
    ),
    "AccessDenied/policy": _Diagnosis(
        "a policy of the bucket or of the organization denies this request",
        "ask the bucket's owner to permit these credentials and this machine's address in that policy",
    ),
    "AccountProblem": _CLOSED,
    "AllAccessDisabled": _CLOSED,
    "AuthorizationHeaderMalformed": _REGION,
    "ExpiredToken": _EXPIRED,
    "IllegalLocationConstraintException": _REGION,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "InvalidArgument/customer key": _CUSTOMER_KEY,
    "InvalidObjectState": _ARCHIVED,
    "InvalidRequest/customer key": _CUSTOMER_KEY,
    "InvalidSecurity": _WRONG_SECRET,
    "InvalidToken": _WRONG_TOKEN,
    "NotSignedUp": _CLOSED,
    "PermanentRedirect": _REGION,
    "RequestTimeTooSkewed": _CLOCK,
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "TokenRefreshRequired": _EXPIRED,
    "cap_exceeded": _CAP,
    "download_cap_exceeded": _CAP,
    "transaction_cap_exceeded": _CAP,
    "UserSuspended": _CLOSED,
    # Google Cloud Storage
    "accountDisabled": _CLOSED,
    "authError": _GOOGLE_TOKEN,
    "customerEncryptionKeyIsIncorrect": _CUSTOMER_KEY,
    "dailyLimitExceeded": _CAP,
    "quotaExceeded": _CAP,
    "resourceIsEncryptedWithCustomerEncryptionKey": _CUSTOMER_KEY,
    "vpcServiceControls": _Diagnosis(
        "the organization's VPC Service Controls refuse this request",
        "ask its administrator to permit this machine and these credentials",
    ),
    "expired": _SAS_TIME,
    "required": _NOT_PUBLIC,
    "userProjectMissing": _REQUESTER_PAYS,
    # Google gives no code if it issues no access token
    "/login": _Diagnosis(
        "this machine's sign-in at Google has expired", "run gcloud auth application-default login", CredentialsRejected
    ),
    "/account": _Diagnosis(
        "the service account no longer exists at Google", "make one, and a key for it", CredentialsRejected
    ),
    "/clock": _CLOCK,
    "/key": _Diagnosis(
        "Google no longer accepts this key of the service account", "make a new JSON key", CredentialsRejected
    ),
    # Azure Blob Storage
    "AccountIsDisabled": _CLOSED,
    "AuthenticationFailed/clock": _CLOCK,
    "AuthenticationFailed/parts": _SAS_PARTS,
    "AuthenticationFailed/signature": _Diagnosis(
        "the key or the SAS does not belong to this account or container",
        "copy it again, or make a new one if the key was replaced",
        CredentialsRejected,
    ),
    "AuthenticationFailed/time": _SAS_TIME,
    "AuthorizationFailure": _Diagnosis(
        "the account does not allow this request",
        "allow this machine's address in the account's firewall (Networking), and check the key or the SAS's scope",
    ),
    "AuthorizationProtocolMismatch": _Diagnosis("the SAS permits another protocol", "permit https"),
    "AuthorizationResourceTypeMismatch": _Diagnosis(
        "the SAS is not for containers and blobs", "make one with srt=co, or one of the container"
    ),
    "AuthorizationServiceMismatch": _Diagnosis("the SAS is for another service", "make one for blobs (ss=b)"),
    "AuthorizationSourceIPMismatch": _Diagnosis(
        "the SAS does not permit this machine's address", "make one without sip, or with this machine's address"
    ),
    "BlobArchived": _ARCHIVED,
    "BlobBeingRehydrated": _Diagnosis("the file is being restored from an archive", "wait until it is restored"),
    "BlobUsesCustomerSpecifiedEncryption": _CUSTOMER_KEY,
    "InvalidAuthenticationInfo": _SAS_PARTS,
    "KeyBasedAuthenticationNotPermitted": _Diagnosis(
        "the account accepts no account keys", "use a SAS that a signed-in user made"
    ),
    "NoAuthenticationInformation": _NOT_PUBLIC,
    "PublicAccessNotPermitted": _NOT_PUBLIC,
}
"""Error code, or code/topic → what it means for every request."""

_S3_LIST = _Diagnosis("the credentials do not permit listing", "permit s3:ListBucket on the bucket")
_AZURE_ROLE = "make a SAS with sp=rl, or assign the role Storage Blob Data Reader"
_NO_CODE = _Diagnosis(
    "the storage refuses the request without an error code", "check the expiry of temporary keys, and the region"
)

_PERMISSIONS: Mapping[str, tuple[_Diagnosis, _Diagnosis]] = {
    "AccessDenied": (
        _S3_LIST,
        _Diagnosis(
            "the credentials do not permit reading this file",
            "permit s3:GetObject on the bucket's files, and s3:GetObjectVersion if it keeps versions. If only this "
            "file is refused, another account owns it: upload it with the ACL bucket-owner-full-control",
        ),
    ),
    "403": (
        _S3_LIST,
        _Diagnosis(
            "the credentials do not permit reading this file, or it does not exist and the storage does not say so",
            "permit s3:GetObject on the bucket's files and s3:ListBucket on the bucket. If only some files are "
            "refused, another account owns them or a key encrypts them that these credentials may not use. If all "
            "are, check the account's caps, and that no proxy changes HEAD requests",
        ),
    ),
    "400": (
        _NO_CODE,
        _Diagnosis(
            "the storage refuses the request without an error code",
            "if only this file is refused, its uploader encrypted it with a key of their own (SSE-C): upload it again "
            "without one. Otherwise check the expiry of temporary keys, and the region",
        ),
    ),
    "forbidden": (
        _Diagnosis(
            "the credentials do not permit listing",
            "permit storage.objects.list, as the role Storage Object Viewer does",
        ),
        _Diagnosis(
            "the credentials do not permit reading this file",
            "permit storage.objects.get, as the role Storage Object Viewer does",
        ),
    ),
    "AuthorizationPermissionMismatch": (
        _Diagnosis("the SAS or identity does not permit listing", _AZURE_ROLE),
        _Diagnosis("the SAS or identity does not permit reading this file", _AZURE_ROLE),
    ),
}
"""Error code → what it means for a listing, and for one file. For a HEAD, the code of S3 is its status."""


# What to permit at the provider

_PERMISSIONS_TO_GRANT: Mapping[str, Mapping[Need, str]] = {
    "s3": {
        "list": "s3:ListBucket on {arn}",
        "read": "s3:GetObject and s3:GetObjectVersion on {objects}/{prefix}*",
    },
    "gcs": {
        "list": "storage.objects.list on gs://{bucket}, as in the role Storage Object Viewer",
        "read": "storage.objects.get on gs://{bucket}, as in the role Storage Object Viewer",
    },
    "azure": dict.fromkeys(
        ("list", "read"), "sp=rl of a SAS for the container {bucket}, or the role Storage Blob Data Reader on it"
    ),
}
"""Protocol → need → the permission, unless the provider's row states its own."""


def permission_to_grant(location: Location | None, need: Need) -> str | None:
    """The permission to grant, in the provider's own terms; None if it is not known."""
    row = PROVIDERS.get(location.provider) if location is not None else None
    if location is None or row is None:
        return None
    text = row.permissions.get(need) or _PERMISSIONS_TO_GRANT.get(location.protocol, {}).get(need)
    arn = _arn(location)
    objects = f"{arn}/object" if arn == location.bucket else arn
    if not text:
        return None
    permission = text.format(bucket=location.bucket, prefix=location.prefix, arn=arn, objects=objects)
    return f"{permission}, and the same on the bucket behind the access point" if arn == location.bucket else permission


_PARTITIONS: Mapping[str, str] = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}
"""Start of a region's name → the partition of AWS that it belongs to; ``aws`` for all others."""


def _arn(location: Location) -> str:
    """The ARN of a bucket, or of the access point that is used as one."""
    if location.bucket.startswith("arn:"):
        return location.bucket
    region = location.region or ""
    partition = next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")
    return f"arn:{partition}:s3:::{location.bucket}"
