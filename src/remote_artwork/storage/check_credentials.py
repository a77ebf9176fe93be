"""What can be said of credentials without asking anybody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from remote_artwork.storage.check_steps import CheckStep, Verdict
from remote_artwork.storage.credentials import (
    AccountKey,
    Ambient,
    Anonymous,
    AssumeRole,
    Credentials,
    Keys,
    SasToken,
    ServiceAccount,
)

_WORDS: Mapping[type, tuple[Verdict, str]] = {
    Anonymous: (Verdict.OK, "none: what everybody may list and read"),
    Keys: (Verdict.OK, "keys"),
    ServiceAccount: (Verdict.OK, "a service account of Google"),
    AccountKey: (Verdict.WARNING, "the key of an Azure account, which opens all of it; a SAS with sp=rl is enough"),
    Ambient: (Verdict.WARNING, "this machine's own; never use them for a merchant's URL"),
}


def look_at_credentials(credentials: Credentials, url_lifetime: timedelta, now: datetime) -> CheckStep:
    """What kind they are, and of a SAS whether it is good for a scan.

    Args:
        credentials: What the location is opened with.
        url_lifetime: How long a URL has to work; a SAS that is shared has to live as long.
        now: The time.
    """
    if isinstance(credentials, SasToken):
        return _sas(credentials, url_lifetime, now)
    if isinstance(credentials, AssumeRole):
        verdict, message = Verdict.OK, f"{credentials.role_arn}, in sessions of {credentials.duration}"
        if credentials.external_id is None:
            verdict = Verdict.WARNING
            message += ", without an external id; agree on one, or a merchant could name the role of another"
        return CheckStep(name="credentials", verdict=verdict, message=message)
    verdict, message = _WORDS[type(credentials)]
    return CheckStep(name="credentials", verdict=verdict, message=message)


def _sas(sas: SasToken, url_lifetime: timedelta, now: datetime) -> CheckStep:
    fields = {name: values[0] for name, values in parse_qs(sas.token).items()}
    begin, end = _time(fields.get("st")), _time(fields.get("se"))
    verdict, message = Verdict.OK, "a SAS"
    if "si" in fields:
        message += " by a stored access policy, which says what it permits"
    elif not {"r", "l"} <= set(fields.get("sp", "")):
        verdict, message = Verdict.FAILED, "the SAS does not permit to read and to list; make one with sp=rl"
    if fields.get("sr") == "b":
        verdict, message = Verdict.FAILED, "the SAS is for one file; make one for the container"
    if end is not None and end <= now:
        verdict, message = Verdict.FAILED, f"the SAS ended at {end:%Y-%m-%d %H:%M} UTC; make a new one"
    elif begin is not None and begin > now:
        verdict, message = Verdict.FAILED, f"the SAS begins at {begin:%Y-%m-%d %H:%M} UTC; wait, or check the clock"
    elif verdict is Verdict.OK and end is not None:
        message += f", which ends at {end:%Y-%m-%d %H:%M} UTC"
        verdict = Verdict.WARNING if end < now + url_lifetime else Verdict.OK
    return CheckStep(name="credentials", verdict=verdict, message=message)


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC)
