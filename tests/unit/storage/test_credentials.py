from datetime import timedelta

import pytest

import remote_artwork as ra


def test_no_part_of_a_key_pair_is_shown():
    shown = repr(ra.Keys("AKTESTKEY", "hush", "session"))
    assert shown == "Keys()"


@pytest.mark.parametrize("bad", ["", " padded", "line\n", None, 7])
def test_an_invalid_key_is_refused_and_not_shown(bad):
    for arguments in ((bad, "hush"), ("AKTESTKEY", bad)):
        with pytest.raises(ra.ConfigurationError) as error:
            ra.Keys(*arguments)
        assert "hush" not in str(error.value)
        assert "padded" not in str(error.value)


def test_a_session_token_is_optional_but_never_empty():
    assert ra.Keys("AKTESTKEY", "hush").token is None
    with pytest.raises(ra.ConfigurationError, match=r"Keys\.token"):
        ra.Keys("AKTESTKEY", "hush", "")


KEY = {
    "type": "service_account",
    "project_id": "prints",
    "private_key_id": "hush-id",
    "private_key": "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n",
    "client_email": "shop@prints.iam.gserviceaccount.com",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
    "universe_domain": "googleapis.com",
}


def test_a_service_account_is_not_shown_and_cannot_be_changed():
    account = ra.ServiceAccount(KEY)
    assert repr(account) == "ServiceAccount()"
    assert account == ra.ServiceAccount(dict(KEY))
    assert hash(account) == hash(ra.ServiceAccount(dict(KEY)))
    with pytest.raises(TypeError):
        account.info["token_uri"] = "https://elsewhere.example.com"


@pytest.mark.parametrize(
    "bad",
    [
        "hush.json",
        None,
        {},
        KEY | {"type": "authorized_user"},
        KEY | {"token_uri": "http://169.254.169.254/hush"},
        KEY | {"universe_domain": "hush.example.com"},
        KEY | {"client_email": ""},
        KEY | {"private_key": "hush"},
        KEY | {"private_key": 7},
        {name: value for name, value in KEY.items() if name != "private_key_id"},
    ],
)
def test_an_invalid_google_key_is_refused_and_not_shown(bad):
    with pytest.raises(ra.ConfigurationError, match="ServiceAccount") as error:
        ra.ServiceAccount(bad)
    assert "hush" not in str(error.value)


def test_a_service_account_gets_tokens_only_from_google():
    old = KEY | {"token_uri": "https://accounts.google.com/o/oauth2/token"}
    for key in (old, {name: value for name, value in KEY.items() if name != "token_uri"}):
        assert ra.ServiceAccount(key).info["token_uri"] == KEY["token_uri"]


def test_no_part_of_a_sas_or_an_account_key_is_shown():
    assert repr(ra.SasToken("sv=1&sig=hush", share_sas=True)) == "SasToken(share_sas=True)"
    assert repr(ra.AccountKey("aHVzaA==")) == "AccountKey()"


def test_a_sas_may_start_with_a_question_mark_and_is_not_shared_by_default():
    assert ra.SasToken("?sv=1&sig=hush") == ra.SasToken("sv=1&sig=hush")
    assert not ra.SasToken("sv=1&sig=hush").share_sas


@pytest.mark.parametrize(
    "bad", ["", "hush", "sv=1&sig=", "sv=hush", " sig=hush", "sig=hush\n", "https://a.example/c?sig=hush", None, 7]
)
def test_an_invalid_sas_is_refused_and_not_shown(bad):
    with pytest.raises(ra.ConfigurationError, match=r"SasToken\.token") as error:
        ra.SasToken(bad)
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("bad", ["", "hush!", "hüsh", "hus", " aHVzaA==", None, 7])
def test_an_invalid_account_key_is_refused_and_not_shown(bad):
    with pytest.raises(ra.ConfigurationError, match=r"AccountKey\.key") as error:
        ra.AccountKey(bad)
    assert error.value.__cause__ is None
    for part in ("hush", "hüsh", "aHVzaA"):
        assert part not in str(error.value)


def test_share_sas_must_be_a_bool():
    with pytest.raises(ra.ConfigurationError, match=r"SasToken\.share_sas"):
        ra.SasToken("sv=1&sig=hush", share_sas="false")


ROLE = "arn:aws:iam::123456789012:role/shops/prints"


def test_a_role_shows_neither_its_external_id_nor_its_base():
    role = ra.AssumeRole(ROLE, base=ra.Keys("AKTESTKEY", "hush"), external_id="hush-id", duration=timedelta(hours=2))
    assert ROLE in repr(role)
    assert "hush" not in repr(role)
    assert "AKTESTKEY" not in repr(role)


@pytest.mark.parametrize(
    "bad",
    [
        {"role_arn": "hush"},
        {"role_arn": "arn:aws:iam::123:role/hush"},
        {"role_arn": f"{ROLE}\n"},
        {"base": "hush"},
        {"base": ra.Anonymous()},
        {"external_id": "h"},
        {"external_id": "hush hush"},
        {"external_id": 7},
        {"session_name": None},
        {"session_name": "hush/hush"},
        {"duration": timedelta(minutes=14)},
        {"duration": timedelta(hours=13)},
        {"duration": 3600},
        {"region": "hush.example.com/"},
        {"sts_endpoint": "hush.example.com"},
        {"sts_endpoint": "https://user:hush@example.com"},
        {"sts_endpoint": 7},
    ],
)
def test_an_invalid_role_is_refused_without_showing_a_secret(bad):
    good = {"role_arn": ROLE, "base": ra.Ambient()}
    ra.AssumeRole(**good)
    with pytest.raises(ra.ConfigurationError, match=f"AssumeRole.{next(iter(bad))}") as error:
        ra.AssumeRole(**good | bad)
    assert "hush" not in str(error.value)
