"""Where a URL leads, in its parts, as the readers of URLs found them. Nothing is checked: ``Location`` does that."""

from __future__ import annotations

from attrs import frozen

from remote_artwork.storage.provider_row import Style


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
