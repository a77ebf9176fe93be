"""The time that the requests about the files of one scan may take, all together."""

import threading

import pytest

from remote_artwork.retry import share_budget
from remote_artwork.storage import request_time
from remote_artwork.storage.request_time import (
    FilesTimeout,
    RequestTime,
    limit_time_of_order,
    limit_time_of_scan,
    measure_request,
)


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr(request_time, "monotonic", lambda: Clock.now)
    return Clock


def request(clock, seconds):
    with measure_request():
        clock.now += seconds


def test_requests_are_refused_once_the_time_of_the_scan_has_passed(clock):
    with limit_time_of_scan(10.0):
        request(clock, 6.0)
        request(clock, 6.0)
        with pytest.raises(FilesTimeout, match="files_timeout"):
            request(clock, 1.0)
    request(clock, 1.0)  # outside a scan there is no limit


def test_time_between_requests_does_not_count(clock):
    with limit_time_of_scan(10.0):
        request(clock, 6.0)
        clock.now += 3600.0
        request(clock, 1.0)


def test_requests_at_the_same_time_count_once(clock):
    time = RequestTime(10.0)
    for _ in range(4):
        time.start()
    clock.now += 3.0
    assert time.remaining == 7.0
    for _ in range(4):
        time.end()
    clock.now += 3.0
    assert time.remaining == 7.0


def test_an_order_may_use_half_of_what_is_left(clock):
    with limit_time_of_scan(10.0):
        with limit_time_of_order():
            request(clock, 5.0)
            with pytest.raises(FilesTimeout):
                request(clock, 1.0)
        with limit_time_of_order():
            request(clock, 2.5)
            with pytest.raises(FilesTimeout):
                request(clock, 1.0)


def test_the_threads_of_a_scan_share_its_time(clock):
    errors = []

    def work():
        try:
            request(clock, 1.0)
        except FilesTimeout as error:
            errors.append(error)

    with limit_time_of_scan(10.0):
        request(clock, 10.0)
        thread = threading.Thread(target=share_budget(work))
        thread.start()
        thread.join(60)
    assert len(errors) == 1
