"""Notifications of storages: which files were just created, and which orders may wait for them.

    from remote_artwork.notifications import MinioWebhook, Router, receive

    received = receive(MinioWebhook(secret), body, headers)
    for tenant, numbers in router.route(received.objects).items():
        scanner_of(tenant).scan(orders=numbers)

A notification is a hint and never a fact: it can be late, repeated, or lost. The scan looks into the storage itself, so
run a scan every hour, too.
"""

from remote_artwork.errors import InvalidNotification, NotificationError, NotificationRefused
from remote_artwork.notifications.azure import EventGrid
from remote_artwork.notifications.google import PubSubPull, PubSubPush
from remote_artwork.notifications.receiving import CreatedObject, Received, Sender, receive
from remote_artwork.notifications.routing import HintQueue, MerchantLocation, Router, route
from remote_artwork.notifications.s3_events import AwsMessages, CephWebhook, EventBridge, MinioWebhook
from remote_artwork.notifications.seaweedfs import SeaweedWebhook
from remote_artwork.notifications.sns import SnsWebhook

__all__ = [
    "AwsMessages",
    "CephWebhook",
    "CreatedObject",
    "EventBridge",
    "EventGrid",
    "HintQueue",
    "InvalidNotification",
    "MerchantLocation",
    "MinioWebhook",
    "NotificationError",
    "NotificationRefused",
    "PubSubPull",
    "PubSubPush",
    "Received",
    "Router",
    "SeaweedWebhook",
    "Sender",
    "SnsWebhook",
    "receive",
    "route",
]
