"""Rows of the storages that speak Amazon's S3 protocol at hosts of their own."""

from __future__ import annotations

from collections.abc import Mapping

from remote_artwork.storage.provider_clouds import AFTER_SLASH, BUCKET, IN_FRONT
from remote_artwork.storage.provider_row import HostRule, Need, Provider
from remote_artwork.storage.url_text import LABEL

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
