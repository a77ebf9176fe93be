"""Reads a storage URL by its scheme. What hosts mean stands in ``hosted_urls``."""

from __future__ import annotations

import re
from collections.abc import Callable

from remote_artwork.errors import InvalidLocation
from remote_artwork.storage.hosted_urls import read_explicit_web, read_hosted
from remote_artwork.storage.place import Place
from remote_artwork.storage.provider_clouds import AWS, AZURE, GCS
from remote_artwork.storage.provider_row import Provider
from remote_artwork.storage.providers import FILE, MEMORY, match_host, provider_named
from remote_artwork.storage.secrets_in_urls import known_only, refuse_signed, take_sas
from remote_artwork.storage.url_text import (
    DEFAULT_PORTS,
    UrlText,
    decoded,
    folder,
    host_and_port,
    printable,
    refuse_user_info,
    refused,
    take_apart,
)

_BUCKET_ARN = re.compile(r"arn:aws[a-z-]*:s3:::(?P<rest>[^*]+?)/?\*?")
_ACCESS_POINT = re.compile(
    r"(?P<arn>arn:aws[a-z-]*:s3:(?P<region>[a-z0-9-]+):[0-9]{12}:accesspoint/[a-z0-9-]{3,50})(?P<rest>/.*)?"
)
# File systems of fsspec that wrap another one or run code: the operator builds those and passes them to ArtworkStorage.
_WRAPPERS = re.compile(
    "asyncwrapper|blockcache|cached|data|dir|filecache|generic|jlab|jupyter|libarchive|reference|simplecache|tar|zip"
)

Read = tuple[Place, str | None]


def read_url(url: str, provider: str | None) -> Read:
    """Where a URL leads, not yet checked, and its SAS where it holds one. See ``parse_with_secret``."""
    text = printable(url)
    if text.startswith("/"):
        _expect(_stated((), provider), FILE)
        return _local(text), None
    if text.startswith("arn:"):
        text = _url_of_arn(text)
    parts = take_apart(text)
    if parts.fragment:
        raise _of_fragment(parts)
    refuse_signed(parts.query)
    stated = _stated(parts.query, provider)
    if parts.scheme in _READERS:
        return _READERS[parts.scheme](parts, stated)
    return _other(parts, stated), None


def _of_fragment(parts: UrlText) -> InvalidLocation:
    """Many consoles keep their state behind a '#'. Where the table knows the console, its own advice helps more."""
    if parts.scheme in DEFAULT_PORTS:
        host, _ = host_and_port(parts.authority, scheme=parts.scheme, literal_allowed=True)
        match = match_host(host, decoded(parts.path))
        if match and match.rule.refusal:
            return match.rule.refused()
    return refused(
        "it holds a '#'",
        "write %23 for a '#' in a folder's name; of a console page, paste the bucket's own URL instead",
    )


def _stated(query: tuple[tuple[str, str], ...], provider: str | None) -> Provider | None:
    in_query = dict(query).get("provider")
    if provider and in_query and provider != in_query:
        raise refused("its provider is not the one that was passed", "name the provider once")
    name = provider or in_query
    if not name:
        return None
    row = provider_named(name)
    if row is None:
        raise refused("its provider is not known", "use an id of the provider table, or 's3' for any other S3 server")
    return row


def _expect(stated: Provider | None, row: Provider) -> None:
    if stated not in (None, row):
        raise refused(
            f"its form is that of {row.title}, not of the provider named",
            "leave the provider out, or write s3+https://host/bucket/folder/ for an S3 server elsewhere",
        )


def _url_of_arn(text: str) -> str:
    if match := _BUCKET_ARN.fullmatch(text):
        return f"s3://{match['rest']}"
    if _ACCESS_POINT.fullmatch(text):
        return f"s3://{text}"
    raise refused("this ARN names no bucket", "paste s3://bucket/folder/")


def _read_s3(parts: UrlText, stated: Provider | None) -> Read:
    _expect(stated, AWS)
    query = known_only(parts.query, {"provider", "region"})
    if match := _ACCESS_POINT.fullmatch(parts.authority + decoded(parts.path)):
        bucket, path, region = match["arn"], match["rest"] or "", match["region"]
        if query.get("region", region) != region:
            raise refused("it names two regions", "keep the one of the ARN")
    else:
        bucket, path, region = _bucket(parts), decoded(parts.path), query.get("region")
    place = Place(provider=AWS.id, bucket=bucket, prefix=folder(path), region=region, style=AWS.style_for(bucket))
    return place, None


def _read_gcs(parts: UrlText, stated: Provider | None) -> Read:
    _expect(stated, GCS)
    known_only(parts.query, {"provider"})
    return Place(provider=GCS.id, bucket=_bucket(parts), prefix=folder(decoded(parts.path))), None


def _bucket(parts: UrlText) -> str:
    refuse_user_info(parts.authority)
    # A name without a dot is no host; most are, so other packages' rows are not loaded for them.
    if "." in parts.authority and match_host(parts.authority.lower(), decoded(parts.path)):
        raise refused(
            "a host stands where the bucket belongs", "write https://host/bucket/folder/, or the bucket alone"
        )
    return parts.authority


def _read_azure(parts: UrlText, stated: Provider | None) -> Read:
    _expect(stated, AZURE)
    query, sas = take_sas(parts.query)
    known_only(query, {"provider"})
    container, _, host = parts.authority.rpartition("@")
    if not container or ":" in container or "@" in container:
        raise refused("it names no container and account", "write az://container@account/folder/")
    account, endpoint = host.lower(), None
    if "." in host:
        name, port = host_and_port(host, scheme="https", literal_allowed=False)
        match = match_host(name, "/")
        if match is None or match.provider is not AZURE or match.rule.bucket or match.rule.refusal or port:
            raise refused("its host is none of Azure Blob Storage", "write az://container@account/folder/")
        account = match.groups["account"]
        endpoint = match.rule.endpoint and match.rule.endpoint.format_map(match.groups)
    place = Place(
        provider=AZURE.id,
        bucket=container,
        prefix=folder(decoded(parts.path)),
        account=account,
        endpoint=endpoint,
    )
    return place, sas


def _read_file(parts: UrlText, stated: Provider | None) -> Read:
    _expect(stated, FILE)
    known_only(parts.query, {"provider"})
    if parts.authority.lower() not in ("", "localhost") or not parts.path:
        raise refused("a file URL has three slashes before its absolute path", "write file:///srv/prints/")
    return _local(decoded(parts.path)), None


def _local(path: str) -> Place:
    # Repeated slashes mean nothing to a file system.
    return Place(provider=FILE.id, prefix="/" + folder("/".join(filter(None, path.split("/")))))


def _read_memory(parts: UrlText, stated: Provider | None) -> Read:
    _expect(stated, MEMORY)
    known_only(parts.query, {"provider"})
    refuse_user_info(parts.authority)
    return Place(provider=MEMORY.id, prefix=folder(decoded(parts.authority + parts.path))), None


def _other(parts: UrlText, stated: Provider | None) -> Place:
    """Any other file system of fsspec: its own URL, word for word, because fsspec decodes nothing."""
    if stated or provider_named(parts.scheme):
        raise refused("its scheme and its provider do not belong together", "write s3+https://host/bucket/folder/")
    if _WRAPPERS.fullmatch(parts.scheme):
        raise refused("its scheme wraps another file system", "build that one and pass it to ArtworkStorage")
    refuse_user_info(parts.authority)
    known_only(parts.query, ())
    path = parts.authority + parts.path
    folder(decoded(path.removeprefix("/")))
    return Place(provider=parts.scheme, prefix=path if path.endswith("/") or not path else f"{path}/")


_READERS: dict[str, Callable[[UrlText, Provider | None], Read]] = {
    **dict.fromkeys(("http", "https", "s3+http", "s3+https"), read_hosted),
    **dict.fromkeys(("web+http", "web+https"), read_explicit_web),
    **dict.fromkeys(("s3", "s3a", "s3n"), _read_s3),
    **dict.fromkeys(("gs", "gcs"), _read_gcs),
    **dict.fromkeys(("az", "abfs", "abfss", "wasb", "wasbs"), _read_azure),
    **dict.fromkeys(("file", "local"), _read_file),
    "memory": _read_memory,
}
