"""Parses every form of storage URL that people paste: provider URLs, console pages, ARNs and absolute paths.

``parse_url`` is the only entry point. It chooses a parser by the scheme. The provider table then interprets an ``http``
or ``https`` URL. The result is not validated; ``location.Location`` does that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from attrs import field, frozen

from remote_artwork.errors import InvalidLocation
from remote_artwork.storage.provider_table import AWS, AZURE, CUSTOM_S3, FILE, GCS, MEMORY, PROVIDERS, WEB
from remote_artwork.storage.providers import HostMatch, HostRule, Provider, Style
from remote_artwork.storage.url_syntax import (
    DEFAULT_PORTS,
    Query,
    SplitUrl,
    allowed_parameters,
    clean,
    invalid_url,
    parse_authority,
    percent_decode,
    prefix_of,
    reject_link_to_file,
    reject_user_info,
    split_list_parameters,
    split_sas,
    split_url,
)


@frozen(kw_only=True)
class ParsedUrl:
    """The parts of a storage URL. ``Location`` explains them."""

    provider: str
    bucket: str = ""
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    style: Style = "path"
    account: str | None = None
    notes: tuple[str, ...] = field(default=(), eq=False)


ParsedWithSas = tuple[ParsedUrl, str | None]


def parse_url(url: str, provider_id: str | None) -> ParsedWithSas:
    """The parts of a URL, and its Azure SAS if it contains one.

    Args:
        url: As pasted.
        provider_id: The provider, if the user named it.

    Raises:
        InvalidLocation: The URL cannot be used.
    """
    text = clean(url)
    if text.startswith("/"):
        _require(FILE, _chosen_provider((), provider_id))
        return _local_folder(text), None
    if text.startswith("arn:"):
        text = _url_of_arn(text)
    parts = split_url(text)
    if parts.has_fragment:
        raise _fragment_error(parts)
    reject_link_to_file(parts.query)
    chosen = _chosen_provider(parts.query, provider_id)
    return _PARSERS.get(parts.scheme, _parse_other)(parts, chosen)


def _chosen_provider(query: Query, provider_id: str | None) -> Provider | None:
    """The provider that the user named, in the query or separately; None if neither."""
    in_query = dict(query).get("provider")
    if provider_id and in_query and provider_id != in_query:
        raise invalid_url("its query names another provider than the one that was passed", "name the provider once")
    name = provider_id or in_query
    if not name:
        return None
    provider = PROVIDERS.get(name)
    if provider is None:
        raise invalid_url("its provider is not known", "use an id such as aws or minio, or s3 for any other S3 server")
    return provider


def _require(provider: Provider, chosen: Provider | None) -> None:
    if chosen not in (None, provider):
        raise invalid_url(
            f"it has the form of a URL of {provider.title}, and another provider was named",
            "leave the provider out; for an S3 server elsewhere write s3+https://host/bucket/folder/",
        )


def _fragment_error(parts: SplitUrl) -> InvalidLocation:
    """The error for a URL with a ``#``. Consoles use it, so the remedy is the one for that console, if it is known."""
    if parts.scheme in DEFAULT_PORTS:
        host, _ = parse_authority(parts.authority, scheme=parts.scheme, allow_ip=True)
        match = PROVIDERS.match_host(host, percent_decode(parts.path))
        if match and match.refusal:
            return match.refusal
    return invalid_url(
        "it contains a '#'",
        "write %23 for a '#' in a folder's name; if it is a console page, paste the bucket's own URL",
    )


# http, https, s3+http, s3+https, web+http, web+https


@frozen(kw_only=True)
class _HttpUrl:
    """An ``http`` or ``https`` URL; ``explicit`` if its scheme was written as ``s3+…`` or ``web+…``."""

    scheme: str
    explicit: bool
    host: str
    port: int | None
    path: str
    query: Query

    @property
    def port_suffix(self) -> str:
        return f":{self.port}" if self.port else ""

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}{self.port_suffix}"

    @classmethod
    def of(cls, parts: SplitUrl) -> _HttpUrl:
        prefix, _, scheme = parts.scheme.rpartition("+")
        explicit = bool(prefix)
        host, port = parse_authority(parts.authority, scheme=scheme, allow_ip=explicit)
        path = percent_decode(parts.path)
        return cls(scheme=scheme, explicit=explicit, host=host, port=port, path=path, query=parts.query)


def _parse_http(parts: SplitUrl, chosen: Provider | None) -> ParsedWithSas:
    """``https://…`` and ``s3+https://…``. The host decides which provider it is."""
    url = _HttpUrl.of(parts)
    match = PROVIDERS.match_host(url.host, url.path)
    if match is None:
        return _unknown_host(url, chosen), None
    if match.refusal:
        raise match.refusal
    if match.rule.public_web and not url.explicit and chosen is not match.provider:
        return _web_folder(url, chosen, notes=match.notes), None
    return _provider_host(url, chosen, match)


def _parse_web(parts: SplitUrl, chosen: Provider | None) -> ParsedWithSas:
    """``web+https://…`` and ``web+http://…``: a folder of any web server. The network policy may still refuse it."""
    url = _HttpUrl.of(parts)
    match = PROVIDERS.match_host(url.host, url.path)
    if match is not None:
        raise invalid_url(f"its host belongs to {match.provider.title}", "write the URL without 'web+'")
    return _web_folder(url, chosen), None


def _unknown_host(url: _HttpUrl, chosen: Provider | None) -> ParsedUrl:
    """A host that no rule matches: an S3 server if the URL or the user says so, otherwise a web folder."""
    if url.scheme == "http" and not url.explicit:
        raise invalid_url(
            "over plain http, anyone on the network path can change a file",
            "write https://; for a server of your own, s3+http:// (S3) and web+http:// (a web server) use plain http",
        )
    if not url.explicit and chosen in (None, WEB):
        return _web_folder(url, chosen)
    provider = chosen or CUSTOM_S3
    if provider.protocol != "s3" or not provider.custom_hosts:
        raise invalid_url(
            f"its host does not belong to {provider.title}", "check the spelling of the host, or leave the provider out"
        )
    if provider.console_path and not url.explicit and re.fullmatch(provider.console_path, url.path, re.DOTALL):
        raise invalid_url(
            f"it is a page of the web console of {provider.title}",
            "use the server's S3 port and the bucket, as in s3+https://host:port/bucket/folder/",
        )
    query, listed = split_list_parameters(url.query, azure=False)
    parameters = allowed_parameters(query, {"provider", "region", "style"})
    bucket, _, rest = url.path.removeprefix("/").partition("/")
    return ParsedUrl(
        provider=provider.id,
        bucket=bucket,
        prefix=_one_prefix(prefix_of(rest), listed),
        endpoint=url.origin,
        region=parameters.get("region", provider.default_region),
        style=_style(parameters, "path"),
    )


def _web_folder(url: _HttpUrl, chosen: Provider | None, notes: tuple[str, ...] = ()) -> ParsedUrl:
    if chosen not in (None, WEB):
        raise invalid_url("its host does not belong to the provider that was named", "leave the provider out")
    if url.scheme == "http" and not url.explicit:
        raise invalid_url("over plain http, anyone on the network path can change a file", "write https://")
    allowed_parameters(url.query, {"provider"})
    return ParsedUrl(provider=WEB.id, prefix=prefix_of(url.path), endpoint=url.origin, notes=notes)


def _provider_host(url: _HttpUrl, chosen: Provider | None, match: HostMatch) -> ParsedWithSas:
    """A host of the provider table."""
    provider, rule = match.provider, match.rule
    if chosen not in (None, provider):
        raise invalid_url(
            f"its host belongs to {provider.title}, and another provider was named", "leave the provider out"
        )
    s3_endpoint = provider.s3_endpoint if url.explicit else None
    is_s3 = provider.protocol == "s3" or s3_endpoint is not None
    if url.explicit and not is_s3:
        raise invalid_url(f"{provider.title} does not speak S3", "write the URL without 's3+'")
    if url.scheme == "http" and not (rule.http_allowed or (url.explicit and rule.endpoint)):
        raise invalid_url(f"{provider.title} is not read over plain http", "write https://")
    if url.port and not rule.endpoint:
        raise invalid_url(f"{provider.title} does not have this port", "leave the port out")
    region = (rule.region or provider.region_of(match.groups)) if is_s3 else None
    groups = match.groups | {"region": region or ""}
    endpoint = s3_endpoint or _endpoint(url, rule, groups)
    query, sas = split_sas(url.query) if provider is AZURE else (url.query, None)
    query, listed = (query, "") if rule.console else split_list_parameters(query, azure=provider is AZURE)
    parameters = _parameters(query, rule, region=is_s3, style=is_s3 and endpoint is not None)
    bucket, path = _bucket_and_path(url, rule, groups)
    prefix = prefix_of(parameters.get("prefix", path)) if rule.console else _one_prefix(prefix_of(path), listed)
    parsed = ParsedUrl(
        provider=provider.id,
        bucket=bucket,
        prefix=prefix,
        endpoint=endpoint,
        region=_region(region, parameters, endpoint=endpoint),
        style=_style(parameters, provider.style_for(bucket)),
        account=match.groups.get("account"),
        notes=() if rule.public_web else match.notes,
    )
    return parsed, sas


def _endpoint(url: _HttpUrl, rule: HostRule, groups: Mapping[str, str]) -> str | None:
    if rule.endpoint is None:
        return None
    endpoint = rule.endpoint.format_map(groups) + url.port_suffix
    return f"http{endpoint.removeprefix('https')}" if url.explicit and url.scheme == "http" else endpoint


def _parameters(query: Query, rule: HostRule, *, region: bool, style: bool) -> dict[str, str]:
    if rule.console:
        # A console keeps the state of its page in the query. Only these two say what the page shows.
        return {key: percent_decode(value) for key, value in query if key in ("prefix", "region") and value}
    return allowed_parameters(query, ("provider", *["region"] * region, *["style"] * style))


def _bucket_and_path(url: _HttpUrl, rule: HostRule, groups: Mapping[str, str]) -> tuple[str, str]:
    """The bucket, and the path inside it."""
    if rule.bucket:
        return rule.bucket.format_map(groups), groups.get("prefix", "") if rule.path else url.path
    if rule.path:
        return groups["bucket"], groups.get("prefix", "")
    if "bucket" in groups:
        return groups["bucket"], url.path
    bucket, _, path = url.path.removeprefix("/").partition("/")
    return bucket, path


def _one_prefix(in_path: str, listed: str) -> str:
    if in_path and listed and in_path != listed:
        raise invalid_url("its path and its prefix parameter name different folders", "keep one of them")
    return listed or in_path


def _region(of_host: str | None, parameters: Mapping[str, str], *, endpoint: str | None) -> str | None:
    in_query = parameters.get("region")
    if in_query and of_host and in_query != of_host and endpoint is None:
        raise invalid_url("its host and its query name two regions", "keep the one of the host")
    return in_query or of_host


def _style(parameters: Mapping[str, str], default: Style) -> Style:
    match parameters.get("style", default):
        case "path":
            return "path"
        case "virtual":
            return "virtual"
    raise invalid_url("its style is neither 'path' nor 'virtual'", "leave it out to use the provider's default")


# s3://, gs:// and ARNs

_BUCKET_ARN = re.compile(r"arn:aws[a-z-]*:s3:::(?P<rest>[^*]+?)/?\*?")
_ACCESS_POINT = re.compile(
    r"(?P<arn>arn:aws[a-z-]*:s3:(?P<region>[a-z0-9-]+):[0-9]{12}:accesspoint/[a-z0-9-]{3,50})(?P<rest>/.*)?"
)


def _url_of_arn(arn: str) -> str:
    if match := _BUCKET_ARN.fullmatch(arn):
        return f"s3://{match['rest']}"
    if _ACCESS_POINT.fullmatch(arn):
        return f"s3://{arn}"
    raise invalid_url("this ARN names no bucket", "paste s3://bucket/folder/")


def _parse_s3(parts: SplitUrl, chosen: Provider | None) -> ParsedWithSas:
    _require(AWS, chosen)
    parameters = allowed_parameters(parts.query, {"provider", "region"})
    if match := _ACCESS_POINT.fullmatch(parts.authority + percent_decode(parts.path)):
        bucket, path, region = match["arn"], match["rest"] or "", match["region"]
        if parameters.get("region", region) != region:
            raise invalid_url("its ARN and its query name two regions", "keep the one of the ARN")
    else:
        bucket, path, region = _bucket(parts), percent_decode(parts.path), parameters.get("region")
    style = AWS.style_for(bucket)
    return ParsedUrl(provider=AWS.id, bucket=bucket, prefix=prefix_of(path), region=region, style=style), None


def _parse_gcs(parts: SplitUrl, chosen: Provider | None) -> ParsedWithSas:
    _require(GCS, chosen)
    allowed_parameters(parts.query, {"provider"})
    return ParsedUrl(provider=GCS.id, bucket=_bucket(parts), prefix=prefix_of(percent_decode(parts.path))), None


def _bucket(parts: SplitUrl) -> str:
    """The bucket, in a URL that has the bucket where other URLs have their host."""
    reject_user_info(parts.authority)
    # Only a name with a dot can be a host. The check saves importing other packages' rows for most buckets.
    if "." in parts.authority and PROVIDERS.match_host(parts.authority.lower(), percent_decode(parts.path)):
        raise invalid_url("it has a host in the place of the bucket", "write https://host/bucket/folder/")
    return parts.authority


# az://


def _parse_azure(parts: SplitUrl, chosen: Provider | None) -> ParsedWithSas:
    """``az://container@account/folder``, where the account may be written as its full host."""
    _require(AZURE, chosen)
    query, sas = split_sas(parts.query)
    allowed_parameters(query, {"provider"})
    container, _, host = parts.authority.rpartition("@")
    if not container or ":" in container or "@" in container:
        raise invalid_url("it does not name a container and an account", "write az://container@account/folder/")
    account, endpoint = host.lower(), None
    if "." in host:
        name, port = parse_authority(host, scheme="https", allow_ip=False)
        match = PROVIDERS.match_host(name, "/")
        if match is None or match.provider is not AZURE or match.rule.bucket or match.rule.refusal or port:
            raise invalid_url("its host does not belong to Azure Blob Storage", "write az://container@account/folder/")
        account = match.groups["account"]
        endpoint = match.rule.endpoint and match.rule.endpoint.format_map(match.groups)
    prefix = prefix_of(percent_decode(parts.path))
    return ParsedUrl(provider=AZURE.id, bucket=container, prefix=prefix, account=account, endpoint=endpoint), sas


# file://, memory://, and any other file system of fsspec


def _parse_file(parts: SplitUrl, chosen: Provider | None) -> ParsedWithSas:
    _require(FILE, chosen)
    allowed_parameters(parts.query, {"provider"})
    if parts.authority.lower() not in ("", "localhost") or not parts.path:
        raise invalid_url("a file URL needs three slashes and an absolute path", "write file:///srv/prints/")
    return _local_folder(percent_decode(parts.path)), None


def _local_folder(path: str) -> ParsedUrl:
    # A file system ignores repeated slashes.
    return ParsedUrl(provider=FILE.id, prefix="/" + prefix_of("/".join(filter(None, path.split("/")))))


def _parse_memory(parts: SplitUrl, chosen: Provider | None) -> ParsedWithSas:
    _require(MEMORY, chosen)
    allowed_parameters(parts.query, {"provider"})
    reject_user_info(parts.authority)
    return ParsedUrl(provider=MEMORY.id, prefix=prefix_of(percent_decode(parts.authority + parts.path))), None


# File systems of fsspec that wrap another one, or run code. Only an operator may create those.
_WRAPPERS = re.compile(
    "asyncwrapper|blockcache|cached|data|dir|filecache|generic|jlab|jupyter|libarchive|reference|simplecache|tar|zip"
)


def _parse_other(parts: SplitUrl, chosen: Provider | None) -> ParsedWithSas:
    """A URL for fsspec, kept as it is written, because fsspec does not decode it."""
    if chosen or PROVIDERS.get(parts.scheme):
        raise invalid_url("its scheme does not fit its provider", "write s3+https://host/bucket/folder/")
    if _WRAPPERS.fullmatch(parts.scheme):
        raise invalid_url("its scheme wraps another file system", "create that one and pass it to ArtworkStorage")
    reject_user_info(parts.authority)
    allowed_parameters(parts.query, ())
    path = parts.authority + parts.path
    prefix_of(percent_decode(path.removeprefix("/")))
    return ParsedUrl(provider=parts.scheme, prefix=path if path.endswith("/") or not path else f"{path}/"), None


_PARSERS: Mapping[str, Callable[[SplitUrl, Provider | None], ParsedWithSas]] = {
    **dict.fromkeys(("http", "https", "s3+http", "s3+https"), _parse_http),
    **dict.fromkeys(("web+http", "web+https"), _parse_web),
    **dict.fromkeys(("s3", "s3a", "s3n"), _parse_s3),
    **dict.fromkeys(("gs", "gcs"), _parse_gcs),
    **dict.fromkeys(("az", "abfs", "abfss", "wasb", "wasbs"), _parse_azure),
    **dict.fromkeys(("file", "local"), _parse_file),
    "memory": _parse_memory,
}
