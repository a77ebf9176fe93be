import json

import pytest

import remote_artwork as ra
from remote_artwork.cli.setup import read_credentials


@pytest.mark.parametrize(
    ("fields", "credentials"),
    [
        ({"access_key": "AKTESTKEY", "secret_key": "hush"}, ra.Keys("AKTESTKEY", "hush")),
        ({"access_key": "AKTESTKEY", "secret_key": "hush", "token": "t"}, ra.Keys("AKTESTKEY", "hush", "t")),
        ({"sas_token": "sv=1&sig=hush"}, ra.SasToken("sv=1&sig=hush")),
        ({"sas_token": "sv=1&sig=hush", "share_sas": True}, ra.SasToken("sv=1&sig=hush", share_sas=True)),
        ({"account_key": "aHVzaA=="}, ra.AccountKey("aHVzaA==")),
    ],
)
def test_a_file_holds_the_credentials_of_one_storage(tmp_path, fields, credentials):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(fields))
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
    ],
)
def test_a_file_that_holds_anything_else_is_refused_without_being_shown(tmp_path, fields):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(fields))
    with pytest.raises(ra.ConfigurationError) as error:
        read_credentials(str(path))
    assert "hush" not in str(error.value)
    assert "aHVzaA" not in str(error.value)


def test_without_a_file_the_url_itself_decides():
    assert read_credentials("anonymous") is None
