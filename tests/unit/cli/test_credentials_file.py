import json
from datetime import timedelta

import pytest

import remote_artwork as ra
from remote_artwork.cli.options import read_credentials
from remote_artwork.core.cures import for_operator

ROLE = "arn:aws:iam::123456789012:role/prints"


@pytest.mark.parametrize(
    ("fields", "credentials"),
    [
        ({"access_key": "AKTESTKEY", "secret_key": "hush"}, ra.Keys("AKTESTKEY", "hush")),
        ({"access_key": "AKTESTKEY", "secret_key": "hush", "token": "t"}, ra.Keys("AKTESTKEY", "hush", "t")),
        ({"sas_token": "sv=1&sig=hush"}, ra.SasToken("sv=1&sig=hush")),
        ({"sas_token": "sv=1&sig=hush", "share_sas": True}, ra.SasToken("sv=1&sig=hush", share_sas=True)),
        ({"account_key": "aHVzaA=="}, ra.AccountKey("aHVzaA==")),
        (
            {"role_arn": ROLE, "external_id": "hush", "access_key": "AKTESTKEY", "secret_key": "hush"},
            ra.AssumeRole(ROLE, base=ra.Keys("AKTESTKEY", "hush"), external_id="hush"),
        ),
        (
            {"role_arn": ROLE, "ambient": True, "duration_minutes": 720, "session_name": "shop", "region": "eu-west-1"},
            ra.AssumeRole(
                ROLE, base=ra.Ambient(), duration=timedelta(hours=12), session_name="shop", region="eu-west-1"
            ),
        ),
    ],
)
def test_a_file_holds_the_credentials_of_one_storage(tmp_path, fields, credentials):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(fields))
    path.chmod(0o600)
    assert read_credentials(str(path)) == credentials


@pytest.mark.parametrize(
    "fields",
    [
        [],
        {},
        {"access_key": "AKTESTKEY"},
        {"sas_token": "sv=1&sig=hush", "account_key": "aHVzaA=="},
        {"sas_token": "sv=1&sig=hush", "share_sas": 1},
        {"account_key": "hush!"},
        {"hush": "hush"},
        {"role_arn": ROLE},
        {"role_arn": ROLE, "ambient": False},
        {"role_arn": ROLE, "ambient": True, "access_key": "AKTESTKEY", "secret_key": "hush"},
        {"role_arn": ROLE, "ambient": True, "sts_endpoint": "https://hush.example.com"},
        {"role_arn": ROLE, "ambient": True, "duration_minutes": 10**30},
        {"role_arn": ROLE, "ambient": True, "duration_minutes": 5},
        {"role_arn": "hush", "ambient": True},
    ],
)
def test_a_file_that_holds_anything_else_is_refused_without_being_shown(tmp_path, fields):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(fields))
    path.chmod(0o600)
    with pytest.raises(ra.ConfigurationError) as error:
        read_credentials(str(path))
    assert "hush" not in str(error.value)
    assert "aHVzaA" not in str(error.value)


@pytest.mark.parametrize("minutes", [5, 721])
def test_a_session_of_no_such_length_is_refused_in_the_words_of_the_file(tmp_path, minutes):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"role_arn": ROLE, "ambient": True, "duration_minutes": minutes}))
    path.chmod(0o600)
    with pytest.raises(ra.ConfigurationError) as error:
        read_credentials(str(path))
    said = for_operator(str(error.value))
    assert said.startswith("duration_minutes in the credentials file is ")
    assert said.endswith("it must be from 15 minutes to 12 hours")


def test_without_a_file_the_url_itself_decides():
    assert read_credentials("anonymous") is None


def test_this_machines_own_are_used_where_the_command_line_says_so():
    assert read_credentials("ambient") == ra.Ambient()


def test_a_file_that_others_may_read_is_warned_about(tmp_path, caplog):
    path = tmp_path / "keys.json"
    path.write_text('{"account_key": "aHVzaA=="}')
    path.chmod(0o600)
    read_credentials(str(path))
    assert caplog.records == []
    path.chmod(0o640)
    assert read_credentials(str(path)) == ra.AccountKey("aHVzaA==")
    [record] = caplog.records
    assert (record.message, record.error) == (
        "credentials_readable_by_others",
        f"other users can read {path}; run chmod 600 {path}",
    )
