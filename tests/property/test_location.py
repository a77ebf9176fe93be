"""Locations survive printing and parsing. No text crashes the parser or makes it show a secret."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from remote_artwork.errors import InvalidLocation
from remote_artwork.storage.location import Location, parse_with_sas
from remote_artwork.storage.provider_table import PROVIDERS

S3_HOSTS = {
    "digitalocean": "{r}.digitaloceanspaces.com",
    "zadara": "vsa-0123abcd-{r}.zadarazios.com",
    "ibm": "s3.{r}.cloud-object-storage.appdomain.cloud",
    "idrive": "s3.{r}.idrivee2.com",
    "wasabi": "s3.{r}.wasabisys.com",
    "b2": "s3.{r}.backblazeb2.com",
    "linode": "{r}.linodeobjects.com",
    "scaleway": "s3.{r}.scw.cloud",
    "hetzner": "{r}.your-objectstorage.com",
    "ovh": "s3.{r}.io.cloud.ovh.net",
    "alibaba": "oss-{r}.aliyuncs.com",
    "tencent": "cos.{r}.myqcloud.com",
}
SAFE = "abcdefghijklmnopqrstuvwxyz0123456789"

labels = st.text(SAFE, min_size=3, max_size=12)
buckets = st.one_of(labels, st.lists(labels, min_size=2, max_size=3).map(".".join))
regions = st.builds("{}{}".format, st.sampled_from(["nyc", "fra", "sgp"]), st.integers(1, 9))
styles = st.sampled_from(["path", "virtual"])
segments = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="/\\"), min_size=1, max_size=12
).filter(lambda name: name not in (".", ".."))
prefixes = st.lists(segments, max_size=4).map(lambda names: "".join(f"{name}/" for name in names))
origins = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["127.0.0.1", "[::1]", "[2001:db8::7]", "10.1.2.3"]) | labels.map("files-{}.example".format),
    st.integers(1, 65535).filter(lambda port: port not in (80, 443)).map(":{}".format) | st.just(""),
)


def build(provider: str, **fields: st.SearchStrategy[object]) -> st.SearchStrategy[Location]:
    return st.builds(Location, provider=st.just(provider), prefix=prefixes, **fields)


def on_own_host(provider: str, host: str) -> st.SearchStrategy[Location]:
    """A location on a host of this provider."""
    return regions.flatmap(
        lambda region: build(
            provider,
            bucket=buckets,
            region=st.just(region),
            style=styles,
            endpoint=st.just(f"https://{host.format(r=region)}"),
        )
    )


def on_other_host(provider: str) -> st.SearchStrategy[Location]:
    """A location on an unknown host."""
    return build(provider, bucket=buckets, region=labels, style=styles, endpoint=origins)


OWN_FORMS = {
    "aws": build("aws", bucket=labels, style=st.just("virtual"), region=st.none() | st.just("eu-west-1"))
    | build("aws", bucket=st.builds("{}.{}".format, labels, labels), region=st.none() | st.just("eu-west-1")),
    "gcs": build("gcs", bucket=buckets),
    "azure": build("azure", bucket=labels | st.just("$web"), account=labels),
    "web": build("web", endpoint=labels.map("https://{}.example:8443".format)),
    "web, plain": build("web", endpoint=st.sampled_from(["http://h.example", "http://127.0.0.1:8", "https://[::1]"])),
    "file": prefixes.map(lambda prefix: Location(provider="file", prefix=f"/{prefix}")),
    "memory": build("memory"),
}


def locations_of(provider: str) -> st.SearchStrategy[Location]:
    if provider in OWN_FORMS:
        return OWN_FORMS[provider]
    if provider in S3_HOSTS:
        return on_other_host(provider) | on_own_host(provider, S3_HOSTS[provider])
    return on_other_host(provider)


locations = st.sampled_from([row.id for row in PROVIDERS.built_in]).flatmap(locations_of)


@given(locations)
def test_a_location_parses_back_from_its_canonical_url(location):
    again, secret = parse_with_sas(str(location))
    assert again == location
    assert str(again) == str(location)
    assert (again.protocol, again.root) == (location.protocol, location.root)
    assert secret is None
    assert not again.notes


SECRET = "Zx9QsecretQ9xZ"
PIECES = [
    *(
        "s3",
        "s3a",
        "s3+http",
        "s3+https",
        "web+http",
        "web+https",
        "https",
        "http",
        "gs",
        "az",
        "abfss",
        "wasbs",
        "file",
        "memory",
        "sftp",
    ),
    *("://", ":", "/", "//", "?", "&", "=", "#", "@", "%", "%2e", "%2f", "%00", "..", ".", "[", "]", "\\", " ", "\n"),
    *("prints", "prints.s3.amazonaws.com", "s3.eu-west-1.amazonaws.com", "storage.googleapis.com", "shopfiles"),
    *("shopfiles.blob.core.windows.net", "nyc3.digitaloceanspaces.com", "127.0.0.1", "[::1]", "0x7f.1", ":9000"),
    *("vsa-0123abcd-x.zadara.com", "/v1/AUTH_x/c", "console.aws.amazon.com", "/s3/buckets/b", "portal.azure.com"),
    *("provider", "region", "style", "prefix", "versionId", "sig", "sv", "X-Amz-Signature", "minio", "virtual"),
    *("arn:aws:s3:::", "arn:aws:s3:eu-west-1:123456789012:accesspoint/x", "ü", "ſ", "\ud800", "٣", "..%2f"),
]
pasted = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=14).map("".join) | st.text(max_size=60)
names = st.none() | st.sampled_from([row.id for row in PROVIDERS.built_in]) | st.text(max_size=5)


@given(pasted, names)
@example("https://shopfiles.blob.core.windows.net:0x/c", None)
@example("s3+https://%s/b", "aws")
@example("az://c@.blob.core.windows.net/", None)
def test_any_text_is_parsed_or_refused(text, provider):
    try:
        location, _ = parse_with_sas(text, provider)
    except InvalidLocation:
        return
    assert location.root
    assert Location.parse(str(location)) == location


secret_urls = st.sampled_from(
    [
        "https://shopfiles.blob.core.windows.net/prints/in?sv=1&sp=rl&sr=c&sig={}",
        "az://prints@shopfiles/in?sv=1&sig={}",
        "https://prints.s3.amazonaws.com/in/a.pdf?X-Amz-Signature={}&X-Amz-Expires=60",
        "https://storage.googleapis.com/prints/a.pdf?GoogleAccessId=shop&Signature={}",
        "https://files.example.com/in?token={}",
        "https://files.example.com/in?{}=1",
        "https://files.example.com/in?provider={}",
        "s3+https://files.example.com/prints?style={}",
        "s3+https://files.example.com/prints?region={}%0a",
        "s3://prints/in?aws_secret_access_key={}",
        "https://{}@files.example.com/in",
        "https://shop:{}@prints.s3.amazonaws.com/in",
        "s3://AKIA:{}@prints/in",
        "az://prints:{}@shopfiles/in",
        "sftp://shop:{}@files.example.com/in",
        "memory://{}@prints/in",
        "https://files.example.com/in#{}",
        "https://link.storjshare.io/raw/{}/prints",
    ]
)
noise = st.sampled_from(["", "&sv=2", "&x=1", "%0a", "\n", "\\", "&sig=", "#", "&provider=minio", "&region=eu-1"])


@given(secret_urls, noise, names)
def test_a_secret_in_a_url_is_shown_nowhere_but_in_the_sas(form, after, provider):
    try:
        location, sas = parse_with_sas(form.format(SECRET) + after, provider)
    except InvalidLocation as refusal:
        shown = [str(refusal), repr(refusal), str(refusal.__cause__), str(refusal.__context__)]
    else:
        shown = [str(location), repr(location), location.root]
        assert sas is None or SECRET in sas
    assert SECRET not in "".join(shown)
