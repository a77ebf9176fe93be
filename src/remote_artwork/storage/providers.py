"""What a row of the provider table says: which hosts are whose, and what follows from a host. All of it is data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any, Literal

from attrs import Attribute, field, frozen

from remote_artwork.errors import ConfigurationError, InvalidLocation
from remote_artwork.storage.url_syntax import refused

Style = Literal["path", "virtual"]
Verified = Literal["live", "same server software", "stand-in", "not"]
Need = Literal["list", "read"]
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
"""What ``remote_artwork.testing.StorageContract`` tries; its documentation tells what each one means."""


def _compiles(instance: object, attribute: Attribute[Any], value: str | None) -> None:
    try:
        re.compile(value or "")
    except re.error as error:
        raise ConfigurationError(
            f"{type(instance).__name__}.{attribute.name} is not a regular expression: {error}"
        ) from error


@frozen(kw_only=True)
class HostRule:
    """One form of host that belongs to a provider.

    Regular expressions match wholly: ``host`` the lower-cased host, ``path`` the decoded path. Their named
    groups are ``bucket``, ``prefix``, ``region``, ``account`` and ``origin`` (the host without the bucket), and any
    other that a template or ``notes`` names. Where no ``bucket`` took part, the first folder of the path is the bucket.

    Args:
        host: Which hosts it is about.
        path: Which paths on them; None: all. Then ``bucket`` and ``prefix`` come from its groups.
        endpoint: The origin to talk to, a template over the groups; None: the client library's own.
        bucket: The bucket, a template over the groups, where no group holds it as it is.
        region: The region, where no group holds it.
        notes: What an operator should know when the named group took part; under ``""``: always.
        refusal: Why such a URL is of no use, and what to paste instead, parted by ``;``.
        http_allowed: Plain http is accepted, because the location is rewritten to another host.
        console: A page of a console: its query holds ``prefix`` and ``region``, and what else is of no interest.
        public_web: A public folder to read by plain https, unless the provider is named.
    """

    host: str = field(validator=_compiles)
    path: str | None = field(default=None, validator=_compiles)
    endpoint: str | None = None
    bucket: str | None = None
    region: str | None = None
    notes: Mapping[str, str] = field(factory=dict, hash=False)
    refusal: str | None = None
    http_allowed: bool = False
    console: bool = False
    public_web: bool = False

    def __attrs_post_init__(self) -> None:
        groups = {"region", *re.compile(self.host).groupindex, *re.compile(self.path or "").groupindex}
        for template in filter(None, (self.endpoint, self.bucket)):
            named = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
            if not named <= groups:
                raise ConfigurationError(f"HostRule: {template!r} names a group that host and path do not have")
        if self.endpoint and not self.endpoint.startswith("https://"):
            raise ConfigurationError(f"HostRule.endpoint starts with https://, not as {self.endpoint!r}")

    def refused(self) -> InvalidLocation:
        """The error for a URL of this form, which has a ``refusal``."""
        what, _, advice = (self.refusal or "").partition("; ")
        return refused(what, advice)

    def match(self, host: str, path: str) -> dict[str, str] | None:
        """The groups that took part, or None when host or path are not of this form."""
        by_host = re.fullmatch(self.host, host)
        by_path = re.fullmatch(self.path or ".*", path, re.DOTALL)
        if by_host is None or by_path is None:
            return None
        return {key: text for found in (by_host, by_path) for key, text in found.groupdict().items() if text}


def _is_id(_instance: object, _attribute: Attribute[Any], value: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9-]*", value):
        raise ConfigurationError(f"Provider.id is lower-case letters, digits and '-', not {value!r}")


def _not_negative(_instance: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and not value >= 0:
        raise ConfigurationError(f"Provider.{attribute.name} is a price in US dollars, not {value!r}")


def _are_templates(_instance: object, _attribute: Attribute[Any], value: Mapping[Need, str]) -> None:
    for need, words in value.items():
        try:
            words.format(bucket="", prefix="")
        except (LookupError, ValueError) as error:
            raise ConfigurationError(
                f"Provider.permissions[{need!r}] fills in {{bucket}} and {{prefix}} only"
            ) from error


@frozen(kw_only=True)
class Provider:
    """One row of the table.

    Args:
        id: The name in ``Location.provider`` and ``?provider=``.
        title: The name people know it by.
        protocol: The fsspec protocol it is reached by.
        hosts: Its hosts, the more special form first.
        custom_hosts: May also stand behind a host that the table does not know, when the provider is named.
        console_path: The paths of its web console behind such a host, a regular expression, so that a page of the
            console is not taken for a bucket. The explicit ``s3+https://`` is always a bucket.
        default_region: The region to sign for where the URL names none.
        region_aliases: Other spellings of a region in host names.
        style: How its own hosts want the bucket named. A bucket with a dot goes by path, for its certificate.
        s3_endpoint: Where it answers S3 when that is not its own protocol.
        list_price: US dollars for 1,000 LIST requests, where known.
        get_price: US dollars for 1,000 GET or HEAD requests, where known.
        quirks: What an operator should know, a sentence each.
        lacks: What it cannot do that storages mostly can, and why. The contract of storages holds it to that.
        permissions: What to permit there to list and to read, in its own words; ``{bucket}`` and ``{prefix}`` are
            filled in. Left out: the words of its protocol.
        verified: How its behavior is tested; ``live`` is the real thing.
        verified_by: With what.
    """

    id: str = field(validator=_is_id)
    title: str
    protocol: str = "s3"
    hosts: tuple[HostRule, ...] = ()
    custom_hosts: bool = False
    console_path: str | None = field(default=None, validator=_compiles)
    default_region: str | None = None
    region_aliases: Mapping[str, str] = field(factory=dict, hash=False)
    style: Style = "path"
    s3_endpoint: str | None = None
    list_price: float | None = field(default=None, validator=_not_negative)
    get_price: float | None = field(default=None, validator=_not_negative)
    quirks: tuple[str, ...] = ()
    lacks: Mapping[Capability, str] = field(factory=dict, hash=False)
    permissions: Mapping[Need, str] = field(factory=dict, hash=False, validator=_are_templates)
    verified: Verified = "not"
    verified_by: str = ""

    def style_for(self, bucket: str) -> Style:
        """How its own hosts want this bucket named."""
        return "path" if "." in bucket else self.style

    def region_of(self, groups: Mapping[str, str]) -> str | None:
        """The region that a host stands for, aliases resolved."""
        named = groups.get("region")
        return self.region_aliases.get(named, named) if named else self.default_region
