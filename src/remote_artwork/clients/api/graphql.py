"""What a GraphQL answer refuses: its ``errors``, its members of type ``…Error``, and its ``userErrors``.

By the GraphQL specification, an answer without ``data`` was not executed. Servers differ here, so only a known code
proves it. A mutation that was executed and then failed, for example while its result was read, may have had its effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from remote_artwork.clients.api.refusals import Effect, Refusal

_MAX_MESSAGES = 3
"""Messages of one answer that an error repeats."""

_NO_RESULT = Refusal(
    "the answer contains no result; the document must select __typename or errorCode, and the fields of an error",
    effect=Effect.POSSIBLE,
)


def find_query_refusal(content: Any) -> Refusal | None:
    """What the answer to a query refuses. An answer with errors is refused as a whole, even if it has data."""
    if not isinstance(content, dict) or not (content.get("errors") or isinstance(content.get("data"), dict)):
        return Refusal("the answer is not GraphQL; check the URL of the shop", effect=Effect.POSSIBLE)
    errors = content.get("errors")
    if not errors:
        return None
    objects = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    codes = [str(code) for code in map(_code_of_error, objects) if code is not None]
    effect = Effect.POSSIBLE if _was_executed(content.get("data"), objects) else Effect.BY_CODE
    if len(set(codes)) > 1:
        effect = Effect.POSSIBLE
    return Refusal(_messages(objects), codes[0] if codes else "", effect)


def find_mutation_refusal(content: Any) -> Refusal | None:
    """What the answer to a mutation refuses. Only an answer without any error is a result."""
    if refusal := find_query_refusal(content):
        return refusal
    payloads = [part for payload in content["data"].values() for part in _parts_of_payload(payload)]
    refusals = [refusal for refusal in map(_refusal_of_payload, payloads) if refusal]
    if not payloads:
        return _NO_RESULT
    if not refusals:
        return None
    # The shop executed a part of the document, or says nothing about a part: "refused" would be wrong for the whole.
    unclear = len(refusals) < len(payloads) or any(each.effect is Effect.POSSIBLE for each in refusals)
    return evolve(refusals[0], effect=Effect.POSSIBLE) if unclear else refusals[0]


def _was_executed(data: Any, errors: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a field of the document may have been executed before the error."""
    if isinstance(data, dict) and any(value is not None for value in data.values()):
        return True
    return any(len(error.get("path") or ()) > 1 for error in errors)


def _code_of_error(error: Mapping[str, Any]) -> object:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return code if code is not None else error.get("code")


def _parts_of_payload(payload: Any) -> Sequence[Any]:
    return payload if isinstance(payload, list) and payload else [payload]


def _refusal_of_payload(payload: Any) -> Refusal | None:
    """What the result of one mutation refuses."""
    if payload is None or payload is False or payload in ({}, []):
        return _NO_RESULT
    if not isinstance(payload, dict):
        return None
    kind = str(payload.get("__typename") or "")
    if "errorCode" in payload or kind.endswith("Error"):
        return Refusal(_messages([payload]), str(payload.get("errorCode") or kind), Effect.NONE)
    for name, errors in payload.items():
        if errors and isinstance(errors, list) and (name == "errors" or name.endswith("Errors")):
            objects = [error for error in errors if isinstance(error, dict)]
            codes = [str(error["code"]) for error in objects if error.get("code")]
            return Refusal(_messages(objects), codes[0] if codes else "", Effect.NONE)
    return None


def _messages(errors: Sequence[Mapping[str, Any]]) -> str:
    found = [str(error["message"]) for error in errors if error.get("message")]
    return "; ".join(found[:_MAX_MESSAGES])
