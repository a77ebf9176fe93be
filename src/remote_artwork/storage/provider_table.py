"""The provider table: one row for each storage provider.

To add a provider, add a row to ``PROVIDERS`` at the end of this file. Nothing else in the library needs to change.
``providers.Provider`` explains the fields. Then add its URLs to ``tests/unit/storage/url_corpus.toml`` and a section to
the provider pages in ``docs/``; the tests and the documentation build fail without them.
"""

from __future__ import annotations

from collections.abc import Mapping

from remote_artwork.storage.providers import Capability, HostRule, Need, Provider, ProviderTable
from remote_artwork.storage.url_syntax import LABEL

# Parts of regular expressions for hosts and paths, and texts that several rows share.
BUCKET = r"(?P<bucket>[a-z0-9][a-z0-9._-]{1,61}[a-z0-9])"
BUCKET_DOT = rf"(?:{BUCKET}\.)?"  # the bucket in front of the host, if it is there
BUCKET_AND_PREFIX = r"(?P<bucket>[^/]+)(?P<prefix>/.*)?"
REGION = rf"(?P<region>{LABEL})"
ORIGIN = "https://{origin}"

CONSOLE_PAGE = ("it is a page of the web console", "paste the bucket's own URL from the bucket's settings")
FILE_PAGE = ("this console page shows one file", "open its folder and paste the URL of that page")
BUCKET_FOR_PAGE = "the URL of a console page was replaced by the bucket that the page shows"
BUCKET_FOR_WEBSITE = {"": "a website endpoint cannot be listed, so the bucket behind it is used"}


def _for_both(permission: str) -> Mapping[Need, str]:
    return {"list": permission, "read": permission}


# Amazon S3

_AWS = r"(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu)"
_AWS_REGION = r"(?P<region>[a-z]{2,4}(?:-[a-z]+){1,3}-[0-9]{1,2})"
_AWS_CONSOLE = r"(?:[a-z0-9-]+\.)*console\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)"
_AWS_PARTITIONS = (
    ("aws-us-gov", r"(?P<region>us-gov-[a-z]+-[0-9])", r"amazonaws\.com"),
    ("aws-cn", r"(?P<region>cn-[a-z]+-[0-9])", r"amazonaws\.com\.cn"),
    ("aws-eusc", r"(?P<region>eusc-[a-z]+-[a-z]+-[0-9])", r"amazonaws\.eu"),
    ("aws", _AWS_REGION, r"amazonaws\.com"),
)
_DUAL_STACK = r"(?P<dual>\.dualstack)?"
_DUAL_STACK_NOTE = {"dual": "the dual-stack host was replaced by the region's standard host"}

AWS = Provider(
    id="aws",
    title="Amazon S3",
    style="virtual",
    list_price=0.005,
    get_price=0.0004,
    quirks=(
        "Without the permission s3:ListBucket, the response for a missing file is 403, not 404.",
        "An ETag is not always an MD5.",
        "One prefix serves 5,500 GET and HEAD requests per second.",
    ),
    verified="stand-in",
    verified_by="moto",
    hosts=(
        HostRule(
            host=rf"{BUCKET}\.s3-website[.-]{_AWS_REGION}\.{_AWS}",
            http_allowed=True,
            notes=BUCKET_FOR_WEBSITE,
        ),
        HostRule(
            host=rf"{BUCKET}\.s3-accelerate(?:\.dualstack)?\.amazonaws\.com",
            notes={"": "the accelerate host costs extra, so the bucket's standard host is used"},
        ),
        *(
            HostRule(
                host=rf"(?P<name>{LABEL})-(?P<owner>[0-9]{{12}})\.s3-accesspoint{_DUAL_STACK}\.{region}\.{domain}",
                bucket=f"arn:{partition}:s3:{{region}}:{{owner}}:accesspoint/{{name}}",
                notes=_DUAL_STACK_NOTE,
            )
            for partition, region, domain in _AWS_PARTITIONS
        ),
        HostRule(
            host=rf".+\.s3-accesspoint-fips(?:\.dualstack)?\.{LABEL}\.{_AWS}",
            refusal=("a FIPS access point is not supported", "paste the URL of the bucket on its s3-fips host"),
        ),
        HostRule(
            host=r".+\.mrap\.accesspoint\.s3-global\.amazonaws\.com",
            refusal=("a multi-region access point is not supported", "paste the URL of one of its buckets"),
        ),
        HostRule(
            host=rf".+\.s3express-[a-z0-9-]+(?:\.dualstack)?\.{LABEL}\.{_AWS}",
            refusal=("a directory bucket does not list files in order", "use a general purpose bucket"),
        ),
        HostRule(
            host=rf".+\.vpce\.{_AWS}",
            refusal=("its host can be reached from one private network only", "paste s3://bucket/folder/"),
        ),
        HostRule(
            host=rf"{BUCKET_DOT}(?P<origin>s3-fips(?:\.dualstack)?[.-]{_AWS_REGION}\.{_AWS})",
            endpoint=ORIGIN,
        ),
        HostRule(host=rf"{BUCKET_DOT}s3-external-1\.amazonaws\.com", region="us-east-1"),
        HostRule(host=rf"{BUCKET_DOT}s3\.amazonaws\.com\.cn", region="cn-north-1"),
        HostRule(host=rf"{BUCKET_DOT}s3{_DUAL_STACK}(?:[.-]{_AWS_REGION})?\.{_AWS}", notes=_DUAL_STACK_NOTE),
        HostRule(
            host=_AWS_CONSOLE,
            path=rf"/s3/buckets/{BUCKET_AND_PREFIX}",
            console=True,
            notes={"": BUCKET_FOR_PAGE},
        ),
        HostRule(host=_AWS_CONSOLE, path=r"/s3/object/.*", refusal=FILE_PAGE),
        HostRule(host=_AWS_CONSOLE, refusal=("this console page shows no bucket", "paste s3://bucket/folder/")),
    ),
)


# Google Cloud Storage

_GOOGLE_CONSOLE = r"console\.cloud\.google\.com"

GCS = Provider(
    id="gcs",
    title="Google Cloud Storage",
    protocol="gcs",
    s3_endpoint="https://storage.googleapis.com",
    default_region="auto",
    quirks=("The ETag is not an MD5; the generation is the version.",),
    verified="stand-in",
    verified_by="gcp-storage-emulator",
    hosts=(
        HostRule(
            host=r"(?:storage|www)\.googleapis\.com",
            path=r"/(?:download/|upload/)?storage/v1/.*",
            refusal=("it is a link of the JSON API", "paste gs://bucket/folder/"),
        ),
        HostRule(
            host=rf"{BUCKET_DOT}storage\.(?P<rep>{LABEL}\.rep\.)?googleapis\.com",
            notes={"rep": "the regional host was replaced by the global one"},
        ),
        HostRule(host=rf"{BUCKET_DOT}(?:c|commondata)storage\.googleapis\.com"),
        HostRule(
            host=r"storage\.cloud\.google\.com",
            notes={"": "the browser's download link was replaced by the bucket itself"},
        ),
        HostRule(host=_GOOGLE_CONSOLE, path=r"/storage/browser/_details/.*", refusal=FILE_PAGE),
        HostRule(
            host=_GOOGLE_CONSOLE,
            path=r"/storage/browser/(?P<bucket>[^/;]+)(?P<prefix>/[^;]*)?(?:;.*)?",
            console=True,
            notes={"": BUCKET_FOR_PAGE},
        ),
        HostRule(host=_GOOGLE_CONSOLE, refusal=("this console page shows no bucket", "paste gs://bucket/folder/")),
    ),
)


# Azure Blob Storage

_ACCOUNT = r"(?P<account>[a-z0-9]{3,24})(?P<secondary>-secondary)?"
_SOVEREIGN_CLOUD = r"(?P<cloud>core\.usgovcloudapi\.net|core\.chinacloudapi\.cn)"
_ZONE = r"(?P<zone>z[0-9]{1,2})"
_PRIMARY_HOST = {"secondary": "the secondary host can be out of date, so the account's primary host is used"}
_WEB_CONTAINER = {"": "a website endpoint cannot be listed, so the container $web behind it is used"}

AZURE = Provider(
    id="azure",
    title="Azure Blob Storage",
    protocol="azure",
    lacks={"start_after": "a listing can start at a prefix, but not after a name"},
    quirks=(
        "Anonymous listing needs the access level 'container'.",
        "A SAS needs the permissions read and list (sp=rl) for the whole container or a folder.",
    ),
    verified="stand-in",
    verified_by="Azurite",
    hosts=(
        HostRule(host=rf"{_ACCOUNT}\.(?:blob|dfs)\.core\.windows\.net", notes=_PRIMARY_HOST),
        HostRule(
            host=rf"{_ACCOUNT}\.(?:blob|dfs)\.{_SOVEREIGN_CLOUD}",
            endpoint="https://{account}.blob.{cloud}",
            notes=_PRIMARY_HOST,
        ),
        HostRule(
            host=rf"{_ACCOUNT}\.{_ZONE}\.(?:blob|dfs)\.storage\.azure\.net",
            endpoint="https://{account}.{zone}.blob.storage.azure.net",
            notes=_PRIMARY_HOST,
        ),
        HostRule(
            host=rf"{_ACCOUNT}(?:\.{_ZONE})?\.web\.core\.windows\.net",
            path=r"(?P<prefix>.*)",
            bucket="$web",
            notes=_WEB_CONTAINER,
        ),
        HostRule(
            host=rf"{_ACCOUNT}(?:\.{_ZONE})?\.web\.{_SOVEREIGN_CLOUD}",
            path=r"(?P<prefix>.*)",
            bucket="$web",
            endpoint="https://{account}.blob.{cloud}",
            notes=_WEB_CONTAINER,
        ),
        HostRule(
            host=rf"{_ACCOUNT}\.{_ZONE}\.web\.storage\.azure\.net",
            path=r"(?P<prefix>.*)",
            bucket="$web",
            endpoint="https://{account}.{zone}.blob.storage.azure.net",
            notes=_WEB_CONTAINER,
        ),
        HostRule(
            host=r"portal\.azure\.com",
            refusal=("it is a page of the Azure portal", "paste the URL from the container's Properties"),
        ),
    ),
)


# Rows that the URL parser refers to

CUSTOM_S3 = Provider(
    id="s3",
    title="Any other S3 server",
    custom_hosts=True,
    default_region="us-east-1",
    verified="stand-in",
    verified_by="OpenStack Swift, Ceph RGW, rclone, moto",
)

WEB = Provider(
    id="web",
    title="A public folder of a web server",
    protocol="http",
    quirks=(
        "Most web servers have no listing, so the library requests each expected name.",
        "A 403 does not prove that a file is missing.",
        "The server must send an ETag or Last-Modified, and 404 for a missing file. Redirects are not followed.",
    ),
    hosts=(
        HostRule(
            host=r"link\.(?:[a-z0-9-]+\.)?storjshare\.io",
            refusal=("a share link has a credential in its path", "use Storj's S3 gateway with keys"),
        ),
    ),
    verified="same server software",
    verified_by="a web server",
)

_LOCAL_LACKS: Mapping[Capability, str] = {
    "order": "a folder lists its files in any order",
    "start_after": "a folder is always listed from its start",
    "pages": "a whole folder is one page",
    "odd_names": "a file system ignores repeated slashes",
    "replacement": "a file is always read in its current state",
    "versions": "only the current file is kept",
    "access": "access depends on the user that runs this program",
    "signed_url": "a path on this machine cannot be signed",
    "public": "a path on this machine cannot be made public",
}
FILE = Provider(
    id="file",
    title="A local folder",
    protocol="file",
    lacks=_LOCAL_LACKS,
    verified="live",
    verified_by="the file system",
)
MEMORY = Provider(
    id="memory",
    title="Memory, for tests",
    protocol="memory",
    lacks=_LOCAL_LACKS,
    verified="live",
    verified_by="fsspec",
)


# The table

_ZADARA_HOST = rf"vsa-[0-9a-f]{{8}}-{LABEL}\.zadara(?:zios)?\.com"
_IBM = r"cloud-object-storage\.appdomain\.cloud"
_SOFTLAYER = r"(?:objectstorage\.softlayer\.net|objectstorage\.service\.networklayer\.com)"
_ORACLE = r"(?P<domain>oraclecloud\.com|oci\.customer-oci\.com)"
_ORACLE_S3_URL = "https://NAMESPACE.compat.objectstorage.REGION.oraclecloud.com/bucket/folder/"

PROVIDERS = ProviderTable(
    [
        AWS,
        GCS,
        AZURE,
        Provider(
            id="digitalocean",
            title="DigitalOcean Spaces",
            custom_hosts=True,
            default_region="us-east-1",
            permissions=_for_both("Read of the access key for the Space {bucket}"),
            quirks=("One Space serves about 150 LIST requests per second.",),
            verified="same server software",
            verified_by="Ceph RGW",
            hosts=(
                HostRule(
                    host=rf"(?:(?P<bucket>{LABEL})\.)?(?P<region>[a-z]{{3}}[0-9])"
                    r"(?:(?P<cdn>\.cdn)|(?P<static>-static))?\.digitaloceanspaces\.com",
                    endpoint="https://{region}.digitaloceanspaces.com",
                    notes={
                        "cdn": "a CDN keeps old copies and cannot be listed, so its origin is used",
                        "static": "a website endpoint cannot be listed, so its origin is used",
                    },
                ),
                HostRule(host=r"cloud\.digitalocean\.com", refusal=CONSOLE_PAGE),
            ),
        ),
        Provider(
            id="zadara",
            title="Zadara Object Storage",
            custom_hosts=True,
            default_region="us-east-1",
            permissions=_for_both("the user's read access to the container {bucket}"),
            quirks=(
                "It refuses unsigned S3 requests; read a public container by its Swift URL (/v1/AUTH_…/container/).",
                "Old systems need ?region=US.",
            ),
            lacks={"public": "it refuses unsigned S3 requests"},
            verified="same server software",
            verified_by="OpenStack Swift",
            hosts=(
                HostRule(
                    host=rf"(?P<origin>{_ZADARA_HOST})",
                    path=rf"/v1/AUTH_[^/]+/{BUCKET_AND_PREFIX}",
                    endpoint=ORIGIN,
                    public_web=True,
                    notes={
                        "": "it is read as a public folder; "
                        "to use S3 keys, paste https://HOST/container/folder/ without /v1/AUTH_…/"
                    },
                ),
                HostRule(host=rf"{BUCKET_DOT}(?P<origin>{_ZADARA_HOST})", endpoint=ORIGIN),
            ),
        ),
        Provider(
            id="ibm",
            title="IBM Cloud Object Storage",
            custom_hosts=True,
            default_region="us-east-1",
            permissions=_for_both("the role Content Reader of the service ID on the bucket {bucket}"),
            quirks=(
                "It needs the HMAC keys of a service credential (cos_hmac_keys). An IAM API key is not an S3 key.",
            ),
            verified="stand-in",
            verified_by="Ceph RGW, rclone",
            hosts=(
                HostRule(
                    host=rf".+\.(?:private|direct)\.(?:.+\.)?{_IBM}|.+\.service\.networklayer\.com",
                    refusal=(
                        "a private or direct endpoint cannot be reached from outside IBM Cloud",
                        "paste the public endpoint",
                    ),
                ),
                HostRule(
                    host=rf"{BUCKET}\.s3-web\.{REGION}\.{_IBM}",
                    endpoint="https://s3.{region}.cloud-object-storage.appdomain.cloud",
                    http_allowed=True,
                    notes=BUCKET_FOR_WEBSITE,
                ),
                HostRule(host=rf"{BUCKET_DOT}(?P<origin>s3\.{REGION}(?:\.(?:us|eu|ap))?\.{_IBM})", endpoint=ORIGIN),
                HostRule(
                    host=rf"{BUCKET_DOT}(?P<origin>s3(?:-api)?\.{REGION}(?:\.{LABEL})?\.{_SOFTLAYER})",
                    endpoint=ORIGIN,
                ),
                HostRule(host=r"cloud\.ibm\.com", refusal=CONSOLE_PAGE),
            ),
        ),
        Provider(
            id="minio",
            title="MinIO",
            custom_hosts=True,
            console_path=r"/(?:browser|object-browser|buckets|minio|login)(?:/.*)?",
            default_region="us-east-1",
            quirks=("It often has a private address, which the operator must allow.",),
            verified="stand-in",
            verified_by="rclone, OpenStack Swift, Ceph RGW",
        ),
        Provider(
            id="idrive",
            title="IDrive e2",
            custom_hosts=True,
            default_region="us-east-1",
            permissions=_for_both("Read of the access key for {bucket}"),
            list_price=0.0,
            get_price=0.0,
            quirks=("Public buckets exist only on some paid plans.",),
            verified="stand-in",
            verified_by="rclone, Ceph RGW",
            hosts=(
                HostRule(host=rf"{BUCKET_DOT}(?P<origin>s3\.{REGION}\.idrivee2\.com)", endpoint=ORIGIN),
                HostRule(
                    host=rf"{BUCKET_DOT}(?P<origin>[a-z0-9]{{4}}\.{REGION}\.idrivee2-[0-9]{{1,3}}\.com)",
                    endpoint=ORIGIN,
                ),
                HostRule(host=r"app\.idrivee2\.com", refusal=CONSOLE_PAGE),
            ),
        ),
        Provider(
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
            quirks=("If there are too many requests, it responds with HTTP 400 RequestRateLimitExceeded.",),
            verified="stand-in",
            verified_by="Ceph RGW, rclone",
            hosts=(
                HostRule(
                    host=rf"{BUCKET_DOT}s3(?:\.{REGION})?\.wasabisys\.com", endpoint="https://s3.{region}.wasabisys.com"
                ),
                HostRule(host=r"console\.wasabisys\.com", refusal=CONSOLE_PAGE),
            ),
        ),
        Provider(
            id="r2",
            title="Cloudflare R2",
            custom_hosts=True,
            default_region="auto",
            permissions=_for_both("Object Read of the API token for {bucket}"),
            list_price=0.0045,
            hosts=(
                HostRule(
                    host=rf"{BUCKET_DOT}"
                    r"(?P<origin>(?P<account>[0-9a-f]{32})(?:\.eu|\.fedramp)?\.r2\.cloudflarestorage\.com)",
                    endpoint=ORIGIN,
                ),
                HostRule(host=r"dash\.cloudflare\.com", refusal=CONSOLE_PAGE),
            ),
        ),
        Provider(
            id="b2",
            title="Backblaze B2",
            custom_hosts=True,
            default_region="us-east-1",
            permissions={"list": "listFiles of the application key", "read": "readFiles of the application key"},
            list_price=0.004,
            hosts=(
                HostRule(host=rf"{BUCKET_DOT}(?P<origin>s3\.{REGION}\.backblazeb2\.com)", endpoint=ORIGIN),
                HostRule(host=r"secure\.backblaze\.com", refusal=CONSOLE_PAGE),
            ),
        ),
        Provider(
            id="linode",
            title="Linode Object Storage",
            custom_hosts=True,
            default_region="us-east-1",
            permissions=_for_both("Read Only of the access key for {bucket}"),
            verified="same server software",
            verified_by="Ceph RGW",
            hosts=(
                HostRule(
                    host=rf"{BUCKET}\.website-{REGION}\.linodeobjects\.com",
                    endpoint="https://{region}.linodeobjects.com",
                    http_allowed=True,
                    notes=BUCKET_FOR_WEBSITE,
                ),
                HostRule(host=rf"{BUCKET_DOT}(?P<origin>{REGION}\.linodeobjects\.com)", endpoint=ORIGIN),
                HostRule(host=r"cloud\.linode\.com", refusal=CONSOLE_PAGE),
            ),
        ),
        Provider(
            id="scaleway",
            title="Scaleway Object Storage",
            custom_hosts=True,
            default_region="fr-par",
            hosts=(
                HostRule(
                    host=rf"{BUCKET}\.s3-website\.{REGION}\.scw\.cloud",
                    endpoint="https://s3.{region}.scw.cloud",
                    http_allowed=True,
                    notes=BUCKET_FOR_WEBSITE,
                ),
                HostRule(host=rf"{BUCKET_DOT}(?P<origin>s3\.{REGION}\.scw\.cloud)", endpoint=ORIGIN),
                HostRule(host=r"console\.scaleway\.com", refusal=CONSOLE_PAGE),
            ),
        ),
        Provider(
            id="hetzner",
            title="Hetzner Object Storage",
            custom_hosts=True,
            default_region="us-east-1",
            verified="same server software",
            verified_by="Ceph RGW",
            hosts=(
                HostRule(host=rf"{BUCKET_DOT}(?P<origin>{REGION}\.your-objectstorage\.com)", endpoint=ORIGIN),
                HostRule(host=r"console\.hetzner\.(?:cloud|com)", refusal=CONSOLE_PAGE),
            ),
        ),
        Provider(
            id="ovh",
            title="OVHcloud Object Storage",
            custom_hosts=True,
            default_region="us-east-1",
            hosts=(
                HostRule(host=rf"{BUCKET_DOT}(?P<origin>s3\.{REGION}\.io\.cloud\.ovh\.(?:net|us))", endpoint=ORIGIN),
                HostRule(host=r"(?:manager\.(?:eu|ca|us)\.ovhcloud|www\.ovh)\.com", refusal=CONSOLE_PAGE),
            ),
        ),
        Provider(
            id="oracle",
            title="Oracle Cloud Object Storage",
            custom_hosts=True,
            default_region="us-east-1",
            hosts=(
                HostRule(
                    host=rf"(?P<origin>(?P<account>{LABEL})\.compat\.objectstorage\.{REGION}\.{_ORACLE})",
                    endpoint=ORIGIN,
                ),
                HostRule(
                    # Government and dedicated clouds have their own, numbered domains.
                    host=rf"(?:{LABEL}\.)?objectstorage\.{REGION}\."
                    r"(?:oracle(?:gov)?cloud[0-9]*|oci\.customer-oci)\.[a-z]{2,3}",
                    path=r"/+p(?:/.*)?",
                    refusal=(
                        "a pre-authenticated link has a credential in its path",
                        f"paste {_ORACLE_S3_URL}, and pass keys",
                    ),
                ),
                HostRule(
                    host=rf"(?:{LABEL}\.)?objectstorage\.{REGION}\.{_ORACLE}",
                    path=rf"/n/(?P<account>{LABEL})/b/(?P<bucket>[^/]+)(?:/o(?P<prefix>/.*)?)?/?",
                    endpoint="https://{account}.compat.objectstorage.{region}.{domain}",
                    notes={"": "Oracle's own host was replaced by its S3 host"},
                ),
                HostRule(
                    host=rf"(?:{LABEL}\.)?objectstorage\.{REGION}\.{_ORACLE}",
                    refusal=("it names no bucket", f"paste {_ORACLE_S3_URL}"),
                ),
                HostRule(host=r"cloud\.oracle\.com", refusal=CONSOLE_PAGE),
            ),
        ),
        Provider(
            id="alibaba",
            title="Alibaba Cloud OSS",
            custom_hosts=True,
            default_region="cn-hangzhou",
            style="virtual",
            hosts=(
                HostRule(
                    host=r".+-internal\.aliyuncs\.com",
                    refusal=(
                        "an internal endpoint cannot be reached from outside Alibaba Cloud",
                        "paste the public endpoint",
                    ),
                ),
                HostRule(host=rf"{BUCKET_DOT}(?P<origin>oss-{REGION}\.aliyuncs\.com)", endpoint=ORIGIN),
            ),
        ),
        Provider(
            id="tencent",
            title="Tencent Cloud COS",
            custom_hosts=True,
            default_region="ap-guangzhou",
            style="virtual",
            hosts=(HostRule(host=rf"{BUCKET_DOT}(?P<origin>cos\.{REGION}\.myqcloud\.com)", endpoint=ORIGIN),),
        ),
        CUSTOM_S3,
        WEB,
        FILE,
        MEMORY,
    ]
)
