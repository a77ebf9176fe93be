"""What a shop says instead of a result, and which error of this library it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from http import HTTPStatus
from typing import Any

from attrs import frozen

from remote_artwork.errors import (
    ArtworkRejected,
    AuthenticationExpired,
    AuthenticationFailed,
    ClientError,
    NotPending,
    OrderGone,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
)


class Effect(Enum):
    """Whether a request that the shop refused may have had its effect."""

    NONE = "none"
    """Certainly not."""
    BY_CODE = "by_code"
    """Not if the code is one that ``errors`` of ``ShopApi`` or this module names. Otherwise it may have."""
    POSSIBLE = "possible"
    """It may have, whatever the code says."""


@frozen
class Refusal:
    """A response that is not a result, although its HTTP status may be 200.

    Args:
        message: What the shop says, for a person.
        code: The shop's own code for it, such as ``THROTTLED``; empty if there is none.
        effect: Whether the request may have had its effect.
        item_number: The item of the file that is refused, if the shop names it.
    """

    message: str = ""
    code: str = ""
    effect: Effect = Effect.BY_CODE
    item_number: str | None = None


FindRefusal = Callable[[Any], Refusal | None]
"""Receives the parsed JSON of a response with a status from 200 to 299, and returns what it refuses; None if nothing.

Called by several threads at once.
"""

Errors = Mapping[str, type[ClientError]]
"""The codes of a shop → the errors of this library. Each error except ``OutcomeUnknown`` promises that the request had
no effect."""

_KNOWN_CODES: Errors = {
    # GraphQL: Shopify, Apollo Server and those that follow them
    "THROTTLED": RateLimited,
    "RATE_LIMITED": RateLimited,
    "RATE_LIMIT_EXCEEDED": RateLimited,
    "TOO_MANY_REQUESTS": RateLimited,
    "UNAUTHENTICATED": AuthenticationExpired,
    "FORBIDDEN": AuthenticationFailed,
    "ACCESS_DENIED": AuthenticationFailed,
    "UNAUTHORIZED": AuthenticationFailed,
    "GRAPHQL_PARSE_FAILED": ClientError,
    "GRAPHQL_VALIDATION_FAILED": ClientError,
    "OPERATION_RESOLUTION_FAILURE": ClientError,
    "BAD_REQUEST": ClientError,
    "BAD_USER_INPUT": ClientError,
    "MAX_COST_EXCEEDED": ClientError,
    # graphql-ruby, which Shopify uses: the document is not valid
    "INVALID_VARIABLE": ClientError,
    "argumentLiteralsIncompatible": ClientError,
    "argumentNotAccepted": ClientError,
    "missingRequiredArguments": ClientError,
    "parseError": ClientError,
    "selectionMismatch": ClientError,
    "undefinedField": ClientError,
    "undefinedType": ClientError,
    "variableMismatch": ClientError,
    "variableNotDefined": ClientError,
    # JSON-RPC 2.0
    "-32700": ClientError,
    "-32600": ClientError,
    "-32601": ClientError,
    "-32602": ClientError,
}
"""Codes with one meaning in all shops. Only these, and those that a client declares, prove that nothing happened."""


_KINDS: Mapping[int, type[ClientError]] = {
    HTTPStatus.UNAUTHORIZED: AuthenticationFailed,
    HTTPStatus.FORBIDDEN: AuthenticationFailed,
    HTTPStatus.PAYMENT_REQUIRED: PaymentRequired,
    HTTPStatus.NOT_FOUND: OrderGone,
    HTTPStatus.GONE: OrderGone,
    HTTPStatus.CONFLICT: NotPending,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimited,
}
"""The statuses that refuse a request with a clear reason."""


@frozen(kw_only=True)
class Translation:
    """How the answers to one request become errors.

    Args:
        errors: The codes that the client declares.
        unclear: The error if the request may have had its effect: ``OutcomeUnknown``, or ``Unavailable`` for a read.
        names_order: Whether the path names an order, so that 404 means that the shop does not know it.
        has_session: Whether 401 may mean that a login expired.
    """

    errors: Errors
    unclear: type[ClientError]
    names_order: bool
    has_session: bool

    def error_of_status(
        self, status: int, content: Any, said: str, retry_after: float | str | None
    ) -> ClientError | None:
        """The error of a response with this status and JSON; None if the status is one from 200 to 299."""
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return None
        if declared := self.errors.get(find_code(content)):
            return self._error(declared, said, retry_after)
        kind = self._kind_of_status(status)
        if kind is OrderGone and not (self.names_order and _is_from_api(content)):
            return self.unclear(f"{said}, but not from the shop's API; check the URL of the shop")
        if kind is AuthenticationFailed:
            said = f"{said}; check the key and its permissions"
        if status < HTTPStatus.BAD_REQUEST:
            said = f"{said}; redirects are not followed, so check the URL of the shop"
        return self._error(kind, said, retry_after)

    def _kind_of_status(self, status: int) -> type[ClientError]:
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            return self.unclear
        if status == HTTPStatus.UNAUTHORIZED and self.has_session:
            return AuthenticationExpired
        return _KINDS.get(status, ClientError)

    def error_of_refusal(self, refusal: Refusal, said: str, retry_after: float | str | None) -> ClientError:
        """The error of a refusal in a response whose status says that all is well."""
        if refusal.effect is Effect.POSSIBLE and self.unclear is OutcomeUnknown:
            return OutcomeUnknown(said)
        kind = self.errors.get(refusal.code) or _KNOWN_CODES.get(refusal.code)
        if kind is None:
            kind = ClientError if refusal.effect is Effect.NONE else self.unclear
        return self._error(kind, said, retry_after, refusal.item_number)

    def _error(
        self, kind: type[ClientError], said: str, retry_after: float | str | None, item_number: str | None = None
    ) -> ClientError:
        if issubclass(kind, OutcomeUnknown):
            return self.unclear(said)
        if issubclass(kind, RateLimited):
            return kind(said, retry_after=retry_after)
        if issubclass(kind, ArtworkRejected):
            return kind(said, item_number=item_number)
        return kind(said)


def find_code(content: Any) -> str:
    """The shop's own code in the JSON of an error; empty if there is none."""
    for part in _parts(content):
        extensions = part.get("extensions")
        for place in (extensions if isinstance(extensions, dict) else {}, part):
            for name in ("code", "errorCode", "error_code", "reason", "type"):
                if isinstance(value := place.get(name), str | int) and not isinstance(value, bool):
                    return str(value)
    error = content.get("error") if isinstance(content, dict) else None
    return error if isinstance(error, str) else ""


def find_message(content: Any) -> str:
    """What the JSON of an error says to a person; empty if it says nothing."""
    for part in _parts(content):
        for name in ("message", "error_description", "detail", "title", "description", "ErrorMessage"):
            if isinstance(value := part.get(name), str) and value:
                return value
    for name in ("error", "errors"):
        value = content.get(name) if isinstance(content, dict) else None
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, str):
            return value
    return ""


def _parts(content: Any) -> list[dict[str, Any]]:
    """The objects of an error that may have its code and its message: itself, and the first of its errors."""
    if not isinstance(content, dict):
        return []
    errors = content.get("errors") or content.get("Errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return [part for part in (content, content.get("error"), first) if isinstance(part, dict)]


def _is_from_api(content: Any) -> bool:
    """Whether the API itself answered: not another server, nor WordPress without the plug-in that adds the API."""
    return isinstance(content, dict) and content.get("code") != "rest_no_route"
