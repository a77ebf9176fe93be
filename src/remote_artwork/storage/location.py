"""Location: where a merchant's files are, as one validated value. Parsing and printing use no network and no disk.

``parse_url`` (``url_parser``) reads a pasted URL; ``Location.parse`` validates the result; ``str`` prints the canonical
URL, which parses to an equal value.
"""

from __future__ import annotations

import re

from attrs import asdict, frozen

from remote_artwork.storage.provider_table import PROVIDERS
from remote_artwork.storage.url_parser import ParsedUrl, parse_url
from remote_artwork.storage.url_syntax import (
    forbidden_character,
    has_invalid_folder,
    invalid_folder,
    invalid_url,
    needs_explicit_scheme,
    parse_authority,
    percent_encode,
)

_BUCKET_PROTOCOLS = ("s3", "gcs", "azure")


@frozen(kw_only=True)
class Location(ParsedUrl):
    """Where files are. It never contains a secret.

    Args:
        provider: A provider's id (``aws``, ``minio``, ``web`` …), or the scheme of any other fsspec file system.
        bucket: The bucket or container; ``""`` for storages without buckets.
        prefix: The folder, decoded, ending in ``/``; ``""`` for the top folder. It starts with ``/`` only for ``file``
            and other fsspec file systems.
        endpoint: The origin for requests (``https://nyc3.digitaloceanspaces.com``); None: the provider's default.
        region: The region to sign for; None: unknown, or not used.
        style: How the bucket is addressed: ``path`` or ``virtual``.
        account: Azure's storage account, Cloudflare's account or Oracle's namespace.
        notes: What an operator should know about how the URL was read. Ignored in comparisons.

    Raises:
        InvalidLocation: A part is invalid, or no URL can have these parts together.
    """

    def __attrs_post_init__(self) -> None:
        """Validates a location made from parts. ``parse`` needs no such check, because its parts come from a URL."""
        self._validate()
        parsed, _ = parse_url(str(self), None)
        if Location._from_parsed(parsed) != self:
            raise invalid_url("its parts do not belong together", "create it from a URL with Location.parse")

    @classmethod
    def parse(cls, url: str, provider: str | None = None) -> Location:
        """Parse any form of URL that people paste.

        Args:
            url: A storage URL, the URL of a console page, an ARN, or an absolute path.
            provider: The provider's id if the host does not show it, as for MinIO.

        Raises:
            InvalidLocation: The URL cannot be used. The message says why and what to paste instead. It repeats no part
                of the URL.
        """
        return parse_with_sas(url, provider)[0]

    @classmethod
    def _from_parsed(cls, parsed: ParsedUrl) -> Location:
        """The location of a parsed URL. It need not be printed and parsed again to be validated."""
        location = cls.__new__(cls)
        for name, value in asdict(parsed, recurse=False).items():
            object.__setattr__(location, name, value)
        location._validate()  # noqa: SLF001 - its own class
        return location

    @property
    def provider_title(self) -> str:
        """The provider's name for people, for example ``Amazon S3``; the id for a provider that is not in the table."""
        provider = PROVIDERS.get(self.provider)
        return provider.title if provider else self.provider

    @property
    def protocol(self) -> str:
        """The fsspec protocol of its storage."""
        provider = PROVIDERS.get(self.provider)
        if provider is None:
            return self.provider
        return "s3" if provider.s3_endpoint and self.endpoint else provider.protocol

    @property
    def root(self) -> str:
        """The folder as the fsspec file system expects it, without a slash at the end.

        ``bucket/folder`` for buckets, an absolute path for ``file`` and ``memory``, the whole URL for everything else.
        """
        protocol = self.protocol
        if self.bucket:
            return f"{self.bucket}/{self.prefix}".rstrip("/")
        if protocol in ("file", "memory"):
            return f"/{self.prefix.strip('/')}"
        if protocol == "http":
            return f"{self.endpoint}/{percent_encode(self.prefix)}".rstrip("/")
        return str(self).rstrip("/")

    def __str__(self) -> str:
        """The canonical URL."""
        query = ""
        match self.protocol:
            case "s3":
                base = f"s3+{self.endpoint}/{self.bucket}/" if self.endpoint else f"s3://{self.bucket}/"
                query = self._query()
            case "gcs":
                base = f"gs://{self.bucket}/"
            case "azure":
                host = self.endpoint.removeprefix("https://") if self.endpoint else self.account
                base = f"az://{self.bucket}@{host}/"
            case "http":
                base = f"{'web+' if needs_explicit_scheme(str(self.endpoint)) else ''}{self.endpoint}/"
            case "file" | "memory" as local:
                base = f"{local}://"
            case other:
                # fsspec does not decode URLs, so its own file systems receive the text as it was written.
                return f"{other}://{self.prefix}"
        return f"{base}{percent_encode(self.prefix)}{query}"

    def _query(self) -> str:
        """The parameters that the rest of an S3 URL does not imply."""
        parameters = [f"region={self.region}"] if self.region else []
        if self.endpoint is not None:
            scheme, _, authority = self.endpoint.partition("://")
            match = PROVIDERS.match_host(parse_authority(authority, scheme=scheme, allow_ip=True)[0], "/")
            default_style = match.provider.style_for(self.bucket) if match else "path"
            if self.style == "virtual" or self.style != default_style:
                parameters.append(f"style={self.style}")
            if self.provider != (match.provider.id if match else "s3"):
                parameters.append(f"provider={self.provider}")
        return "?" + "&".join(parameters) if parameters else ""

    def _validate(self) -> None:
        """Validates each part."""
        for part, (pattern, problem, remedy) in _PATTERNS.items():
            value = getattr(self, part)
            if value is not None and not pattern.fullmatch(value):
                raise invalid_url(problem, remedy)
        _validate_endpoint(self.endpoint)
        self._validate_bucket()
        self._validate_prefix()
        if self.protocol == "azure" and not _AZURE_ACCOUNT.fullmatch(self.account or ""):
            raise invalid_url("it does not name an Azure storage account", "write az://container@account/folder/")
        if self.protocol == "http" and self.endpoint is None:
            raise invalid_url("it has no host", "write https://host/folder/")

    def _validate_bucket(self) -> None:
        protocol = self.protocol
        if protocol not in _BUCKET_PROTOCOLS:
            if self.bucket:
                raise invalid_url("it names a bucket, and this storage has no buckets", "write only the folder's path")
            return
        if not self.bucket:
            raise invalid_url("it names no bucket", "write the bucket before the folder, as in s3://bucket/folder/")
        if not (_CONTAINER if protocol == "azure" else _BUCKET).fullmatch(self.bucket):
            raise invalid_url(
                "its bucket is not a valid bucket name",
                "check the spelling; for your own S3 server write s3+https://host:port/bucket/folder/",
            )
        if self.bucket.endswith(_DIRECTORY_BUCKET):
            raise invalid_url("a directory bucket does not list files in order", "use a general purpose bucket")

    def _validate_prefix(self) -> None:
        may_start_with_slash = self.protocol not in (*_BUCKET_PROTOCOLS, "http", "memory")
        prefix = self.prefix.removeprefix("/") if may_start_with_slash else self.prefix
        if found := forbidden_character(prefix):
            raise invalid_url(f"its folder contains {found}", "rename the folder, or use its parent folder")
        if prefix and not prefix.endswith("/"):
            raise invalid_url("its folder does not end in '/'", "add the '/'")
        if has_invalid_folder(prefix):
            raise invalid_folder()


_PATTERNS = {
    "provider": (
        re.compile(r"[a-z][a-z0-9+.-]*", re.ASCII),
        "its provider is not a valid provider id",
        "use an id such as aws, minio or web",
    ),
    "region": (
        re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", re.ASCII),
        "its region is not a valid region name",
        "use a region such as eu-west-1, as in ?region=eu-west-1",
    ),
    "style": (
        re.compile(r"path|virtual"),
        "its style is neither 'path' nor 'virtual'",
        "leave it out to use the provider's default",
    ),
    "account": (
        re.compile(r"[a-z0-9_-]{1,63}", re.ASCII),
        "its account is not a valid account name",
        "write the account's name in lower case",
    ),
}
"""Part → its pattern, and the problem and the remedy for a value that does not match."""

_ACCESS_POINT = r"arn:aws[a-z-]*:s3:[a-z0-9-]+:[0-9]{12}:accesspoint/[a-z0-9-]{3,50}"
_BUCKET = re.compile(rf"(?!.*\.\.)[A-Za-z0-9](?:[A-Za-z0-9._-]{{0,253}}[A-Za-z0-9])?|{_ACCESS_POINT}")
_DIRECTORY_BUCKET = "--x-s3"
_CONTAINER = re.compile(r"\$(?:web|root|logs)|(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_AZURE_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")


def _validate_endpoint(endpoint: str | None) -> None:
    if endpoint is None:
        return
    scheme, _, authority = endpoint.partition("://")
    if scheme not in ("http", "https"):
        raise invalid_url("its endpoint is not an origin", "write it as https://host or https://host:port")
    host, port = parse_authority(authority, scheme=scheme, allow_ip=True)
    if endpoint != f"{scheme}://{host}" + (f":{port}" if port else ""):
        raise invalid_url(
            "its endpoint is not in canonical form", "write only https://host, in lower case, without the default port"
        )


def parse_with_sas(url: str, provider: str | None = None) -> tuple[Location, str | None]:
    """Parse a URL as ``Location.parse`` does, and return its Azure SAS separately.

    Returns:
        The location, and the SAS as written, without ``?``; None if the URL contains none.

    Raises:
        InvalidLocation: As ``Location.parse``.
    """
    parsed, sas = parse_url(url, provider)
    return Location._from_parsed(parsed), sas  # noqa: SLF001 - the constructor would parse a second time
