"""The provider table, and who is looked up in it by name or by host.

A provider is added by a row. Another package adds one by an entry point of the group ``remote_artwork.providers``
that leads to a ``Provider`` with the protocol ``s3``; a row of this table goes before it, by id and by host.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from attrs import frozen

from remote_artwork.storage.providers import Capability, HostRule, Need, Provider
from remote_artwork.storage.url_syntax import LABEL

BUCKET = r"(?P<bucket>[a-z0-9][a-z0-9._-]{1,61}[a-z0-9])"
# Patterns for the bucket in front of a service host, and for the path of a console page.
IN_FRONT = rf"(?:{BUCKET}\.)?"
AFTER_SLASH = r"(?P<bucket>[^/]+)(?P<prefix>/.*)?"

_AWS = r"(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu)"
_AWS_REGION = r"(?P<region>[a-z]{2,4}(?:-[a-z]+){1,3}-[0-9]{1,2})"
_AWS_CONSOLE = r"(?:[a-z0-9-]+\.)*console\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)"
_AWS_PARTITIONS = (
    ("aws-us-gov", r"(?P<region>us-gov-[a-z]+-[0-9])", r"amazonaws\.com"),
    ("aws-cn", r"(?P<region>cn-[a-z]+-[0-9])", r"amazonaws\.com\.cn"),
    ("aws-eusc", r"(?P<region>eusc-[a-z]+-[a-z]+-[0-9])", r"amazonaws\.eu"),
    ("aws", _AWS_REGION, r"amazonaws\.com"),
)
_DUAL = r"(?P<dual>\.dualstack)?"
_DUAL_NOTE = {"dual": "the dual-stack host was replaced by the region's standard host"}
_ONE_OBJECT = "this console page shows one file; open its folder and paste that page's URL"

AWS = Provider(
    id="aws",
    title="Amazon S3",
    style="virtual",
    list_price=0.005,
    get_price=0.0004,
    quirks=(
        "A missing file is 403, not 404, without the permission s3:ListBucket.",
        "An ETag is not always an MD5.",
        "Answers 5,500 GET and HEAD requests a second under one prefix.",
    ),
    verified="stand-in",
    verified_by="moto",
    hosts=(
        HostRule(
            host=rf"{BUCKET}\.s3-website[.-]{_AWS_REGION}\.{_AWS}",
            http_allowed=True,
            notes={"": "a website endpoint cannot be listed: the bucket behind it is used"},
        ),
        HostRule(
            host=rf"{BUCKET}\.s3-accelerate(?:\.dualstack)?\.amazonaws\.com",
            notes={"": "the accelerate host costs extra: the bucket's standard host is used"},
        ),
        *(
            HostRule(
                host=rf"(?P<name>{LABEL})-(?P<owner>[0-9]{{12}})\.s3-accesspoint{_DUAL}\.{region}\.{domain}",
                bucket=f"arn:{partition}:s3:{{region}}:{{owner}}:accesspoint/{{name}}",
                notes=_DUAL_NOTE,
            )
            for partition, region, domain in _AWS_PARTITIONS
        ),
        HostRule(
            host=rf".+\.s3-accesspoint-fips(?:\.dualstack)?\.{LABEL}\.{_AWS}",
            refusal="a FIPS access point is not supported; paste the URL of the bucket on its s3-fips host",
        ),
        HostRule(
            host=r".+\.mrap\.accesspoint\.s3-global\.amazonaws\.com",
            refusal="a multi-region access point is not supported; paste the URL of one of its buckets",
        ),
        HostRule(
            host=rf".+\.s3express-[a-z0-9-]+(?:\.dualstack)?\.{LABEL}\.{_AWS}",
            refusal="a directory bucket lists in no order; use a general purpose bucket",
        ),
        HostRule(
            host=rf".+\.vpce\.{_AWS}",
            refusal="it can be reached from inside one private network alone; paste s3://bucket/folder/",
        ),
        HostRule(
            host=rf"{IN_FRONT}(?P<origin>s3-fips(?:\.dualstack)?[.-]{_AWS_REGION}\.{_AWS})",
            endpoint="https://{origin}",
        ),
        HostRule(host=rf"{IN_FRONT}s3-external-1\.amazonaws\.com", region="us-east-1"),
        HostRule(host=rf"{IN_FRONT}s3\.amazonaws\.com\.cn", region="cn-north-1"),
        HostRule(host=rf"{IN_FRONT}s3{_DUAL}(?:[.-]{_AWS_REGION})?\.{_AWS}", notes=_DUAL_NOTE),
        HostRule(
            host=_AWS_CONSOLE,
            path=rf"/s3/buckets/{AFTER_SLASH}",
            console=True,
            notes={"": "the console page was replaced by the bucket that it shows"},
        ),
        HostRule(host=_AWS_CONSOLE, path=r"/s3/object/.*", refusal=_ONE_OBJECT),
        HostRule(host=_AWS_CONSOLE, refusal="this console page shows no bucket; paste s3://bucket/folder/"),
    ),
)

GCS = Provider(
    id="gcs",
    title="Google Cloud Storage",
    protocol="gcs",
    s3_endpoint="https://storage.googleapis.com",
    default_region="auto",
    quirks=("The ETag is no MD5; the generation is the version.",),
    verified="stand-in",
    verified_by="gcp-storage-emulator",
    hosts=(
        HostRule(
            host=r"(?:storage|www)\.googleapis\.com",
            path=r"/(?:download/|upload/)?storage/v1/.*",
            refusal="this is a link of the JSON API; paste gs://bucket/folder/",
        ),
        HostRule(
            host=rf"{IN_FRONT}storage\.(?P<rep>{LABEL}\.rep\.)?googleapis\.com",
            notes={"rep": "the regional host was replaced by the global one"},
        ),
        HostRule(host=rf"{IN_FRONT}(?:c|commondata)storage\.googleapis\.com"),
        HostRule(
            host=r"storage\.cloud\.google\.com",
            notes={"": "the browser's download link was replaced by the bucket itself"},
        ),
        HostRule(
            host=r"console\.cloud\.google\.com",
            path=r"/storage/browser/_details/.*",
            refusal=_ONE_OBJECT,
        ),
        HostRule(
            host=r"console\.cloud\.google\.com",
            path=r"/storage/browser/(?P<bucket>[^/;]+)(?P<prefix>/[^;]*)?(?:;.*)?",
            console=True,
            notes={"": "the console page was replaced by the bucket that it shows"},
        ),
        HostRule(
            host=r"console\.cloud\.google\.com",
            refusal="this console page shows no bucket; paste gs://bucket/folder/",
        ),
    ),
)

_ACCOUNT = r"(?P<account>[a-z0-9]{3,24})(?P<secondary>-secondary)?"
_SOVEREIGN = r"(?P<cloud>core\.usgovcloudapi\.net|core\.chinacloudapi\.cn)"
_ZONE = r"(?P<zone>z[0-9]{1,2})"
_SECONDARY_NOTE = {"secondary": "the secondary host lags behind: the account's primary host is used"}
_WEBSITE_NOTE = {"": "a website endpoint cannot be listed: the container $web behind it is used"}

AZURE = Provider(
    id="azure",
    title="Azure Blob Storage",
    protocol="azure",
    lacks={"start_after": "a listing begins at a prefix, not after a name"},
    quirks=(
        "Anonymous listing needs the access level 'container'.",
        "A SAS needs the permissions read and list (sp=rl) for the whole container or a folder.",
    ),
    verified="stand-in",
    verified_by="Azurite",
    hosts=(
        HostRule(host=rf"{_ACCOUNT}\.(?:blob|dfs)\.core\.windows\.net", notes=_SECONDARY_NOTE),
        HostRule(
            host=rf"{_ACCOUNT}\.(?:blob|dfs)\.{_SOVEREIGN}",
            endpoint="https://{account}.blob.{cloud}",
            notes=_SECONDARY_NOTE,
        ),
        HostRule(
            host=rf"{_ACCOUNT}\.{_ZONE}\.(?:blob|dfs)\.storage\.azure\.net",
            endpoint="https://{account}.{zone}.blob.storage.azure.net",
            notes=_SECONDARY_NOTE,
        ),
        HostRule(
            host=rf"{_ACCOUNT}(?:\.{_ZONE})?\.web\.core\.windows\.net",
            path=r"(?P<prefix>.*)",
            bucket="$web",
            notes=_WEBSITE_NOTE,
        ),
        HostRule(
            host=rf"{_ACCOUNT}(?:\.{_ZONE})?\.web\.{_SOVEREIGN}",
            path=r"(?P<prefix>.*)",
            bucket="$web",
            endpoint="https://{account}.blob.{cloud}",
            notes=_WEBSITE_NOTE,
        ),
        HostRule(
            host=rf"{_ACCOUNT}\.{_ZONE}\.web\.storage\.azure\.net",
            path=r"(?P<prefix>.*)",
            bucket="$web",
            endpoint="https://{account}.{zone}.blob.storage.azure.net",
            notes=_WEBSITE_NOTE,
        ),
        HostRule(
            host=r"portal\.azure\.com",
            refusal="this is a page of the portal; paste the URL under the container's Properties",
        ),
    ),
)


_L = rf"(?P<region>{LABEL})"
_ORIGIN = "https://{origin}"
_CONSOLE = "this is a page of the console; paste the bucket's own URL, as the bucket's settings show it"
_WEBSITE = {"": "a website endpoint cannot be listed: the bucket behind it is used"}


def _both(words: str) -> Mapping[Need, str]:
    return {"list": words, "read": words}


DIGITALOCEAN = Provider(
    id="digitalocean",
    title="DigitalOcean Spaces",
    custom_hosts=True,
    default_region="us-east-1",
    permissions=_both("Read of the access key for the Space {bucket}"),
    quirks=("Answers about 150 LIST requests a second for one Space.",),
    verified="same server software",
    verified_by="Ceph RGW",
    hosts=(
        HostRule(
            host=rf"(?:(?P<bucket>{LABEL})\.)?(?P<region>[a-z]{{3}}[0-9])(?:(?P<cdn>\.cdn)|(?P<static>-static))?"
            r"\.digitaloceanspaces\.com",
            endpoint="https://{region}.digitaloceanspaces.com",
            notes={
                "cdn": "a CDN keeps old copies and cannot be listed: its origin is used",
                "static": "a website endpoint cannot be listed: its origin is used",
            },
        ),
        HostRule(host=r"cloud\.digitalocean\.com", refusal=_CONSOLE),
    ),
)

_ZADARA_HOST = rf"vsa-[0-9a-f]{{8}}-{LABEL}\.zadara(?:zios)?\.com"

ZADARA = Provider(
    id="zadara",
    title="Zadara Object Storage",
    custom_hosts=True,
    default_region="us-east-1",
    permissions=_both("the read access of the user to the container {bucket}"),
    quirks=(
        "A public container is read by its Swift URL (/v1/AUTH_…/container/): unsigned requests are not S3 there.",
        "Old systems want ?region=US.",
    ),
    lacks={"public": "unsigned requests are not S3 there"},
    verified="same server software",
    verified_by="OpenStack Swift",
    hosts=(
        HostRule(
            host=rf"(?P<origin>{_ZADARA_HOST})",
            path=rf"/v1/AUTH_[^/]+/{AFTER_SLASH}",
            endpoint=_ORIGIN,
            public_web=True,
            notes={
                "": "read as a public folder; with S3 keys paste https://HOST/container/folder/ without /v1/AUTH_…/"
            },
        ),
        HostRule(host=rf"{IN_FRONT}(?P<origin>{_ZADARA_HOST})", endpoint=_ORIGIN),
    ),
)

_IBM = r"cloud-object-storage\.appdomain\.cloud"
_SOFTLAYER = r"(?:objectstorage\.softlayer\.net|objectstorage\.service\.networklayer\.com)"

IBM = Provider(
    id="ibm",
    title="IBM Cloud Object Storage",
    custom_hosts=True,
    default_region="us-east-1",
    permissions=_both("the role Reader of the service credential for {bucket}"),
    quirks=("Wants the HMAC keys of a service credential (cos_hmac_keys); IAM API keys are not S3 keys.",),
    verified="stand-in",
    verified_by="Ceph RGW, rclone",
    hosts=(
        HostRule(
            host=rf".+\.(?:private|direct)\.(?:.+\.)?{_IBM}|.+\.service\.networklayer\.com",
            refusal="a private or direct endpoint cannot be reached from outside IBM Cloud; paste the public endpoint",
        ),
        HostRule(
            host=rf"{BUCKET}\.s3-web\.{_L}\.{_IBM}",
            endpoint="https://s3.{region}.cloud-object-storage.appdomain.cloud",
            http_allowed=True,
            notes=_WEBSITE,
        ),
        HostRule(host=rf"{IN_FRONT}(?P<origin>s3\.{_L}(?:\.(?:us|eu|ap))?\.{_IBM})", endpoint=_ORIGIN),
        HostRule(host=rf"{IN_FRONT}(?P<origin>s3(?:-api)?\.{_L}(?:\.{LABEL})?\.{_SOFTLAYER})", endpoint=_ORIGIN),
        HostRule(host=r"cloud\.ibm\.com", refusal=_CONSOLE),
    ),
)

IDRIVE = Provider(
    id="idrive",
    title="IDrive e2",
    custom_hosts=True,
    default_region="us-east-1",
    permissions=_both("Read of the access key for {bucket}"),
    list_price=0.0,
    get_price=0.0,
    quirks=("Public buckets exist on some paid plans alone.",),
    verified="stand-in",
    verified_by="rclone, Ceph RGW",
    hosts=(
        HostRule(host=rf"{IN_FRONT}(?P<origin>s3\.{_L}\.idrivee2\.com)", endpoint=_ORIGIN),
        HostRule(
            host=rf"{IN_FRONT}(?P<origin>[a-z0-9]{{4}}\.{_L}\.idrivee2-[0-9]{{1,3}}\.com)",
            endpoint=_ORIGIN,
        ),
        HostRule(host=r"app\.idrivee2\.com", refusal=_CONSOLE),
    ),
)

WASABI = Provider(
    id="wasabi",
    title="Wasabi",
    custom_hosts=True,
    default_region="us-east-1",
    region_aliases={
        "nl-1": "eu-central-1",
        "de-1": "eu-central-2",
        "uk-1": "eu-west-1",
        "fr-1": "eu-west-2",
        "uk-2": "eu-west-3",
        "it-1": "eu-south-1",
    },
    list_price=0.0,
    get_price=0.0,
    quirks=("Too many requests are HTTP 400 RequestRateLimitExceeded.",),
    verified="stand-in",
    verified_by="Ceph RGW, rclone",
    hosts=(
        HostRule(host=rf"{IN_FRONT}s3(?:\.{_L})?\.wasabisys\.com", endpoint="https://s3.{region}.wasabisys.com"),
        HostRule(host=r"console\.wasabisys\.com", refusal=_CONSOLE),
    ),
)

R2 = Provider(
    id="r2",
    title="Cloudflare R2",
    custom_hosts=True,
    default_region="auto",
    permissions=_both("Object Read of the API token for {bucket}"),
    list_price=0.0045,
    hosts=(
        HostRule(
            host=rf"{IN_FRONT}(?P<origin>(?P<account>[0-9a-f]{{32}})(?:\.eu|\.fedramp)?\.r2\.cloudflarestorage\.com)",
            endpoint=_ORIGIN,
        ),
        HostRule(host=r"dash\.cloudflare\.com", refusal=_CONSOLE),
    ),
)

B2 = Provider(
    id="b2",
    title="Backblaze B2",
    custom_hosts=True,
    default_region="us-east-1",
    permissions={"list": "listFiles of the application key", "read": "readFiles of the application key"},
    list_price=0.004,
    hosts=(
        HostRule(host=rf"{IN_FRONT}(?P<origin>s3\.{_L}\.backblazeb2\.com)", endpoint=_ORIGIN),
        HostRule(host=r"secure\.backblaze\.com", refusal=_CONSOLE),
    ),
)

LINODE = Provider(
    id="linode",
    title="Linode Object Storage",
    custom_hosts=True,
    default_region="us-east-1",
    permissions=_both("Read Only of the access key for {bucket}"),
    verified="same server software",
    verified_by="Ceph RGW",
    hosts=(
        HostRule(
            host=rf"{BUCKET}\.website-{_L}\.linodeobjects\.com",
            endpoint="https://{region}.linodeobjects.com",
            http_allowed=True,
            notes=_WEBSITE,
        ),
        HostRule(host=rf"{IN_FRONT}(?P<origin>{_L}\.linodeobjects\.com)", endpoint=_ORIGIN),
        HostRule(host=r"cloud\.linode\.com", refusal=_CONSOLE),
    ),
)

SCALEWAY = Provider(
    id="scaleway",
    title="Scaleway Object Storage",
    custom_hosts=True,
    default_region="fr-par",
    hosts=(
        HostRule(
            host=rf"{BUCKET}\.s3-website\.{_L}\.scw\.cloud",
            endpoint="https://s3.{region}.scw.cloud",
            http_allowed=True,
            notes=_WEBSITE,
        ),
        HostRule(host=rf"{IN_FRONT}(?P<origin>s3\.{_L}\.scw\.cloud)", endpoint=_ORIGIN),
        HostRule(host=r"console\.scaleway\.com", refusal=_CONSOLE),
    ),
)

HETZNER = Provider(
    id="hetzner",
    title="Hetzner Object Storage",
    custom_hosts=True,
    default_region="us-east-1",
    verified="same server software",
    verified_by="Ceph RGW",
    hosts=(
        HostRule(host=rf"{IN_FRONT}(?P<origin>{_L}\.your-objectstorage\.com)", endpoint=_ORIGIN),
        HostRule(host=r"console\.hetzner\.(?:cloud|com)", refusal=_CONSOLE),
    ),
)

OVH = Provider(
    id="ovh",
    title="OVHcloud Object Storage",
    custom_hosts=True,
    default_region="us-east-1",
    hosts=(
        HostRule(host=rf"{IN_FRONT}(?P<origin>s3\.{_L}\.io\.cloud\.ovh\.(?:net|us))", endpoint=_ORIGIN),
        HostRule(host=r"(?:manager\.(?:eu|ca|us)\.ovhcloud|www\.ovh)\.com", refusal=_CONSOLE),
    ),
)

_ORACLE = r"(?P<domain>oraclecloud\.com|oci\.customer-oci\.com)"

ORACLE = Provider(
    id="oracle",
    title="Oracle Cloud Object Storage",
    custom_hosts=True,
    default_region="us-east-1",
    hosts=(
        HostRule(
            host=rf"(?P<origin>(?P<account>{LABEL})\.compat\.objectstorage\.{_L}\.{_ORACLE})",
            endpoint=_ORIGIN,
        ),
        HostRule(
            # The governments' and dedicated clouds have domains of their own, by number.
            host=rf"(?:{LABEL}\.)?objectstorage\.{_L}\.(?:oracle(?:gov)?cloud[0-9]*|oci\.customer-oci)\.[a-z]{{2,3}}",
            path=r"/+p(?:/.*)?",
            refusal="a pre-authenticated link holds a credential in its path; "
            "paste https://NAMESPACE.compat.objectstorage.REGION.oraclecloud.com/bucket/folder/, and pass keys",
        ),
        HostRule(
            host=rf"(?:{LABEL}\.)?objectstorage\.{_L}\.{_ORACLE}",
            path=rf"/n/(?P<account>{LABEL})/b/(?P<bucket>[^/]+)(?:/o(?P<prefix>/.*)?)?/?",
            endpoint="https://{account}.compat.objectstorage.{region}.{domain}",
            notes={"": "Oracle's own address was replaced by the one that speaks S3"},
        ),
        HostRule(
            host=rf"(?:{LABEL}\.)?objectstorage\.{_L}\.{_ORACLE}",
            refusal="it names no bucket; "
            "paste https://NAMESPACE.compat.objectstorage.REGION.oraclecloud.com/bucket/folder/",
        ),
        HostRule(host=r"cloud\.oracle\.com", refusal=_CONSOLE),
    ),
)

ALIBABA = Provider(
    id="alibaba",
    title="Alibaba Cloud OSS",
    custom_hosts=True,
    default_region="cn-hangzhou",
    style="virtual",
    hosts=(
        HostRule(
            host=r".+-internal\.aliyuncs\.com",
            refusal="an internal endpoint cannot be reached from outside Alibaba Cloud; paste the public endpoint",
        ),
        HostRule(host=rf"{IN_FRONT}(?P<origin>oss-{_L}\.aliyuncs\.com)", endpoint=_ORIGIN),
    ),
)

TENCENT = Provider(
    id="tencent",
    title="Tencent Cloud COS",
    custom_hosts=True,
    default_region="ap-guangzhou",
    style="virtual",
    hosts=(HostRule(host=rf"{IN_FRONT}(?P<origin>cos\.{_L}\.myqcloud\.com)", endpoint=_ORIGIN),),
)


ENTRY_POINTS = "remote_artwork.providers"

log: logging.Logger = logging.getLogger(__name__)

MINIO = Provider(
    id="minio",
    title="MinIO",
    custom_hosts=True,
    console_path=r"/(?:browser|object-browser|buckets|minio|login)(?:/.*)?",
    default_region="us-east-1",
    quirks=("Often on a private address, which the operator must allow.",),
    verified="stand-in",
    verified_by="rclone, OpenStack Swift, Ceph RGW",
)
CUSTOM_S3 = Provider(
    id="s3",
    title="Any other S3 server",
    custom_hosts=True,
    default_region="us-east-1",
    verified="same server software",
    verified_by="OpenStack Swift, Ceph RGW, rclone, moto",
)
WEB = Provider(
    id="web",
    title="A public folder of a web server",
    protocol="http",
    quirks=(
        "Seldom has a listing: expected names are asked for one by one. A 403 does not prove that a file is missing.",
        "Has to send an ETag or Last-Modified, and 404 for what is not there. Redirects are not followed.",
    ),
    hosts=(
        HostRule(
            host=r"link\.(?:[a-z0-9-]+\.)?storjshare\.io",
            refusal="a share link holds a credential in its path; use Storj's S3 gateway with keys",
        ),
    ),
    verified="same server software",
    verified_by="a web server",
)
_OF_THIS_MACHINE: Mapping[Capability, str] = {
    "order": "a folder lists its files as they come",
    "start_after": "a folder is listed whole",
    "pages": "a page is a folder",
    "odd_names": "repeated slashes mean nothing to a file system",
    "replacement": "a file is read as it is now",
    "versions": "only the latest file is kept",
    "access": "whoever runs this program is let in",
    "signed_url": "a path on this machine is not signed",
    "public": "there is no public side to it",
}
FILE = Provider(
    id="file",
    title="A local folder",
    protocol="file",
    lacks=_OF_THIS_MACHINE,
    verified="live",
    verified_by="the file system",
)
MEMORY = Provider(
    id="memory",
    title="Memory, for tests",
    protocol="memory",
    lacks=_OF_THIS_MACHINE,
    verified="live",
    verified_by="fsspec",
)

BUILT_IN: tuple[Provider, ...] = (
    AWS,
    GCS,
    AZURE,
    DIGITALOCEAN,
    ZADARA,
    IBM,
    MINIO,
    IDRIVE,
    WASABI,
    R2,
    B2,
    LINODE,
    SCALEWAY,
    HETZNER,
    OVH,
    ORACLE,
    ALIBABA,
    TENCENT,
    CUSTOM_S3,
    WEB,
    FILE,
    MEMORY,
)


@frozen
class HostMatch:
    """A host that belongs to a provider: by which rule, and which parts of it mean what."""

    provider: Provider
    rule: HostRule
    groups: dict[str, str]


def all_providers() -> Iterator[Provider]:
    """The rows of this table, then those of other packages, which are loaded when they are come to."""
    yield from BUILT_IN
    yield from _from_other_packages()


def provider_named(name: str) -> Provider | None:
    """The row with this id, or None."""
    return next((row for row in all_providers() if row.id == name), None)


def match_host(host: str, path: str) -> HostMatch | None:
    """Whose host this is, by the first rule that matches wholly; None when nobody's.

    Args:
        host: Lower case, without port.
        path: Decoded, from the first ``/`` on.
    """
    for row in all_providers():
        for rule in row.hosts:
            groups = rule.match(host, path)
            if groups is not None:
                return HostMatch(row, rule, groups)
    return None


@cache
def _from_other_packages() -> tuple[Provider, ...]:
    taken = {row.id for row in BUILT_IN}
    rows = []
    for entry_point in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        row = _load(entry_point)
        if row is not None and row.id not in taken:
            taken.add(row.id)
            rows.append(row)
    return tuple(rows)


def _load(entry_point: EntryPoint) -> Provider | None:
    try:
        row = entry_point.load()
    except Exception:
        log.warning("provider_entry_point_broken", extra={"entry_point": entry_point.name}, exc_info=True)
        return None
    if not isinstance(row, Provider) or row.protocol != "s3":
        log.warning("provider_entry_point_is_no_s3_provider", extra={"entry_point": entry_point.name})
        return None
    return row
