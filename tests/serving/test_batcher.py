"""The queue: what comes together is answered together, nothing is lost, parted or mixed up."""

import threading
from concurrent.futures import CancelledError

import pytest
from served import wait_until

from dougong.serving.batcher import Batcher, ClosedError, FullError


class Numbers:
    """Answers n with 10 n, and keeps the batches; held up until `go`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()

    def __call__(self, records):
        self.batches.append(list(records))
        assert self.go.wait(30)
        if -1 in records:
            raise ValueError("minus one")
        if -2 in records:
            raise SystemExit(1)
        return [] if -3 in records else [10 * number for number in records]


@pytest.fixture
def numbers():
    return Numbers()


@pytest.fixture
def batcher(numbers):
    """A queue whose model is at work on [0], so that what follows waits."""
    made = Batcher(numbers, max_batch=4, max_wait=60, max_queue=6)
    made.first = made.submit([0, 0, 0, 0])  # a full batch: it does not wait
    wait_until(lambda: numbers.batches)
    numbers.batches.clear()
    yield made
    numbers.go.set()
    assert made.close(30)


def test_requests_that_come_together_are_answered_together_each_with_its_own(batcher, numbers):
    one, two, three = batcher.submit([1]), batcher.submit([2, 3]), batcher.submit([4])
    numbers.go.set()
    assert (one.result(30), two.result(30), three.result(30)) == ([10], [20, 30], [40])
    assert numbers.batches == [[1, 2, 3, 4]]


def test_a_request_is_never_parted(batcher, numbers):
    asked = [batcher.submit([1, 2, 3]), batcher.submit([4, 5, 6])]
    numbers.go.set()
    batcher.close(0)  # what waits is then answered without waiting for more
    assert [future.result(30) for future in asked] == [[10, 20, 30], [40, 50, 60]]
    assert numbers.batches == [[1, 2, 3], [4, 5, 6]]


def test_a_request_larger_than_a_batch_is_a_batch(batcher, numbers):
    asked = batcher.submit([1, 2, 3, 4, 5, 6])
    numbers.go.set()
    assert asked.result(30) == [10, 20, 30, 40, 50, 60]
    assert numbers.batches == [[1, 2, 3, 4, 5, 6]]


def test_a_lone_request_is_answered_when_it_has_waited():
    numbers = Numbers()
    numbers.go.set()
    batcher = Batcher(numbers, max_batch=4, max_wait=0.01, max_queue=6)
    assert batcher.submit([1]).result(30) == [10]
    assert batcher.close(30)


def test_a_queue_that_is_full_says_so_and_takes_more_once_there_is_room(batcher, numbers):
    held = [batcher.submit([number]) for number in range(1, 7)]
    with pytest.raises(FullError):
        batcher.submit([7])
    assert held[0].cancel()
    assert batcher.waiting == 5
    held[0] = batcher.submit([7])
    numbers.go.set()
    batcher.close(0)
    assert [future.result(30) for future in held] == [[70], *([10 * number] for number in range(2, 7))]


def test_what_is_cancelled_while_it_waits_is_not_computed(batcher, numbers):
    one, two = batcher.submit([1]), batcher.submit([2])
    assert one.cancel()
    numbers.go.set()
    batcher.close(0)
    assert two.result(30) == [20]
    with pytest.raises(CancelledError):
        one.result(0)
    assert numbers.batches == [[2]]


@pytest.mark.parametrize(("bad", "error"), [(-1, ValueError), (-2, SystemExit), (-3, RuntimeError)])
def test_one_that_fails_does_not_spoil_the_others_nor_end_the_thread(batcher, numbers, bad, error):
    one, two, three = batcher.submit([1]), batcher.submit([bad]), batcher.submit([3])
    numbers.go.set()
    batcher.submit([4])
    assert (one.result(30), three.result(30)) == ([10], [30])
    with pytest.raises(error):
        two.result(30)


def test_what_waits_at_the_end_is_answered_and_no_more_is_taken(batcher, numbers):
    waiting = batcher.submit([1])
    assert not batcher.close(0)
    with pytest.raises(ClosedError):
        batcher.submit([2])
    numbers.go.set()
    assert batcher.close(30)
    assert (batcher.first.result(0), waiting.result(0)) == ([0, 0, 0, 0], [10])


def test_many_threads_lose_nothing_and_get_their_own():
    batcher = Batcher(lambda records: [10 * number for number in records], max_batch=7, max_wait=0.001, max_queue=1000)
    found = {}

    def ask(first):
        for number in range(first, first + 50):
            found[number] = batcher.submit([number, -number]).result(30)

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(0, 1000, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [10 * number, -10 * number] for number in range(1000)}
    assert batcher.answered == 2000
    assert batcher.waiting == 0
    assert batcher.close(30)
