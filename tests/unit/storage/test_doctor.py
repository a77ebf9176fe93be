from datetime import UTC, datetime

import fsspec
import pytest

import remote_artwork as ra
from german_catalog import GERMAN
from remote_artwork.storage.doctor import CheckContext, Verdict, compare_clocks, inspect_credentials

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ROLE = "arn:aws:iam::123456789012:role/prints"


@pytest.fixture
def context():
    storage = ra.ArtworkStorage(fsspec.filesystem("memory", skip_instance_cache=True), "/prints")
    return CheckContext(storage=storage, clock=lambda: NOON)


@pytest.fixture
def inspect(context):
    def inspect_(credentials):
        context.credentials = credentials
        step = inspect_credentials(context)
        assert "hush" not in str(step.to_dict())
        assert step.render(GERMAN)
        return str(step.verdict), step.message

    return inspect_


@pytest.mark.parametrize(
    ("sas", "verdict", "message"),
    [
        ("sv=1&sr=c&sp=rl&se=2026-05-09T12:00:00Z", "ok", "a SAS; it expires on 2026-05-09 12:00 UTC"),
        ("sv=1&sr=c&sp=racwdl&se=2026-05-09", "ok", "a SAS; it expires on 2026-05-09 00:00 UTC"),
        ("sv=1&sr=c&sp=rl&se=2026-05-02T11:59:00Z", "warning", "a SAS; it expires on 2026-05-02 11:59 UTC"),
        ("sv=1&sr=c&sp=rl&se=2026-05-01T12:00:00Z", "failed", "expired on 2026-05-01 12:00 UTC; make a new one"),
        ("sv=1&sr=c&sp=rl&st=2026-05-01T13:00:00Z&se=2026-05-09", "failed", "becomes valid on 2026-05-01 13:00 UTC"),
        ("sv=1&sr=c&sp=rl&se=2026-05-02T11:59:00Z", "warning", "make a SAS that is valid longer"),
        ("sv=1&sr=c&sp=r&se=2026-05-09", "failed", "make one with sp=rl"),
        ("sv=1&sr=c&sp=l", "failed", "make one with sp=rl"),
        ("sv=1&sr=b&sp=r", "failed", "for one file"),
        ("sv=1&sr=c&si=prints", "ok", "stored access policy"),
        ("sv=1&sr=c&sp=rl&se=hush", "ok", "a SAS"),
    ],
)
def test_a_sas_is_inspected_without_a_request(inspect, sas, verdict, message):
    result = inspect(ra.SasToken(f"{sas}&sig=hush"))
    assert result[0] == verdict
    assert message in result[1]


@pytest.mark.parametrize(
    ("credentials", "verdict", "message"),
    [
        (ra.Anonymous(), "ok", "none"),
        (ra.Keys("AKTESTKEY", "hush"), "ok", "a secret key"),
        (ra.AccountKey("aHVzaA=="), "warning", "access to the whole account"),
        (ra.Ambient(), "warning", "never use them for a merchant's URL"),
        (ra.AssumeRole(ROLE, base=ra.Keys("AKTESTKEY", "hush"), external_id="hush-7"), "ok", f"{ROLE}, in sessions of"),
        (ra.AssumeRole(ROLE, base=ra.Ambient()), "warning", "agree on one"),
    ],
)
def test_credentials_are_named_and_powerful_ones_are_a_warning(inspect, credentials, verdict, message):
    result = inspect(credentials)
    assert result[0] == verdict
    assert message in result[1]


def test_a_service_account_is_named(inspect, service_account_key):
    assert inspect(ra.ServiceAccount(service_account_key)) == ("ok", "a Google service account")


@pytest.mark.parametrize("date", ["", "noon", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_a_date_that_cannot_be_parsed_is_a_warning(context, date):
    context.server_date = date
    assert compare_clocks(context).verdict is Verdict.WARNING
