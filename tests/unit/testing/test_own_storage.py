import pytest
from attrs import evolve

import remote_artwork as ra
from remote_artwork.errors import InvalidLocation
from remote_artwork.testing.own_storage import parse_target, unused_bucket_name

SAS = "sv=2024-11-04&sp=rl&sr=c&se=2999-01-01T00%3A00%3A00Z&sig=aHVzaA%3D%3D"
URL = f"https://shopfiles.blob.core.windows.net/prints/in?{SAS}"


def test_a_sas_in_the_url_becomes_the_credentials():
    location, credentials, network = parse_target(URL, credentials="anonymous")
    assert str(location) == "az://prints@shopfiles/in/"
    assert credentials == ra.SasToken(SAS)
    assert (network.allow_private, network.allow_http) == (False, False)


def test_a_sas_in_the_url_and_a_file_of_credentials_are_refused(tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text('{"account_key": "aHVzaA=="}')
    keys.chmod(0o600)
    with pytest.raises(InvalidLocation, match="contains a SAS"):
        parse_target(URL, credentials=str(keys))


def test_the_options_of_a_private_server_are_parsed():
    location, credentials, network = parse_target(
        "s3+http://127.0.0.1:9000/prints/in", credentials="anonymous", provider="minio", private=True
    )
    assert location.provider == "minio"
    assert isinstance(credentials, ra.Anonymous)
    assert (network.allow_private, network.allow_http) == (True, True)


@pytest.mark.parametrize("url", ["s3://prints/in/", "s3://shop.example.com/in/"])
def test_an_unused_bucket_name_keeps_the_addressing_style(url):
    location = ra.Location.parse(url)
    unused = evolve(location, bucket=unused_bucket_name(location.bucket))
    assert unused.bucket != location.bucket
    assert unused.style == location.style
