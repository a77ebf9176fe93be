"""Providers as data: what a row of the provider table contains, and how a row is found by id or by host.

The rows are in ``provider_table``; add a provider there. Another package adds one with an entry point of the group
``remote_artwork.providers`` that refers to a ``Provider`` with the protocol ``s3``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from string import Formatter
from typing import Any, Literal

from attrs import Attribute, field, frozen

from remote_artwork.errors import ConfigurationError, InvalidLocation
from remote_artwork.storage.url_syntax import invalid_url

ENTRY_POINTS = "remote_artwork.providers"

log: logging.Logger = logging.getLogger(__name__)

Style = Literal["path", "virtual"]
"""How the bucket is addressed: in the path, or in front of the host."""

Verified = Literal["live", "same server software", "stand-in", "not"]
"""What the tests ran against: the live service, its server software, a server of the same protocol, or nothing."""

Need = Literal["list", "read"]
"""What a permission is needed for."""

Capability = Literal[
    "listing",
    "order",
    "start_after",
    "pages",
    "odd_names",
    "reading",
    "replacement",
    "versions",
    "missing_bucket",
    "access",
    "signed_url",
    "public",
]
"""What ``remote_artwork.testing.StorageContract`` tests. Its documentation explains each one."""


def _is_regex(instance: object, attribute: Attribute[Any], value: str | None) -> None:
    try:
        re.compile(value or "")
    except re.error as error:
        raise ConfigurationError(
            f"{type(instance).__name__}.{attribute.name} is not a regular expression: {error}"
        ) from error


@frozen(kw_only=True)
class HostRule:
    """One form of the provider's URLs.

    ``host`` must match the whole host (lower case), ``path`` the whole decoded path. Their named groups are ``bucket``,
    ``prefix``, ``region``, ``account``, ``origin`` (the host without the bucket), and any other that a template or
    ``notes`` uses. Without a ``bucket`` group, the first folder of the path is the bucket.

    Args:
        host: The hosts, a regular expression.
        path: The paths on these hosts, a regular expression; None: all. If given, ``bucket`` and ``prefix`` come only
            from groups.
        endpoint: The origin for requests, a template over the groups; None: the SDK's default.
        bucket: The bucket, a template over the groups; needed if no group is the bucket.
        region: The region, if no group is the region.
        notes: Group → what an operator should know if that group matched; the key ``""``: always.
        refusal: For URLs that cannot be used: the problem, and what to paste instead.
        http_allowed: Plain http is accepted, because requests go to another host, by https.
        console: A page of a web console. Only ``prefix`` and ``region`` are used from its query.
        public_web: A public folder that is read by plain https, unless the user names the provider.
    """

    host: str = field(validator=_is_regex)
    path: str | None = field(default=None, validator=_is_regex)
    endpoint: str | None = None
    bucket: str | None = None
    region: str | None = None
    notes: Mapping[str, str] = field(factory=dict, hash=False)
    refusal: tuple[str, str] | None = None
    http_allowed: bool = False
    console: bool = False
    public_web: bool = False

    def __attrs_post_init__(self) -> None:
        groups = {"region", *re.compile(self.host).groupindex, *re.compile(self.path or "").groupindex}
        for template in filter(None, (self.endpoint, self.bucket)):
            fields = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
            if not fields <= groups:
                raise ConfigurationError(f"HostRule: {template!r} uses a group that host and path do not have")
        if self.endpoint and not self.endpoint.startswith("https://"):
            raise ConfigurationError(f"HostRule.endpoint must start with https://; it is {self.endpoint!r}")
        if self.refusal is not None and len(self.refusal) != 2:
            raise ConfigurationError("HostRule.refusal must be a pair: the problem, and what to paste instead")

    def match(self, host: str, path: str) -> dict[str, str] | None:
        """The groups that matched; None if the URL does not have this form."""
        by_host = re.fullmatch(self.host, host)
        by_path = re.fullmatch(self.path or ".*", path, re.DOTALL)
        if by_host is None or by_path is None:
            return None
        return {key: text for match in (by_host, by_path) for key, text in match.groupdict().items() if text}


def _is_id(_instance: object, _attribute: Attribute[Any], value: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9-]*", value):
        raise ConfigurationError(f"Provider.id must be lower-case letters, digits and '-'; it is {value!r}")


def _is_price(_instance: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and not value >= 0:
        raise ConfigurationError(f"Provider.{attribute.name} must be a price in US dollars; it is {value!r}")


def _are_templates(_instance: object, _attribute: Attribute[Any], value: Mapping[Need, str]) -> None:
    for need, template in value.items():
        try:
            template.format(bucket="", prefix="")
        except (LookupError, ValueError) as error:
            raise ConfigurationError(
                f"Provider.permissions[{need!r}] may use only the fields {{bucket}} and {{prefix}}"
            ) from error


@frozen(kw_only=True)
class Provider:
    """One row of the provider table.

    Args:
        id: The name in ``Location.provider`` and ``?provider=``.
        title: The name that people use.
        protocol: The fsspec protocol of its storage.
        hosts: The forms of its URLs. The first rule that matches is used, so put special forms first.
        custom_hosts: Whether it may run on any other host, if the user names the provider.
        console_path: The paths of its web console on such a host, a regular expression. Such a URL is refused, because
            its first folder is not a bucket. ``s3+https://`` always means a bucket.
        default_region: The region to sign for if the URL names none.
        region_aliases: Region in a host name → region to sign for, where they differ.
        style: How its own hosts expect the bucket. A bucket with a dot always goes in the path, because the host's
            certificate would not match.
        s3_endpoint: The origin of its S3 API, if it also has one beside its own protocol.
        list_price: US dollars for 1,000 LIST requests, if known.
        get_price: US dollars for 1,000 GET or HEAD requests, if known.
        quirks: What an operator should know, one sentence each.
        lacks: Capability → why this provider does not have it. The storage contract tests that it is missing.
        permissions: Need → the permission to grant, in the provider's own terms. ``{bucket}`` and ``{prefix}`` are
            replaced. Default: the permission of the protocol.
        verified: What the tests ran against.
        verified_by: The name of that server or service.
    """

    id: str = field(validator=_is_id)
    title: str
    protocol: str = "s3"
    hosts: tuple[HostRule, ...] = ()
    custom_hosts: bool = False
    console_path: str | None = field(default=None, validator=_is_regex)
    default_region: str | None = None
    region_aliases: Mapping[str, str] = field(factory=dict, hash=False)
    style: Style = "path"
    s3_endpoint: str | None = None
    list_price: float | None = field(default=None, validator=_is_price)
    get_price: float | None = field(default=None, validator=_is_price)
    quirks: tuple[str, ...] = ()
    lacks: Mapping[Capability, str] = field(factory=dict, hash=False)
    permissions: Mapping[Need, str] = field(factory=dict, hash=False, validator=_are_templates)
    verified: Verified = "not"
    verified_by: str = ""

    def style_for(self, bucket: str) -> Style:
        """How its own hosts expect this bucket."""
        return "path" if "." in bucket else self.style

    def region_of(self, groups: Mapping[str, str]) -> str | None:
        """The region to sign for, from the groups of a host."""
        name = groups.get("region")
        return self.region_aliases.get(name, name) if name else self.default_region


@frozen
class HostMatch:
    """A URL that has one of the provider's forms.

    Args:
        provider: The provider.
        rule: The form.
        groups: Group → the text that it matched.
    """

    provider: Provider
    rule: HostRule
    groups: dict[str, str]

    @property
    def notes(self) -> tuple[str, ...]:
        """What an operator should know about how the URL was read."""
        return tuple(note for group, note in self.rule.notes.items() if not group or group in self.groups)

    @property
    def refusal(self) -> InvalidLocation | None:
        """The error, if URLs of this form cannot be used."""
        return invalid_url(*self.rule.refusal) if self.rule.refusal else None


class ProviderTable:
    """All providers: the built-in rows, and after them the rows of other packages.

    A built-in row takes precedence, so no package can take over ``aws`` or one of Amazon's hosts. Other packages are
    imported only if no built-in row matches.

    Args:
        built_in: The rows of this library.
    """

    def __init__(self, built_in: Sequence[Provider]) -> None:
        self.built_in: tuple[Provider, ...] = tuple(built_in)
        self._by_id = {row.id: row for row in self.built_in}

    def __iter__(self) -> Iterator[Provider]:
        yield from self.built_in
        yield from self.from_packages

    def get(self, provider_id: str) -> Provider | None:
        """The provider with this id, or None."""
        if row := self._by_id.get(provider_id):
            return row
        return next((row for row in self.from_packages if row.id == provider_id), None)

    def match_host(self, host: str, path: str) -> HostMatch | None:
        """The provider of a host, by the first rule that matches; None if no rule matches.

        Args:
            host: In lower case, without the port.
            path: Decoded, from the first ``/`` on.
        """
        for row in self:
            for rule in row.hosts:
                if (groups := rule.match(host, path)) is not None:
                    return HostMatch(row, rule, groups)
        return None

    @cached_property
    def from_packages(self) -> tuple[Provider, ...]:
        """The rows of other packages. A row that cannot be loaded is logged and left out."""
        rows: dict[str, Provider] = {}
        for entry_point in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
            row = _load(entry_point)
            if row is not None and row.id not in self._by_id:
                rows.setdefault(row.id, row)
        return tuple(rows.values())


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
