"""Notifications of the merchant's storage: new files are scanned a few seconds after their upload."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping

from attrs import define, field

import remote_artwork as ra
from print_desk.scans import Scans
from remote_artwork.notifications import (
    CephWebhook,
    EventGrid,
    HintQueue,
    MerchantLocation,
    MinioWebhook,
    Received,
    Router,
    SeaweedWebhook,
    Sender,
    receive,
)

_SENDERS: Mapping[str, Callable[[str], Sender]] = {
    "minio": MinioWebhook,
    "ceph": CephWebhook,
    "seaweedfs": SeaweedWebhook,
    "event-grid": EventGrid,
}
_BUSY = 0.5
"""Seconds to wait for the scan that is running."""


@define
class Uploads:
    """Receives notifications, and starts a scan of the orders that they name.

    Args:
        secret: The secret of the sender; empty: nobody can send notifications.
        scans: The scans of the desk.
        location: Returns the location of the merchant's current storage, or None.
    """

    secret: str = field(repr=False)
    scans: Scans
    location: Callable[[], ra.Location | None]
    _queue: HintQueue = field(factory=HintQueue, init=False)
    _stopping: threading.Event = field(factory=threading.Event, init=False)
    _added: threading.Event = field(factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def receive(self, sender: str, body: bytes, headers: Mapping[str, str]) -> Received | None:
        """Verify and queue one notification. None if there is no such sender, or no secret.

        Raises:
            ra.RemoteArtworkError: It is refused, or not valid.
        """
        if sender not in _SENDERS or not self.secret:
            return None
        received = receive(_SENDERS[sender](self.secret), body, headers)
        location = self.location()
        if location is not None:
            self._queue.add(Router([MerchantLocation(tenant="desk", location=location)]).route(received.objects))
            self._added.set()
        return received

    def start(self) -> None:
        """Start the thread that starts the scans."""
        self._thread = threading.Thread(target=self._run, name="uploads", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._added.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._added.wait(self._queue.seconds_until_due())
            self._added.clear()
            for numbers in self._queue.take().values():
                self._scan(numbers)

    def _scan(self, numbers: Collection[str]) -> None:
        while not self.scans.start(orders=numbers) and not self._stopping.wait(_BUSY):
            pass
