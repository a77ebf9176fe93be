"""Reads a storage URL by its scheme. What hosts mean stands in ``hosted_urls``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from attrs import frozen

from remote_artwork.errors import InvalidLocation
from remote_artwork.storage.provider_table import (
    AWS,
    AZURE,
    CUSTOM_S3,
    FILE,
    GCS,
    MEMORY,
    WEB,
    HostMatch,
    match_host,
    provider_named,
)
from remote_artwork.storage.providers import HostRule, Provider, Style
from remote_artwork.storage.url_syntax import (
    DEFAULT_PORTS,
    Query,
    UrlText,
    decoded,
    folder,
    host_and_port,
    known_only,
    printable,
    refuse_signed,
    refuse_user_info,
    refused,
    take_apart,
    take_sas,
)


@frozen(kw_only=True)
class Place:
    """The fields of a ``Location``, which tells what each one means."""

    provider: str
    bucket: str = ""
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    style: Style = "path"
    account: str | None = None
    notes: tuple[str, ...] = ()


# What asks for a list, with the value it must have where another one would ask for something else.
_S3: Mapping[str, str | None] = {
    "list-type": None,
    "delimiter": None,
    "encoding-type": None,
    "fetch-owner": None,
    "max-keys": None,
    "marker": None,
    "start-after": None,
    "continuation-token": None,
}
_AZURE: Mapping[str, str | None] = {
    "restype": "container",
    "comp": "list",
    "delimiter": None,
    "include": None,
    "marker": None,
    "maxresults": None,
}


def take_listing(query: Query, *, azure: bool) -> tuple[Query, str]:
    """Parts a URL's query.

    Args:
        query: The pairs.
        azure: Whether it is Azure's own kind of list; else Amazon's.

    Returns:
        The pairs that do not ask for a list, and the folder that is listed; ``""`` for the top.

    Raises:
        InvalidLocation: What is listed is not a folder.
    """
    known = _AZURE if azure else _S3
    rest = tuple((key, value) for key, value in query if key != "prefix" and not _asks_for_list(known, key, value))
    prefix = decoded(dict(query).get("prefix", ""))
    if prefix and not prefix.endswith("/"):
        raise refused("its prefix is not a folder", "paste the folder's own URL, or end the prefix with a '/'")
    return rest, folder(prefix)


def _asks_for_list(known: Mapping[str, str | None], key: str, value: str) -> bool:
    return key in known and known[key] in (None, value)


def one_folder(in_path: str, listed: str) -> str:
    """The folder of a URL whose path and query may each name one.

    Raises:
        InvalidLocation: They name two.
    """
    if in_path and listed and in_path != listed:
        raise refused("its path and its prefix name two folders", "keep one of them")
    return listed or in_path


_STYLES: dict[str, Style] = {"path": "path", "virtual": "virtual"}


@frozen(kw_only=True)
class _Hosted:
    """A URL with its host and path read; ``explicit`` says that it was written as ``s3+…``."""

    scheme: str
    explicit: bool
    host: str
    port: int | None
    path: str
    query: Query

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}{self.colon_port}"

    @property
    def colon_port(self) -> str:
        return f":{self.port}" if self.port else ""


def read_hosted(parts: UrlText, stated: Provider | None) -> tuple[Place, str | None]:
    """The location, and the SAS where there is one.

    Args:
        parts: The URL.
        stated: The provider that was named; None: the host decides.

    Raises:
        InvalidLocation: The host is refused, or is not the named provider's.
    """
    scheme = parts.scheme.removeprefix("s3+")
    explicit = scheme != parts.scheme
    host, port = host_and_port(parts.authority, scheme=scheme, literal_allowed=explicit)
    url = _Hosted(scheme=scheme, explicit=explicit, host=host, port=port, path=decoded(parts.path), query=parts.query)
    match = match_host(url.host, url.path)
    if match is None:
        return _of_unknown_host(url, stated), None
    if match.rule.refusal:
        raise match.rule.refused()
    if match.rule.public_web and not explicit and stated is not match.provider:
        return _web(url, stated, notes=_notes(match)), None
    return _of_known_host(url, stated, match)


def read_explicit_web(parts: UrlText, stated: Provider | None) -> tuple[Place, str | None]:
    """A folder of any web server, also of one that only an operator's policy lets us talk to.

    Raises:
        InvalidLocation: The host is a storage provider's, or another provider is named.
    """
    scheme = parts.scheme.removeprefix("web+")
    host, port = host_and_port(parts.authority, scheme=scheme, literal_allowed=True)
    url = _Hosted(scheme=scheme, explicit=True, host=host, port=port, path=decoded(parts.path), query=parts.query)
    match = match_host(url.host, url.path)
    if match is not None:
        raise refused(f"its host belongs to {match.provider.title}", "write the URL without 'web+'")
    return _web(url, stated), None


def _of_unknown_host(url: _Hosted, stated: Provider | None) -> Place:
    if url.scheme == "http" and not url.explicit:
        raise refused(
            "plain http lets anybody on the way change a file",
            "write https://, or s3+http:// for an S3 server, or web+http:// for another",
        )
    if not url.explicit and stated in (None, WEB):
        return _web(url, stated)
    row = stated or CUSTOM_S3
    if row.protocol != "s3" or not row.custom_hosts:
        raise refused(f"its host is none of {row.title}", "check the host's spelling, or leave the provider out")
    if row.console_path and not url.explicit and re.fullmatch(row.console_path, url.path, re.DOTALL):
        raise refused(
            f"this is a page of the web console of {row.title}",
            "write the server's S3 port and the bucket, as in s3+https://host:port/bucket/folder/",
        )
    rest_of_query, listed = take_listing(url.query, azure=False)
    query = known_only(rest_of_query, {"provider", "region", "style"})
    bucket, _, rest = url.path.removeprefix("/").partition("/")
    return Place(
        provider=row.id,
        bucket=bucket,
        prefix=one_folder(folder(rest), listed),
        endpoint=url.origin,
        region=query.get("region", row.default_region),
        style=_style(query, "path"),
    )


def _web(url: _Hosted, stated: Provider | None, notes: tuple[str, ...] = ()) -> Place:
    if stated not in (None, WEB):
        raise refused("its host is not of the provider named", "leave the provider out")
    if url.scheme == "http" and not url.explicit:
        raise refused("plain http lets anybody on the way change a file", "write https://")
    known_only(url.query, {"provider"})
    return Place(provider=WEB.id, prefix=folder(url.path), endpoint=url.origin, notes=notes)


def _of_known_host(url: _Hosted, stated: Provider | None, match: HostMatch) -> tuple[Place, str | None]:
    row, rule = match.provider, match.rule
    if stated not in (None, row):
        raise refused(f"its host belongs to {row.title}, not to the provider named", "leave the provider out")
    s3_elsewhere = row.s3_endpoint if url.explicit else None
    speaks_s3 = row.protocol == "s3" or s3_elsewhere is not None
    if url.explicit and not speaks_s3:
        raise refused(f"{row.title} does not speak S3", "write the URL without 's3+'")
    if url.scheme == "http" and not (rule.http_allowed or (url.explicit and rule.endpoint)):
        raise refused(f"{row.title} is not read by plain http", "write https://")
    if url.port and not rule.endpoint:
        raise refused(f"{row.title} has no such port", "leave the port out")
    of_host = (rule.region or row.region_of(match.groups)) if speaks_s3 else None
    groups = match.groups | {"region": of_host or ""}
    endpoint = s3_elsewhere or _endpoint(url, rule, groups)
    query, sas = take_sas(url.query) if row is AZURE else (url.query, None)
    query, listed = (query, "") if rule.console else take_listing(query, azure=row is AZURE)
    asked = _known_query(query, rule, region=speaks_s3, style=speaks_s3 and endpoint is not None)
    bucket, rest = _bucket_and_rest(url, rule, groups)
    place = Place(
        provider=row.id,
        bucket=bucket,
        prefix=folder(asked["prefix"]) if rule.console and asked.get("prefix") else one_folder(folder(rest), listed),
        endpoint=endpoint,
        region=_asked_region(of_host, asked, endpoint=endpoint),
        style=_style(asked, row.style_for(bucket)),
        account=match.groups.get("account"),
        notes=() if rule.public_web else _notes(match),
    )
    return place, sas


def _notes(match: HostMatch) -> tuple[str, ...]:
    return tuple(note for name, note in match.rule.notes.items() if not name or name in match.groups)


def _endpoint(url: _Hosted, rule: HostRule, groups: Mapping[str, str]) -> str | None:
    if rule.endpoint is None:
        return None
    https = rule.endpoint.format_map(groups) + url.colon_port
    return f"http{https.removeprefix('https')}" if url.explicit and url.scheme == "http" else https


def _known_query(query: Query, rule: HostRule, *, region: bool, style: bool) -> dict[str, str]:
    if rule.console:
        # A console keeps the state of its page in the query; only these two say what is shown.
        return {key: decoded(value) for key, value in query if key in ("prefix", "region") and value}
    allowed = ("provider", *(["region"] if region else ()), *(["style"] if style else ()))
    return known_only(query, allowed)


def _asked_region(of_host: str | None, asked: Mapping[str, str], *, endpoint: str | None) -> str | None:
    named = asked.get("region")
    if named and of_host and named != of_host and endpoint is None:
        raise refused("its host and its query name two regions", "keep the one of the host")
    return named or of_host


def _bucket_and_rest(url: _Hosted, rule: HostRule, groups: Mapping[str, str]) -> tuple[str, str]:
    if rule.bucket:
        return rule.bucket.format_map(groups), groups.get("prefix", "") if rule.path else url.path
    if rule.path:
        return groups["bucket"], groups.get("prefix", "")
    if "bucket" in groups:
        return groups["bucket"], url.path
    bucket, _, rest = url.path.removeprefix("/").partition("/")
    return bucket, rest


def _style(query: Mapping[str, str], usual: Style) -> Style:
    named = query.get("style", usual)
    if named not in _STYLES:
        raise refused("its style is neither 'path' nor 'virtual'", "leave it out to use the provider's own")
    return _STYLES[named]


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
