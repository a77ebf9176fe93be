import pytest

import remote_artwork as ra
from remote_artwork.storage.permission_hints import _BY_PROVIDER, hint
from remote_artwork.storage.providers import provider_named


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
    assert (hint(location, "list"), hint(location, "read")) == (listing, reading)


def test_azure_is_told_of_a_sas_and_of_a_role():
    said = hint(ra.Location.parse("az://prints@account/in/"), "list")
    assert "sp=rl" in said
    assert "Storage Blob Data Reader" in said


def test_a_location_that_is_not_known_has_no_hint():
    assert hint(None, "list") == ""


def test_every_provider_of_the_table_of_hints_is_one():
    assert all(provider_named(provider) is not None for provider in _BY_PROVIDER)
