"""``Workers``: how many jobs run at once, and what happens when one leaves its slot."""

import threading
from itertools import chain, repeat

import pytest

from remote_artwork.fulfillment.workers import Workers
from remote_artwork.runtime import THREADS

PATIENCE = 60.0
"""Seconds that a test waits for another thread at most."""


class Jobs:
    """Jobs 0, 1, 2, … for two slots. Each leaves its slot. The first four then wait until all four run."""

    def __init__(self, count):
        self._waiting, self._lock = chain(range(count), repeat(None)), threading.Lock()
        self.taken, self.taken_by_four, self.done = 0, 0, []
        self.four = threading.Barrier(4, action=self.remember)
        self.workers = Workers(THREADS, 2)

    def remember(self):
        self.taken_by_four = self.taken_by_four or self.taken

    def take(self):
        with self._lock:
            job = next(self._waiting)
            self.taken += job is not None
            return job

    def process(self, job, leave_slot):
        leave_slot()
        if job < 4:
            self.four.wait(PATIENCE)
        return job

    def run(self):
        self.workers.run(self.take, self.process, lambda job, _result: self.done.append(job))
        return self


def test_the_next_job_starts_beside_one_that_left_its_slot():
    assert sorted(Jobs(4).run().done) == [0, 1, 2, 3]


def test_as_many_jobs_as_there_are_slots_may_be_without_one():
    assert Jobs(8).run().taken_by_four == 4


def test_a_single_worker_has_one_job_at_a_time():
    jobs = Jobs(3)
    jobs.workers = Workers(THREADS, 1)
    jobs.process = lambda job, leave_slot: leave_slot() or job
    assert jobs.run().done == [0, 1, 2]


def test_the_error_of_a_job_that_left_its_slot_ends_the_run():
    class Failing(Jobs):
        def process(self, job, leave_slot):
            super().process(job, leave_slot)
            raise ValueError(job)

    with pytest.raises(ValueError):
        Failing(4).run()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("remote-artwork-order")]
