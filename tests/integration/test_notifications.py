"""Notifications of real senders: Ceph and SeaweedFS by HTTP, and a queue of SQS that moto fills."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest

import remote_artwork as ra
from notification_endpoint import Endpoint, aws_client, subscribe
from remote_artwork.notifications import (
    AwsMessages,
    CephWebhook,
    HintQueue,
    MerchantLocation,
    Router,
    SeaweedWebhook,
    receive,
)
from remote_artwork.testing import FakeShop
from seaweedfs_server import running_seaweedfs
from servers import PATIENCE
from shop_files import PDF

SECRET = "a-secret-of-tests-ü"
KEYS = ["in/1001_1.pdf", "in/a+b c%20d ü_1.pdf", "in/#1002_1.png", "in/üñí/Ж_1.jpg"]


def test_ceph_names_each_key_as_it_is(ceph_server):
    with Endpoint(CephWebhook(SECRET)) as endpoint:
        subscribe(ceph_server, "ceph-keys", endpoint.url, SECRET)
        for key in KEYS:
            ceph_server.put("ceph-keys", key)
        created = endpoint.wait_for(*KEYS)
    assert {(each.provider, each.bucket, each.key) for each in created} == {("s3", "ceph-keys", key) for key in KEYS}
    assert all(each.time is not None for each in created)


def test_seaweedfs_names_each_key_as_it_is(tmp_path):
    with (
        Endpoint(SeaweedWebhook("a-secret-of-tests")) as endpoint,
        running_seaweedfs(tmp_path, endpoint.url, "a-secret-of-tests") as server,
    ):
        server.create_bucket("prints")
        for key in KEYS:
            server.put("prints", key)
        endpoint.wait_for(*KEYS)
        server.put("prints", KEYS[0], b"replaced")
        endpoint.objects.clear()
        server.put("prints", "in/last_1.pdf")
        created = endpoint.wait_for("in/last_1.pdf")
    assert {each.bucket for each in created} == {"prints"}
    assert {each.key for each in created} <= {KEYS[0], "in/last_1.pdf"}
    assert 401 not in endpoint.statuses


def test_a_queue_of_sqs_has_form_encoded_keys(s3_server):
    s3_server.create_bucket("sqs-keys")
    sqs = aws_client("sqs", s3_server)
    queue = sqs.create_queue(QueueName="prints")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    aws_client("s3", s3_server).put_bucket_notification_configuration(
        Bucket="sqs-keys", NotificationConfiguration=configuration
    )
    for key in KEYS:
        s3_server.put("sqs-keys", key)
    messages = []
    while len(messages) < len(KEYS) + 1:  # with one that only tests the queue
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        assert found, "the queue has fewer messages than expected"
        messages += found
        for each in found:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
    created = [each for message in messages for each in receive(AwsMessages(), message["Body"]).objects]
    assert sorted((each.provider, each.bucket, each.key) for each in created) == sorted(
        ("aws", "sqs-keys", key) for key in KEYS
    )


class Consumer:
    """Scans the orders that notifications name, in a thread of its own, as a service does."""

    def __init__(self, router, scanners):
        self.router = router
        self.scanners = scanners
        self.queue = HintQueue(wait=timedelta(seconds=0.1))
        self.scans = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(PATIENCE)

    def _run(self):
        while not self._stop.wait(self.queue.seconds_until_due() or 0.05):
            for tenant, numbers in self.queue.take().items():
                self.scans.append((numbers, self.scanners[tenant].scan(orders=numbers)))


class FindingShop(FakeShop):
    """Finds orders by number, and counts the calls."""

    asked = 0

    def find_orders(self, numbers):
        self.asked += 1
        return [order for order in self.orders.values() if order.number in numbers]


def test_an_upload_to_ceph_is_fulfilled_once_however_its_notifications_come(ceph_server, local_network):
    shop = FindingShop([ra.Order(str(number), [ra.OrderItem("1")]) for number in range(1001, 1005)])
    with Endpoint(CephWebhook(SECRET)) as endpoint:
        subscribe(ceph_server, "ceph-scans", endpoint.url, SECRET)
        storage = ra.open_storage(
            ceph_server.url("ceph-scans", "in").replace("minio", "s3"),
            credentials=ceph_server.keys,
            network=local_network,
        )
        scanner = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), tenant="acme")
        router = Router([MerchantLocation(tenant="acme", location=ra.Location.parse(storage.location))])
        with Consumer(router, {"acme": scanner}) as consumer:

            def fulfilled():
                return Counter(call.order_id for call in list(shop.journal) if call.name == "fulfill" and call.effect)

            def deliver(body, status=200):
                assert endpoint.post(body, {}) == status
                consumer.queue.add(router.route(endpoint.objects))
                endpoint.objects.clear()

            for number in (1001, 1002, 1003):
                ceph_server.put("ceph-scans", f"in/{number}_1.pdf", PDF)
            endpoint.wait_for(*(f"in/{number}_1.pdf" for number in (1001, 1002, 1003)))
            first, second, third = list(endpoint.bodies)
            endpoint.objects.clear()

            deliver(second)  # out of order
            wait_until(lambda: fulfilled() == {"1002": 1}, shop)
            deliver(first)
            deliver(first)  # twice
            wait_until(lambda: fulfilled() == {"1001": 1, "1002": 1}, shop)
            deliver(first)  # late
            deliver(third.replace(SECRET.encode(), b"another secret"), 401)  # forged
            deliver(third.replace(b'"name":"ceph-scans"', b'"name":"elsewhere"'))  # a foreign bucket
            deliver(third[:-1], 400)
            wait_until(lambda: len(consumer.scans) >= 3, consumer.scans)
            assert not any("1003" in numbers for numbers, _ in consumer.scans)
        # Each hint cost one call. Once its order was done, it cost no request of the storage.
        assert (shop.asked, shop.calls("pending_orders")) == (len(consumer.scans), [])
        done = [report for _, report in consumer.scans if not report.items]
        assert done
        assert {count for report in done for count in report.requests.values()} == {0}
        scanner.scan()  # the hourly scan finds the file whose notification was lost
    assert fulfilled() == {"1001": 1, "1002": 1, "1003": 1}


def wait_until(holds, shown):
    waiting = threading.Event()
    for _ in range(int(PATIENCE / 0.05)):
        if holds():
            return
        waiting.wait(0.05)
    pytest.fail(f"it did not happen: {shown}")
