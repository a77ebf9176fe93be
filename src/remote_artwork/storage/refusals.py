"""What a storage means by its error codes, and what a person can do about it. A table, from the providers' documents.

Each sentence says what is the matter, then the remedy. None repeats a word of the storage's own.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from remote_artwork.errors import ConfigurationError, InvalidLocation, RemoteArtworkError, StorageDenied


class RefusedOutright(StorageDenied):
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


_EXPIRED = Refusal("the temporary keys have expired", "make new ones", RefusedOutright)
_UNKNOWN_KEY = Refusal(
    "the storage does not know this access key", "copy both keys again, or make new ones", RefusedOutright
)
_OTHER_SECRET = Refusal("the secret key does not belong to the access key", "copy both keys again", RefusedOutright)
_WRONG_TOKEN = Refusal(
    "the session token does not belong to the keys", "copy all three again, or make new ones", RefusedOutright
)
_CLOCK = Refusal("this machine's clock is too far from the storage's", "set the clock, by NTP", RefusedOutright)
_REGION = Refusal("the bucket is in another region", "name it by ?region= in the URL", InvalidLocation)
_CLOSED = Refusal(
    "the provider has closed this bucket or account", "its owner has to ask the provider's support", RefusedOutright
)
_PAYER = Refusal("whoever asks has to pay for this bucket", "use a bucket whose owner pays", ConfigurationError)
_PUBLIC = Refusal("nobody may look without credentials", "give credentials")
_TOKEN_REFUSED = Refusal(
    "Google does not accept the credentials", "make a new JSON key for the service account", RefusedOutright
)
_SAS_TIME = Refusal(
    "the SAS or the token is not valid now", "make a new one, and check this machine's clock", RefusedOutright
)
_SAS_PARTS = Refusal(
    "the SAS lacks a part, or holds one that is none",
    "copy it again, from the first letter to the last",
    RefusedOutright,
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
        "this machine's sign-in at Google has ended", "run gcloud auth application-default login", RefusedOutright
    ),
    "/account": Refusal(
        "Google does not know the service account any more", "make one, and a key for it", RefusedOutright
    ),
    "/clock": _CLOCK,
    "/key": Refusal(
        "Google does not know this key of the service account any more", "make a new JSON key", RefusedOutright
    ),
    # Azure Blob Storage
    "AccountIsDisabled": _CLOSED,
    "AuthenticationFailed/clock": _CLOCK,
    "AuthenticationFailed/parts": _SAS_PARTS,
    "AuthenticationFailed/signature": Refusal(
        "the key or the SAS does not belong to this account or container",
        "copy it again, or make a new one where the key was replaced",
        RefusedOutright,
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
