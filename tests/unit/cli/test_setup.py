from datetime import timedelta

import fsspec
import pytest

import remote_artwork as ra
from remote_artwork.cli.options import url_lifetime

ROLE = ra.AssumeRole("arn:aws:iam::123456789012:role/prints", base=ra.Ambient(), duration=timedelta(hours=2))


@pytest.mark.parametrize(
    ("credentials", "lifetime"),
    [(None, timedelta(hours=24)), (ra.Keys("AKTESTKEY", "hush"), timedelta(hours=24)), (ROLE, timedelta(hours=2))],
)
def test_urls_live_for_a_day_or_as_long_as_the_sessions_of_a_role(credentials, lifetime):
    storage = ra.open_storage("s3://prints/in/?region=eu-west-1", credentials=credentials)
    assert url_lifetime(storage) == lifetime


def test_urls_of_this_machine_live_for_a_day(tmp_path):
    assert url_lifetime(ra.ArtworkStorage(fsspec.filesystem("file"), str(tmp_path))) == timedelta(hours=24)
