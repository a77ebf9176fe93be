"""Notifications of each sender, as its documentation or a real server shows them. The official parsers are oracles."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from attrs import evolve

from remote_artwork.errors import ConfigurationError, InvalidNotification, NotificationRefused
from remote_artwork.notifications import (
    AwsMessages,
    CephWebhook,
    EventBridge,
    EventGrid,
    MinioWebhook,
    PubSubPull,
    SeaweedWebhook,
    receive,
)
from remote_artwork.notifications.receiving import MAX_BYTES

KEY = "in/a+b c%20d ü_1.pdf"
FORM_ENCODED = "in/a%2Bb+c%2520d+%C3%BC_1.pdf"
SECRET = "a-secret-of-tests"


def record(key, event="ObjectCreated:Put", **more):
    stored = {"bucket": {"name": "prints"}, "object": {"key": key, "size": 1, "eTag": "e"}}
    return {"eventSource": "aws:s3", "eventName": event, "eventTime": "2026-11-28T10:00:00.000Z", "s3": stored, **more}


def s3(key=FORM_ENCODED, event="ObjectCreated:Put", **more):
    return {"Records": [record(key, event, **more)]}


def event_bridge(key=KEY, kind="Object Created"):
    detail = {"bucket": {"name": "prints"}, "object": {"key": key, "size": 1}, "reason": "PutObject"}
    return {"source": "aws.s3", "detail-type": kind, "time": "2026-11-28T10:00:00Z", "detail": detail}


def pub_sub(event="OBJECT_FINALIZE"):
    attributes = {"bucketId": "prints", "objectId": KEY, "eventType": event, "eventTime": "2026-11-28T10:00:00.000Z"}
    return {"message": {"attributes": attributes, "data": "e30=", "messageId": "1"}, "subscription": "s"}


TOPIC = "/subscriptions/1/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acme"
SUBJECT = f"/blobServices/default/containers/prints/blobs/{KEY}"
URL = "https://acme.blob.core.windows.net/prints/in/a%2Bb%20c%2520d%20%C3%BC_1.pdf"


def event_grid(kind="Microsoft.Storage.BlobCreated"):
    data = {"api": "PutBlob", "contentType": "application/pdf", "contentLength": 1, "blobType": "BlockBlob", "url": URL}
    event = {"topic": TOPIC, "subject": SUBJECT, "eventType": kind, "eventTime": "2026-11-28T10:00:00Z", "id": "1"}
    return [{**event, "data": data, "dataVersion": "", "metadataVersion": "1"}]


def cloud_event(kind="Microsoft.Storage.BlobCreated"):
    event = {"specversion": "1.0", "type": kind, "source": TOPIC, "subject": SUBJECT, "id": "1"}
    return {**event, "time": "2026-11-28T10:00:00Z", "data": {"api": "PutBlob", "url": URL}}


def seaweed(event="create", **entry):
    attributes = {"attributes": {"mtime": 1795860000, "file_size": 1}}
    message = {
        "new_entry": {"name": KEY.removeprefix("in/"), **attributes, **entry},
        "new_parent_path": "/buckets/prints/in",
    }
    return {"key": f"/buckets/prints/{KEY}", "event_type": event, "message": message}


TO_LAMBDA = {"sqs": {"eventSource": "aws:sqs", "body": json.dumps(s3())}, "sns": {"Sns": {"Message": json.dumps(s3())}}}
MINIO = {"EventName": "s3:ObjectCreated:Put", **s3("in%2Fa%2Bb+c%2520d+%C3%BC_1.pdf", "s3:ObjectCreated:Put")}
BEARER = {"Authorization": f"Bearer {SECRET}"}
IN_HEADER = {"X-Webhook-Secret": SECRET}
FORMS = {
    "S3 to SQS": (AwsMessages(), s3(), {}),
    "S3 to SNS to SQS": (AwsMessages(), {"Type": "Notification", "Message": json.dumps(s3())}, {}),
    "S3 to EventBridge to SQS": (AwsMessages(), event_bridge(), {}),
    "SQS to Lambda": (AwsMessages(), {"Records": [TO_LAMBDA["sqs"]]}, {}),
    "SNS to Lambda": (AwsMessages(), {"Records": [TO_LAMBDA["sns"]]}, {}),
    "EventBridge": (EventBridge(SECRET), event_bridge(), {"X-Api-Key": SECRET}),
    "MinIO": (MinioWebhook(SECRET), MINIO, BEARER),
    "Ceph": (CephWebhook(SECRET), s3(KEY, opaqueData=SECRET), {}),
    "SeaweedFS": (SeaweedWebhook(SECRET), seaweed(), BEARER),
    "Pub/Sub, pulled": (PubSubPull(), pub_sub()["message"], {}),
    "Pub/Sub, pulled by REST": (PubSubPull(), {"receivedMessages": [{"ackId": "a", **pub_sub()}]}, {}),
    "Event Grid": (EventGrid(SECRET), event_grid(), IN_HEADER),
    "Event Grid, CloudEvents": (EventGrid(SECRET), cloud_event(), IN_HEADER),
    "Event Grid, a batch of CloudEvents": (EventGrid(SECRET), [cloud_event()], IN_HEADER),
}
NOT_CREATED = {
    "S3": (AwsMessages(), s3(event="ObjectRemoved:Delete"), {}),
    "S3, a test": (AwsMessages(), {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "prints"}, {}),
    "EventBridge": (AwsMessages(), event_bridge(kind="Object Deleted"), {}),
    "EventBridge, another service": (AwsMessages(), {**event_bridge(), "source": "aws.ec2"}, {}),
    "MinIO": (MinioWebhook(SECRET), s3(event="s3:ObjectAccessed:Get"), BEARER),
    "Ceph": (CephWebhook(SECRET), s3(event="ObjectRemoved:Delete", opaqueData=SECRET), {}),
    "SeaweedFS, deleted": (SeaweedWebhook(SECRET), {"event_type": "delete", "message": {"old_entry": {}}}, BEARER),
    "SeaweedFS, a folder": (SeaweedWebhook(SECRET), seaweed(is_directory=True), BEARER),
    "Pub/Sub": (PubSubPull(), pub_sub("OBJECT_DELETE"), {}),
    "Event Grid": (EventGrid(SECRET), event_grid("Microsoft.Storage.BlobDeleted"), IN_HEADER),
}
AUTHENTICATED = {name: form for name, form in FORMS.items() if form[2]} | {"Ceph": FORMS["Ceph"]}


@pytest.mark.parametrize(("sender", "body", "headers"), FORMS.values(), ids=FORMS)
def test_each_form_names_the_same_object(sender, body, headers):
    [created] = receive(sender, body, headers).objects
    assert (created.bucket, created.key) == ("prints", KEY)
    assert created.time is not None
    assert created.account == ("acme" if isinstance(sender, EventGrid) else "")


@pytest.mark.parametrize(("sender", "body", "headers"), NOT_CREATED.values(), ids=NOT_CREATED)
def test_other_events_report_no_object(sender, body, headers):
    assert receive(sender, body, headers).objects == ()


@pytest.mark.parametrize(("sender", "body", "headers"), FORMS.values(), ids=FORMS)
def test_bytes_and_text_are_read_as_parsed_json_is(sender, body, headers):
    written = json.dumps(body)
    expected = receive(sender, body, headers)
    assert receive(sender, written, headers) == receive(sender, written.encode(), headers) == expected


@pytest.mark.parametrize(("sender", "body", "headers"), AUTHENTICATED.values(), ids=AUTHENTICATED)
@pytest.mark.parametrize("secret", ["another-secret", "ä-secret-of-tests", "", None])
def test_a_forged_notification_is_refused(sender, body, headers, secret):
    forged = {name: value.replace(SECRET, secret) for name, value in headers.items() if secret is not None}
    content = body
    if isinstance(sender, CephWebhook):
        content = {"Records": [{**each, "opaqueData": secret} for each in body["Records"]]}
    with pytest.raises((NotificationRefused, InvalidNotification)):
        receive(sender, content, forged)


def test_each_record_of_ceph_needs_the_secret():
    both = {"Records": [record(KEY, opaqueData=SECRET), record(KEY)]}
    with pytest.raises(NotificationRefused, match="opaqueData"):
        receive(CephWebhook(SECRET), both)


@pytest.mark.parametrize(("sender", "headers"), [(sender, headers) for sender, _, headers in FORMS.values()], ids=FORMS)
@pytest.mark.parametrize(
    "body",
    [
        *[b"", b"{", b"null", b"7", b'"text"', b"{}", b"[]", b"[1]", b"[" * 100_000, b"\xff\xfe"],
        *[b'{"Records": 1}', b'{"Records": [1]}', b'{"message": 1}', b'{"event_type": "create"}'],
        b'{"Records": [{"opaqueData": "a-secret-of-tests"}]}',
    ],
)
def test_another_format_is_invalid_and_never_another_error(sender, headers, body):
    with suppress(InvalidNotification):
        assert receive(sender, body, headers).objects == ()


@pytest.mark.parametrize("time", ["yesterday", "2026-11-28T10:00:00", 7, None])
def test_a_time_that_cannot_be_read_is_left_out(time):
    [created] = receive(AwsMessages(), {"Records": [{**record(FORM_ENCODED), "eventTime": time}]}).objects
    assert (created.key, created.time) == (KEY, None)


@pytest.mark.parametrize("broken", [7, None, ["k"], {"a": "b"}])
def test_a_key_that_is_no_text_is_invalid(broken):
    for sender, body in ((AwsMessages(), s3(broken)), (AwsMessages(), event_bridge(broken))):
        with pytest.raises(InvalidNotification):
            receive(sender, body)


def test_a_blob_outside_of_a_container_or_account_is_invalid():
    [event] = event_grid()
    for change in ({"subject": "/somewhere/else"}, {"subject": SUBJECT[:40]}, {"topic": "/subscriptions/1"}):
        with pytest.raises(InvalidNotification):
            receive(EventGrid(SECRET), [{**event, **change}], IN_HEADER)


@pytest.mark.parametrize("seconds", [10**30, 10**17, -(10**17), "yesterday", None])
def test_a_time_of_seaweedfs_in_no_year_is_left_out(seconds):
    [created] = receive(SeaweedWebhook(SECRET), seaweed(attributes={"mtime": seconds}), BEARER).objects
    assert created.time is None


LONG = "x" * 500_000


@pytest.mark.parametrize(
    ("sender", "body"),
    [
        (MinioWebhook(SECRET), {"Records": [{"eventName": [LONG]}]}),
        (AwsMessages(), {"Records": [{"eventName": [LONG]}]}),
        (EventGrid(SECRET), {**cloud_event(), "subject": LONG}),
        (EventGrid(SECRET), {**cloud_event(), "source": LONG}),
    ],
)
def test_messages_repeat_only_the_beginning_of_a_notification(sender, body):
    with pytest.raises(InvalidNotification) as caught:
        receive(sender, body, {**BEARER, **IN_HEADER})
    assert len(str(caught.value)) < 1000
    assert len(str(caught.value.__cause__)) < 1000


def test_size_and_count_are_bounded():
    with pytest.raises(InvalidNotification, match="bytes"):
        receive(AwsMessages(), b" " * (MAX_BYTES + 1))
    short = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}
    with pytest.raises(InvalidNotification, match="objects"):
        receive(AwsMessages(), {"Records": [short] * 10_001})


def test_event_grid_handshakes():
    validation = {"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "512d"}}
    received = receive(EventGrid(SECRET), [validation], IN_HEADER)
    assert (received.objects, received.response) == ((), {"validationResponse": "512d"})
    with pytest.raises(NotificationRefused):
        receive(EventGrid(SECRET), [validation])
    answer = EventGrid.answer_options({"WebHook-Request-Origin": "eventgrid.azure.net"})
    assert answer["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert EventGrid.answer_options({"WebHook-Request-Origin": "elsewhere.example"}) == {}


def test_seaweedfs_names_the_new_path_of_a_renamed_file_and_no_parts_of_uploads():
    moved = seaweed("rename")
    moved["key"] = "/buckets/prints/old/name.pdf"
    [created] = receive(SeaweedWebhook(SECRET), moved, BEARER).objects
    assert created.key == KEY
    for folder in ("/buckets/prints/.uploads/1", "/elsewhere", "/buckets"):
        part = seaweed()
        part["message"]["new_parent_path"] = folder
        assert receive(SeaweedWebhook(SECRET), part, BEARER).objects == ()


def test_secrets_are_not_printed_and_not_short():
    for sender in (
        MinioWebhook(SECRET),
        CephWebhook(SECRET),
        SeaweedWebhook(SECRET),
        EventGrid(SECRET),
        EventBridge(SECRET),
    ):
        assert SECRET not in repr(sender)
        with pytest.raises(ConfigurationError, match="8 characters"):
            evolve(sender, secret="short")


# --- The official parsers read the same ---


def test_aws_powertools_reads_the_same_key():
    """Its class for EventBridge decodes the key, which Amazon does not encode there: ``+`` becomes a space."""
    from aws_lambda_powertools.utilities.data_classes import S3Event, S3EventBridgeNotificationEvent

    assert S3Event(s3()).object_key == KEY
    read = S3EventBridgeNotificationEvent(event_bridge("in/1001_1.pdf")).detail
    assert (read.bucket.name, read.object.key) == ("prints", "in/1001_1.pdf")


def test_azure_eventgrid_and_cloudevents_read_the_same_subject():
    from azure.eventgrid import EventGridEvent
    from cloudevents.v1.conversion import to_dict
    from cloudevents.v1.http import from_http

    assert EventGridEvent.from_dict(event_grid()[0]).subject == SUBJECT
    headers = {"content-type": "application/cloudevents+json"}
    assert to_dict(from_http(headers, json.dumps(cloud_event())))["subject"] == SUBJECT
