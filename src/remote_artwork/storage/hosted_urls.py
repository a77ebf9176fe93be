"""Reads the URLs whose host says what they are: ``https``, ``http``, and the explicit ``s3+…`` and ``web+…``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from remote_artwork.storage.listing_links import one_folder, take_listing
from remote_artwork.storage.place import Place
from remote_artwork.storage.provider_clouds import AZURE
from remote_artwork.storage.provider_row import HostRule, Provider, Style
from remote_artwork.storage.providers import CUSTOM_S3, WEB, HostMatch, match_host
from remote_artwork.storage.secrets_in_urls import Query, known_only, take_sas
from remote_artwork.storage.url_text import UrlText, decoded, folder, host_and_port, refused

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
