import pytest

from remote_artwork.errors import StorageMisbehaved
from remote_artwork.storage.backends.azure import read_page

BLOB = (
    "<Blob><Name>{}</Name><VersionId>2026-01-01T00:00:00.0000000Z</VersionId><IsCurrentVersion>true</IsCurrentVersion>"
    "<Properties><Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified><Etag>0x8D1</Etag>"
    "<Content-Length>12</Content-Length><Content-Encoding /><BlobType>BlockBlob</BlobType></Properties>{}</Blob>"
)
METADATA = "<Metadata><Etag>mine</Etag><{0}>true</{0}></Metadata>"


def page(*blobs, marker="<NextMarker />"):
    head = '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="prints"><Blobs>'
    return f"\ufeff{head}{''.join(blobs)}</Blobs>{marker}</EnumerationResults>".encode()


def blob(name, metadata="<Metadata />"):
    return BLOB.format(name, metadata)


def test_names_are_in_order_and_files_are_parsed_on_demand():
    read = read_page(page(blob("in/b.png"), blob("in/a.png")))
    assert list(read.names) == ["in/b.png", "in/a.png"]
    assert read.next_token is None
    file = read.file(1)
    assert (file.size, file.etag, file.version_id) == (12, "0x8D1", "2026-01-01T00:00:00.0000000Z")
    assert file.last_modified.isoformat() == "2026-01-01T00:00:00+00:00"


def test_the_marker_of_the_next_page_is_unescaped():
    assert read_page(page(marker="<NextMarker>a&amp;b</NextMarker>")).next_token == "a&b"


def test_a_name_that_xml_cannot_contain_is_decoded():
    encoded = blob("?").replace("<Name>", '<Name Encoded="true">').replace("?", "a%01%25b.png")
    assert list(read_page(page(blob("a&amp;b%25.png"), encoded)).names) == ["a&b%25.png", "a\x01%b.png"]


def test_a_folder_is_left_out_and_later_files_keep_their_metadata():
    later = blob("in/c.png").replace("<Content-Length>12<", "<Content-Length>34<")
    read = read_page(page(blob("in/a"), blob("in/b", METADATA.format("hdi_isfolder")), later))
    assert list(read.names) == ["in/a", "in/c.png"]
    assert [read.file(i).size for i in (0, 1)] == [12, 34]


def test_a_users_metadata_does_not_replace_the_properties():
    assert read_page(page(blob("a", METADATA.format("Content-Length")))).file(0).etag == "0x8D1"


@pytest.mark.parametrize("answer", [b"", b"<html></html>", page(blob("a"))[:-5], page(blob("")), page(blob("a<b"))])
def test_a_response_that_is_not_a_listing_is_refused(answer):
    with pytest.raises(StorageMisbehaved):
        read_page(answer)


def test_a_blob_without_an_etag_is_refused_when_it_is_used():
    read = read_page(page(blob("a").replace("<Etag>0x8D1</Etag>", "")))
    with pytest.raises(StorageMisbehaved, match="without an ETag"):
        read.file(0)
