import pytest

import remote_artwork as ra
from remote_artwork.providers import Provider
from remote_artwork.storage.errors import permission_to_grant
from remote_artwork.storage.provider_table import PROVIDERS

ACCESS_POINT = "arn:aws:s3:eu-west-1:123456789012:accesspoint/prints-eu"
BEHIND = ", and the same on the bucket behind the access point"


@pytest.mark.parametrize(
    ("url", "listing", "reading"),
    [
        (
            "s3://prints/in/",
            "s3:ListBucket on arn:aws:s3:::prints",
            "s3:GetObject and s3:GetObjectVersion on arn:aws:s3:::prints/in/*",
        ),
        (
            "gs://prints/in/",
            "storage.objects.list on gs://prints, as in the role Storage Object Viewer",
            "storage.objects.get on gs://prints, as in the role Storage Object Viewer",
        ),
        (
            "https://prints.nyc3.digitaloceanspaces.com/in/",
            "Read of the access key for the Space prints",
            "Read of the access key for the Space prints",
        ),
        (
            "https://prints.s3.cn-north-1.amazonaws.com.cn/in/",
            "s3:ListBucket on arn:aws-cn:s3:::prints",
            "s3:GetObject and s3:GetObjectVersion on arn:aws-cn:s3:::prints/in/*",
        ),
        (
            "https://prints.s3.us-gov-west-1.amazonaws.com/in/",
            "s3:ListBucket on arn:aws-us-gov:s3:::prints",
            "s3:GetObject and s3:GetObjectVersion on arn:aws-us-gov:s3:::prints/in/*",
        ),
        (
            "https://prints-eu-123456789012.s3-accesspoint.eu-west-1.amazonaws.com/in/",
            f"s3:ListBucket on {ACCESS_POINT}{BEHIND}",
            f"s3:GetObject and s3:GetObjectVersion on {ACCESS_POINT}/object/in/*{BEHIND}",
        ),
        ("file:///srv/prints/", None, None),
    ],
)
def test_a_permission_is_named_in_the_providers_own_terms(url, listing, reading):
    location = ra.Location.parse(url)
    assert (permission_to_grant(location, "list"), permission_to_grant(location, "read")) == (listing, reading)


def test_azure_needs_a_sas_or_a_role():
    permission = permission_to_grant(ra.Location.parse("az://prints@account/in/"), "list")
    assert "sp=rl" in permission
    assert "Storage Blob Data Reader" in permission


def test_an_unknown_location_has_no_permission():
    assert permission_to_grant(None, "list") is None


def test_a_row_may_state_one_permission_and_leave_the_other_to_its_protocol(monkeypatch):
    row = Provider(id="acme", title="Acme", custom_hosts=True, permissions={"list": "See of the key for {bucket}"})
    monkeypatch.setitem(vars(PROVIDERS), "from_packages", (row,))
    location = ra.Location.parse("https://files.acme.example/prints/in/?provider=acme&region=moon-1")
    assert permission_to_grant(location, "list") == "See of the key for prints"
    assert permission_to_grant(location, "read") == "s3:GetObject and s3:GetObjectVersion on arn:aws:s3:::prints/in/*"


def test_a_permission_with_an_unknown_field_is_refused():
    with pytest.raises(ra.ConfigurationError, match="permissions"):
        Provider(id="acme", title="Acme", permissions={"list": "List of {account}"})
