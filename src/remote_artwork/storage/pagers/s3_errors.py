"""What S3's errors mean where the request tells more than the answer."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from botocore import UNSIGNED

from remote_artwork.errors import StorageDenied
from remote_artwork.storage.pagers.s3_region import elsewhere, plain_region, region_in

_OTHER_REGION = frozenset({"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"})
"""What S3 calls a request that was signed for another region than the bucket's."""

_NO_SIGNATURE = frozenset({"400", "412", "MissingAuthenticationToken", "MissingSecurityHeader", "UnsupportedAlgorithm"})
"""What servers call a request without a signature, where they do not refuse it with 403. Swift's S3 leaves such a
request to Swift, which answers 412: the bucket's path is none of its own.
"""


def understand(request_dict: Mapping[str, Any], response: tuple[Any, Any] | None, **_: object) -> None:
    """Looks at each answer before the SDK decides whether to ask again.

    Raises:
        InvalidLocation: The bucket is in another region, which the answer names.
        StorageDenied: The storage takes no request without a signature.
    """
    context = request_dict["context"]
    redirection = context.get("s3_redirect")
    if redirection is None or response is None:
        return
    # The SDK would ask the other region by itself, in a request that nobody counts, and would sign URLs as before.
    redirection["redirected"] = True  # it looks here whether it has done so, and does it once only
    _, answer = response
    code = answer.get("Error", {}).get("Code")
    if code in _OTHER_REGION:
        _refuse_region(answer, context)
    if code in _NO_SIGNATURE and _status(answer) < HTTPStatus.INTERNAL_SERVER_ERROR and _is_unsigned(context):
        raise StorageDenied(
            "this storage takes no unsigned requests by S3; "
            "give keys, or paste the public folder's web address (Swift: https://HOST/v1/AUTH_…/CONTAINER/)"
        )


def _refuse_region(answer: Mapping[str, Any], context: Mapping[str, Any]) -> None:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = region_in(headers) or plain_region(answer["Error"].get("Region"))
    if region is not None and region != context.get("client_region"):
        raise elsewhere(region)


def _status(answer: Mapping[str, Any]) -> int:
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_unsigned(context: Mapping[str, Any]) -> bool:
    return context["client_config"].signature_version is UNSIGNED
