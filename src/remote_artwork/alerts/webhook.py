"""``Webhook``: sends a digest to Slack, or to a server that accepts the same JSON, such as Mattermost."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from remote_artwork.core.alerts import Digest
from remote_artwork.core.cures import ALLOW_PRIVATE
from remote_artwork.core.text import escape_unprintable
from remote_artwork.errors import AlertNotDelivered, ConfigurationError, MissingExtra
from remote_artwork.http import AddressRefused, NetworkPolicy, RequestFailed, encode_url, request, request_errors
from remote_artwork.reporting.digest import digest_sections, others_open

MAX_LISTED = 10
"""Problems in a section. Slack cuts a long message off."""

MAX_SECONDS = 60.0
"""How long a request may take, whatever the network policy says. Another worker may send the message later."""

_READ = 1024
"""Bytes of the answer that are read."""

_GONE = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


@frozen
class Webhook:
    """A ``Notifier`` for incoming webhooks of Slack, and of servers that accept the same JSON.

    Needs the extra ``alerts``. Everyone who knows the URL can write to your channel, so no message, log or ``repr``
    contains it. A message is sent once; if that fails, the next scan sends it.

    Args:
        url: The URL of the webhook.
        network: Which addresses may be contacted, and the timeouts. A request takes at most a minute.

    Raises:
        ConfigurationError: It is not an https URL, and ``network`` does not allow http.
        MissingExtra: aiohttp is not installed.
    """

    url: str = field(repr=False)
    network: NetworkPolicy = field(factory=NetworkPolicy, kw_only=True)

    def __attrs_post_init__(self) -> None:
        schemes = ("https://", "http://") if self.network.allow_http else ("https://",)
        try:
            url = encode_url(self.url)
            usable = url.startswith(schemes) and bool(urlsplit(url).hostname)
        except ImportError:
            raise MissingExtra("Webhook needs aiohttp: pip install 'remote_artwork[alerts]'") from None
        except (TypeError, ValueError):
            usable = False
        if not usable:
            raise ConfigurationError(
                f"the URL of the webhook must begin with {' or '.join(schemes)} and a host; copy it again"
            )

    def send(self, digest: Digest) -> None:
        """Send the digest as one message.

        Raises:
            AlertNotDelivered: The server did not accept it, or could not be reached.
        """
        body = json.dumps(slack_message(digest)).encode()
        headers = {"Content-Type": "application/json"}
        network = evolve(self.network, call_timeout=min(self.network.call_timeout, MAX_SECONDS))
        try:
            with request_errors():
                answer = request("POST", encode_url(self.url), network, headers=headers, body=body, first_bytes=_READ)
        except RequestFailed as error:
            raise AlertNotDelivered(f"the webhook could not be reached: {_why(error)}") from None
        if answer.status in _GONE:
            raise AlertNotDelivered(
                f"the webhook does not exist any more (HTTP {answer.status}); create another one, and replace its URL"
            )
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise AlertNotDelivered(f"the webhook did not accept the message (HTTP {answer.status})")


def _why(error: RequestFailed) -> str:
    if isinstance(getattr(error.__cause__, "os_error", None), AddressRefused):
        return f"its server has a private network address; an operator can allow it: {ALLOW_PRIVATE}"
    return str(error)


def slack_message(digest: Digest) -> dict[str, Any]:
    """The JSON of a message. Names of orders and files cannot mention people or hide a link behind other words."""
    lines = [f"*{_escaped(digest.title)}*", _escaped(escape_unprintable(digest.location))]
    for section in digest_sections(digest, most=MAX_LISTED):
        lines += ["", f"*{section.heading}*", *(f"• {_escaped(str(line))}" for line in section.lines)]
        lines += [f"• {section.omitted}"] if section.omitted else []
    if others := others_open(digest):
        lines += ["", others]
    text = "\n".join(lines).encode("utf-8", "backslashreplace").decode()
    return {"text": text, "unfurl_links": False, "unfurl_media": False}


def _escaped(text: str) -> str:
    """The text without control sequences of Slack, and without mentions and links of Markdown.

    Servers of other vendors read ``@`` and ``](`` in plain text, so a space of no width is put into both.
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("@", "@\u200b").replace("](", "]\u200b(")
