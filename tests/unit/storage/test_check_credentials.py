from datetime import UTC, datetime, timedelta

import pytest

import remote_artwork as ra
from remote_artwork.storage.doctor import look_at_credentials

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ROLE = "arn:aws:iam::123456789012:role/prints"


def look(credentials):
    step = look_at_credentials(credentials, timedelta(hours=24), NOON)
    assert "hush" not in step.message
    return str(step.verdict), step.message


@pytest.mark.parametrize(
    ("sas", "verdict", "words"),
    [
        ("sv=1&sr=c&sp=rl&se=2026-05-09T12:00:00Z", "ok", "ends at 2026-05-09 12:00 UTC"),
        ("sv=1&sr=c&sp=racwdl&se=2026-05-09", "ok", "ends at 2026-05-09 00:00 UTC"),
        ("sv=1&sr=c&sp=rl&se=2026-05-02T11:59:00Z", "warning", "ends at 2026-05-02 11:59 UTC"),
        ("sv=1&sr=c&sp=rl&se=2026-05-01T12:00:00Z", "failed", "ended at 2026-05-01 12:00 UTC; make a new one"),
        ("sv=1&sr=c&sp=rl&st=2026-05-01T13:00:00Z&se=2026-05-09", "failed", "begins at 2026-05-01 13:00 UTC"),
        ("sv=1&sr=c&sp=r&se=2026-05-09", "failed", "make one with sp=rl"),
        ("sv=1&sr=c&sp=l", "failed", "make one with sp=rl"),
        ("sv=1&sr=b&sp=r", "failed", "for one file"),
        ("sv=1&sr=c&si=prints", "ok", "stored access policy"),
        ("sv=1&sr=c&sp=rl&se=hush", "ok", "a SAS"),
    ],
)
def test_a_sas_says_itself_whether_it_is_good_for_a_scan(sas, verdict, words):
    told = look(ra.SasToken(f"{sas}&sig=hush"))
    assert told[0] == verdict
    assert words in told[1]


@pytest.mark.parametrize(
    ("credentials", "verdict", "words"),
    [
        (ra.Anonymous(), "ok", "none"),
        (ra.Keys("AKTESTKEY", "hush"), "ok", "keys"),
        (ra.AccountKey("aHVzaA=="), "warning", "opens all of it"),
        (ra.Ambient(), "warning", "never use them for a merchant's URL"),
        (ra.AssumeRole(ROLE, base=ra.Keys("AKTESTKEY", "hush"), external_id="hush-7"), "ok", f"{ROLE}, in sessions of"),
        (ra.AssumeRole(ROLE, base=ra.Ambient()), "warning", "agree on one"),
    ],
)
def test_every_kind_is_named_and_the_mighty_ones_are_warned_about(credentials, verdict, words):
    told = look(credentials)
    assert told[0] == verdict
    assert words in told[1]


def test_a_service_account_is_named(service_account_key):
    assert look(ra.ServiceAccount(service_account_key)) == ("ok", "a service account of Google")
