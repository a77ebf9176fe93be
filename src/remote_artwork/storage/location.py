"""Location: where a merchant's files lie, as one frozen value. Parsing and printing touch no network and no disk."""

from __future__ import annotations

import re
from typing import Any

from attrs import Attribute, asdict, evolve, field, frozen

from remote_artwork.storage.provider_table import match_host, provider_named
from remote_artwork.storage.providers import Style
from remote_artwork.storage.url_parser import Place, read_url
from remote_artwork.storage.url_syntax import (
    encoded,
    flaw_of_folders,
    host_and_port,
    must_be_explicit,
    refused,
    unprintable,
)

_ACCESS_POINT = r"arn:aws[a-z-]*:s3:[a-z0-9-]+:[0-9]{12}:accesspoint/[a-z0-9-]{3,50}"
_BUCKET = re.compile(rf"(?!.*\.\.)[A-Za-z0-9](?:[A-Za-z0-9._-]{{0,253}}[A-Za-z0-9])?|{_ACCESS_POINT}")
_CONTAINER = re.compile(r"\$(?:web|root|logs)|(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_AZURE_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_NO_ORDER = "--x-s3"


def _matches(pattern: str, what: str, advice: str) -> Any:
    def check(_instance: object, _attribute: Attribute[Any], value: str | None) -> None:
        if value is not None and not re.fullmatch(pattern, value, re.ASCII):
            raise refused(what, advice)

    return check


def _is_origin(_instance: object, _attribute: Attribute[Any], value: str | None) -> None:
    if value is None:
        return
    scheme, _, authority = value.partition("://")
    if scheme not in ("http", "https"):
        raise refused("its endpoint is not an origin", "write it as https://host or https://host:port")
    host, port = host_and_port(authority, scheme=scheme, literal_allowed=True)
    if value != f"{scheme}://{host}" + (f":{port}" if port else ""):
        raise refused("its endpoint is not in its shortest spelling", "write it in lower case, without its usual port")


@frozen(kw_only=True)
class Location:
    """Where files lie. Holds no secret, ever.

    Args:
        provider: A provider's id (``aws``, ``minio``, ``web`` …), or the scheme of any other fsspec file system.
        bucket: The bucket or container; ``""`` where there is none.
        prefix: The folder, decoded, ending in ``/``; ``""`` for the top. Starts with ``/`` only for ``file`` and
            other fsspec file systems.
        endpoint: The origin to talk to (``https://nyc3.digitaloceanspaces.com``); None: the provider's standard one.
        region: The region to sign for; None: not known, or of no meaning.
        style: How the bucket is named to the server.
        account: Azure's storage account, Cloudflare's account, Oracle's namespace.
        notes: What an operator should know of how the URL was read. Takes no part in equality.

    Raises:
        InvalidLocation: A part cannot be what it stands for, or the parts do not belong together: what ``str`` makes of
            them is not read back as the same value.
    """

    provider: str = field(
        validator=_matches(
            r"[a-z][a-z0-9+.-]*", "its provider cannot be a provider's name", "write for example aws, minio or web"
        )
    )
    bucket: str = ""
    prefix: str = ""
    endpoint: str | None = field(default=None, validator=_is_origin)
    region: str | None = field(
        default=None,
        validator=_matches(
            r"[A-Za-z0-9][A-Za-z0-9-]{0,63}",
            "its region cannot be a region's name",
            "write for example region=eu-west-1",
        ),
    )
    style: Style = field(
        default="path",
        validator=_matches("path|virtual", "its style is neither 'path' nor 'virtual'", "leave it out to use 'path'"),
    )
    account: str | None = field(
        default=None,
        validator=_matches(
            r"[a-z0-9_-]{1,63}", "its account cannot be an account's name", "write the account's name in lower case"
        ),
    )
    notes: tuple[str, ...] = field(default=(), eq=False)

    def __attrs_post_init__(self) -> None:
        self._check_bucket()
        self._check_prefix()
        if self.protocol == "azure" and not _AZURE_ACCOUNT.fullmatch(self.account or ""):
            raise refused("it names no storage account of Azure", "write az://container@account/folder/")
        if self.protocol == "http" and self.endpoint is None:
            raise refused("it names no host", "write https://host/folder/")
        self._check_form()

    @classmethod
    def parse(cls, url: str, provider: str | None = None) -> Location:
        """Reads any form of URL that people paste.

        Args:
            url: A storage URL, a console link, an ARN, or an absolute path.
            provider: The provider's id where the host does not tell, as for MinIO.

        Raises:
            InvalidLocation: It is refused; the message says why and what to paste instead, and repeats no part of it.
        """
        return parse_with_secret(url, provider)[0]

    @property
    def provider_title(self) -> str:
        """Its provider as people call it, for example ``Amazon S3``; the id itself where it is none of the table's."""
        row = provider_named(self.provider)
        return self.provider if row is None else row.title

    @property
    def protocol(self) -> str:
        """The fsspec protocol it is reached by."""
        row = provider_named(self.provider)
        if row is None:
            return self.provider
        return "s3" if row.s3_endpoint and self.endpoint else row.protocol

    @property
    def root(self) -> str:
        """What the fsspec file system is asked for, without a slash at the end.

        ``bucket/folder`` for buckets, an absolute path for ``file`` and ``memory``, the whole URL for everything else.
        """
        protocol = self.protocol
        if self.bucket:
            return f"{self.bucket}/{self.prefix}".rstrip("/")
        if protocol in ("file", "memory"):
            return f"/{self.prefix.strip('/')}"
        if protocol == "http":
            return f"{self.endpoint}/{encoded(self.prefix)}".rstrip("/")
        return str(self).rstrip("/")

    def __str__(self) -> str:
        match self.protocol:
            case "s3":
                base = f"s3+{self.endpoint}/{self.bucket}/" if self.endpoint else f"s3://{self.bucket}/"
            case "gcs":
                base = f"gs://{self.bucket}/"
            case "azure":
                host = self.endpoint.removeprefix("https://") if self.endpoint else self.account
                base = f"az://{self.bucket}@{host}/"
            case "http":
                base = f"{'web+' if must_be_explicit(str(self.endpoint)) else ''}{self.endpoint}/"
            case "file" | "memory" as own:
                base = f"{own}://"
            case other:
                # fsspec decodes nothing, so its own file systems get back what was written.
                return f"{other}://{self.prefix}"
        return f"{base}{encoded(self.prefix)}{self._query()}"

    def _query(self) -> str:
        if self.protocol != "s3":
            return ""
        pairs = [f"region={self.region}"] if self.region else []
        if self.endpoint is not None:
            scheme, _, authority = self.endpoint.partition("://")
            match = match_host(host_and_port(authority, scheme=scheme, literal_allowed=True)[0], "/")
            usual = match.provider.style_for(self.bucket) if match else "path"
            if self.style == "virtual" or self.style != usual:
                pairs.append(f"style={self.style}")
            if self.provider != (match.provider.id if match else "s3"):
                pairs.append(f"provider={self.provider}")
        return "?" + "&".join(pairs) if pairs else ""

    def _check_bucket(self) -> None:
        protocol = self.protocol
        if protocol not in ("s3", "gcs", "azure"):
            if self.bucket:
                raise refused("it names a bucket where there are none", "write the folder's path alone")
            return
        if not self.bucket:
            raise refused("it names no bucket", "write the bucket before the folder, as in s3://bucket/folder/")
        if not (_CONTAINER if protocol == "azure" else _BUCKET).fullmatch(self.bucket):
            raise refused(
                "its bucket cannot be a bucket's name",
                "check its spelling; an S3 server of your own is written s3+https://host:port/bucket/folder/",
            )
        if self.bucket.endswith(_NO_ORDER):
            raise refused("a directory bucket lists in no order", "use a general purpose bucket")

    def _check_prefix(self) -> None:
        local = self.protocol not in ("s3", "gcs", "azure", "http", "memory")
        inner = self.prefix.removeprefix("/") if local else self.prefix
        flaw = unprintable(inner)
        if flaw:
            raise refused(f"its folder holds {flaw}", "rename the folder, or use the one above it")
        if inner and not inner.endswith("/"):
            raise refused("its folder does not end in '/'", "add the '/'")
        if flaw := flaw_of_folders(inner):
            raise refused(flaw, "write the whole path with single slashes")

    def _check_form(self) -> None:
        """Credentials go where the parts lead, so nothing is taken that no URL says."""
        read, _ = read_url(str(self), None)
        if evolve(read, notes=self.notes) != Place(**asdict(self, recurse=False)):
            raise refused("its parts do not belong together", "make it of a URL, by Location.parse")


def parse_with_secret(url: str, provider: str | None = None) -> tuple[Location, str | None]:
    """Reads a URL as ``Location.parse`` does, and hands an Azure SAS out apart from it.

    Returns:
        The location, and the SAS as it was written, without ``?``; None where the URL holds none.

    Raises:
        InvalidLocation: As ``Location.parse``.
    """
    place, sas = read_url(url, provider)
    return Location(**asdict(place, recurse=False)), sas
