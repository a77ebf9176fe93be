import pytest

import remote_artwork as ra
from remote_artwork.providers import Provider
from remote_artwork.storage.errors import permission_hint
from remote_artwork.storage.provider_table import PROVIDERS


@pytest.mark.parametrize(
    ("url", "listing", "reading"),
    [
        (
            "s3://prints/in/",
            " (Amazon S3: s3:ListBucket on arn:aws:s3:::prints)",
            " (Amazon S3: s3:GetObject and s3:GetObjectVersion on arn:aws:s3:::prints/in/*)",
        ),
        (
            "gs://prints/in/",
            " (Google Cloud Storage: storage.objects.list on gs://prints, as in the role Storage Object Viewer)",
            " (Google Cloud Storage: storage.objects.get on gs://prints, as in the role Storage Object Viewer)",
        ),
        (
            "https://prints.nyc3.digitaloceanspaces.com/in/",
            " (DigitalOcean Spaces: Read of the access key for the Space prints)",
            " (DigitalOcean Spaces: Read of the access key for the Space prints)",
        ),
        ("file:///srv/prints/", "", ""),
    ],
)
def test_what_to_permit_is_said_in_the_providers_own_words(url, listing, reading):
    location = ra.Location.parse(url)
    assert (permission_hint(location, "list"), permission_hint(location, "read")) == (listing, reading)


def test_azure_is_told_of_a_sas_and_of_a_role():
    said = permission_hint(ra.Location.parse("az://prints@account/in/"), "list")
    assert "sp=rl" in said
    assert "Storage Blob Data Reader" in said


def test_a_location_that_is_not_known_has_no_hint():
    assert permission_hint(None, "list") == ""


def test_a_row_may_bring_its_own_words_for_one_need_and_leave_the_other(monkeypatch):
    row = Provider(id="acme", title="Acme", custom_hosts=True, permissions={"list": "See of the key for {bucket}"})
    monkeypatch.setitem(vars(PROVIDERS), "from_packages", (row,))
    location = ra.Location.parse("https://files.acme.example/prints/in/?provider=acme&region=moon-1")
    assert permission_hint(location, "list") == " (Acme: See of the key for prints)"
    assert (
        permission_hint(location, "read") == " (Acme: s3:GetObject and s3:GetObjectVersion on arn:aws:s3:::prints/in/*)"
    )


def test_words_that_could_not_be_filled_in_are_refused_with_the_row():
    with pytest.raises(ra.ConfigurationError, match="permissions"):
        Provider(id="acme", title="Acme", permissions={"list": "List of {account}"})
