"""What ``--credentials`` names: nothing, this machine's own, or a JSON file with those of one storage."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import remote_artwork as ra

_log = logging.getLogger(__name__)

_ROLE = frozenset({"role_arn", "external_id", "session_name", "duration_minutes", "region"})
_KEYS = frozenset({"access_key", "secret_key"})


def read_credentials(choice: str) -> ra.Credentials | None:
    """``anonymous``, ``ambient``, or the path of a JSON file.

    The file holds ``access_key`` with ``secret_key``, ``role_arn`` with what it is assumed with, ``sas_token``,
    ``account_key``, or it is a service account's own key.

    Returns:
        The credentials; for ``anonymous`` None: what a URL holds itself, as an Azure SAS, else none.

    Raises:
        ConfigurationError: The file cannot be used. Its contents are never repeated.
    """
    if choice == "anonymous":
        return None
    if choice == "ambient":
        return ra.Ambient()
    path = Path(choice)
    try:
        fields: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise ra.ConfigurationError(f"--credentials {choice}: {what}; use anonymous, ambient or a JSON file") from None
    if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        _log.warning("credentials_readable_by_others", extra={"error": f"run chmod 600 {choice}"})
    found = _in_file(fields) if isinstance(fields, dict) else None
    if found is None:
        raise ra.ConfigurationError(
            f"--credentials {choice}: it must hold access_key, secret_key and, if any, token; or role_arn with "
            "access_key and secret_key, or with ambient: true; or, for Azure, sas_token and, if wanted, share_sas; "
            "or account_key; or a service account of Google"
        )
    return found


def _in_file(fields: Mapping[str, Any]) -> ra.Credentials | None:
    named = set(fields)
    if fields.get("type") == "service_account":
        return ra.ServiceAccount(fields)
    if "role_arn" in named:
        return _role(fields)
    if named <= _KEYS | {"token"}:
        return _keys(fields)
    if {"sas_token"} <= named <= {"sas_token", "share_sas"}:
        return ra.SasToken(fields["sas_token"], share_sas=fields.get("share_sas", False))
    if named == {"account_key"}:
        return ra.AccountKey(fields["account_key"])
    return None


def _keys(fields: Mapping[str, Any]) -> ra.Keys | None:
    return ra.Keys(**fields) if set(fields) >= _KEYS else None


def _role(fields: Mapping[str, Any]) -> ra.AssumeRole | None:
    """Addresses to ask for sessions are not taken from a file."""
    rest = {name: value for name, value in fields.items() if name not in _ROLE}
    base = ra.Ambient() if rest == {"ambient": True} else _keys(rest) if set(rest) <= _KEYS | {"token"} else None
    minutes = fields.get("duration_minutes", 60)
    if base is None or isinstance(minutes, bool) or not isinstance(minutes, int) or not 0 < minutes < 10_000:
        return None
    optional = {name: fields[name] for name in ("external_id", "session_name", "region") if name in fields}
    return ra.AssumeRole(fields["role_arn"], base=base, duration=timedelta(minutes=minutes), **optional)
