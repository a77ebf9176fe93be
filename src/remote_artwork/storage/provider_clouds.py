"""Rows of the three clouds with hosts of many forms: Amazon S3, Google Cloud Storage, Azure Blob Storage."""

from __future__ import annotations

from remote_artwork.storage.provider_row import HostRule, Provider
from remote_artwork.storage.url_text import LABEL

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
