"""Ambient credentials for Google and Azure. Those for AWS are tested with roles."""

import asyncio
import gc
import json
from datetime import timedelta

import pytest

import remote_artwork as ra
from parts import package
from remote_artwork.errors import MissingExtra
from remote_artwork.storage import StoredFile

FILE = StoredFile(name="a.png", size=1, etag="1", version_id="1")
HOUR = timedelta(hours=1)


def test_google_application_credentials_sign_urls(service_account_key, monkeypatch, tmp_path):
    (tmp_path / "key.json").write_text(json.dumps(service_account_key))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    storage = ra.open_storage("gs://prints/in/", credentials=ra.Ambient())
    url, _ = storage.url(FILE, expires_in=HOUR)
    assert url.startswith("https://storage.googleapis.com/prints/in/a.png?")
    assert "shop%40prints.iam.gserviceaccount.com" in url
    assert service_account_key["private_key"][40:80] not in repr(storage._backend._fs.storage_options)


def test_a_google_user_sign_in_cannot_sign_urls(monkeypatch, tmp_path):
    person = {
        "type": "authorized_user",
        "client_id": "1",
        "client_secret": "hush",
        "refresh_token": "hush",
        "quota_project_id": "prints",
    }
    (tmp_path / "adc.json").write_text(json.dumps(person))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))
    storage = ra.open_storage("gs://prints/in/", credentials=ra.Ambient())
    with pytest.raises(ra.ConfigurationError, match=r"no private key.*use a ServiceAccount") as error:
        storage.url(FILE, expires_in=HOUR)
    assert "hush" not in str(error.value)


def test_missing_google_credentials_are_an_error_when_the_location_opens(monkeypatch, tmp_path):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(ra.ConfigurationError, match="gcloud auth application-default login"):
        ra.open_storage("gs://prints/in/", credentials=ra.Ambient())


def test_ambient_credentials_are_used_only_on_request(service_account_key, monkeypatch, tmp_path):
    (tmp_path / "key.json").write_text(json.dumps(service_account_key))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    assert ra.open_storage("gs://prints/in/").url(FILE, expires_in=HOUR)[1] is None


def test_azures_default_credential_cannot_sign_and_is_closed_with_the_storage(monkeypatch):
    package("adlfs")
    from azure.identity.aio import DefaultAzureCredential

    closed = []
    monkeypatch.setattr(DefaultAzureCredential, "close", _noting(DefaultAzureCredential.close, closed))
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=other;AccountKey=aHVzaA==")
    storage = ra.open_storage("az://prints@account/in/", credentials=ra.Ambient())
    with pytest.raises(ra.ConfigurationError, match="use an AccountKey"):
        storage.url(FILE, expires_in=HOUR)
    del storage
    gc.collect()
    assert closed == [True]


def test_missing_azure_credentials_are_an_error(monkeypatch):
    package("adlfs")
    from remote_artwork.storage.backends.azure_client import AmbientCredential

    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_USERNAME"):
        monkeypatch.delenv(name, raising=False)

    async def token():
        own = AmbientCredential()
        try:
            await own.get_token("https://storage.azure.com/.default")
        finally:
            await own.close()

    with pytest.raises(ra.ConfigurationError, match="az login"):
        asyncio.run(token())


def _noting(close, closed):
    async def noted(self):
        closed.append(True)
        await close(self)

    return noted


def test_a_missing_azure_identity_is_an_error_with_the_pip_command(monkeypatch):
    package("adlfs")
    import sys

    monkeypatch.setitem(sys.modules, "azure.identity.aio", None)
    with pytest.raises(MissingExtra, match=r"pip install 'remote_artwork\[azure\]'"):
        ra.open_storage("az://prints@account/in/", credentials=ra.Ambient())
