"""What is answered and what is refused, over real connections."""

import asyncio
import json
import signal
import socket
import threading
from contextlib import suppress

import pytest
from served import run_client, wait_until

from dougong.serving.server import Stop

httpx = pytest.importorskip("httpx", reason="httpx, the client of these tests, is not installed")

BAD_RECORDS = [
    # body, key, how the error begins
    ({"txt": "a"}, "text", "the record: `text` is missing. Did you mean `txt`? Given: txt."),
    ({"text": 3}, "text", "the record: `text` is not a text."),
    ({"text": None}, "text", "the record: `text` is not a text."),
    ([{"text": "a"}, {"text": ["a"]}], "[1].text", "[1]: `text` is not a text."),
    (["a", "b", {}], "[2].text", "[2]: `text` is missing."),
    (["a", 7], "[1]", "[1]: not an object with text, label."),
    ([["a"]], "[0]", "[0]: not an object with text, label."),
    (7, "", "the record: not an object with text, label."),
    (None, "", "the record: not an object with text, label."),
]
BAD_BODIES = [
    (b"", "not JSON (Expecting value at line 1, column 1)."),
    (b'{"text": ', "not JSON (Expecting value at line 1, column 10)."),
    (b'{"text": "\xff"}', "not UTF-8 at byte 11."),
    (b"[" * 100_000, "not JSON that can be read (nested too deep)."),
    (b"9" * 5_000, "not JSON that can be read (a number of too many digits)."),
]
JSON = {"Content-Type": "application/json"}


def ask(served, given, **options) -> httpx.Response:
    return httpx.post(f"{served.url}/predict", json=given, timeout=30, **options)


def in_background(call, *arguments):
    """A call in a thread; what it returns is in the list."""
    found = []
    thread = threading.Thread(target=lambda: found.append(call(*arguments)), daemon=True)
    thread.start()
    return thread, found


def test_a_record_gets_an_answer_and_a_list_gets_a_list(serve):
    served = serve()
    assert ask(served, {"text": "好吃", "label": "ignored"}).json() == {"text": "好吃", "length": 2}
    assert ask(served, "好吃").json() == {"text": "好吃", "length": 2}
    assert ask(served, ["a", {"text": ""}]).json() == [{"text": "a", "length": 1}, {"text": "", "length": 0}]
    assert ask(served, []).json() == []
    assert "好吃".encode() in ask(served, "好吃").content


@pytest.mark.parametrize(("given", "key", "reason"), BAD_RECORDS)
def test_a_bad_record_is_named_by_its_key(serve, given, key, reason):
    served = serve()
    answer = httpx.post(f"{served.url}/predict", content=json.dumps(given), headers=JSON)
    assert (answer.status_code, answer.json()["key"]) == (422, key)
    assert answer.json()["error"].startswith(reason)
    assert served.model.batches == []


def test_half_of_a_pair_of_surrogates_is_no_text(serve):
    answer = httpx.post(f"{serve().url}/predict", content=b'{"text": "\\ud800"}', headers=JSON)
    assert (answer.status_code, answer.json()["key"]) == (422, "text")


@pytest.mark.parametrize(("body", "reason"), BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_what_is_not_json_is_refused(serve, body, reason):
    answer = httpx.post(f"{serve().url}/predict", content=body, headers=JSON)
    assert (answer.status_code, answer.json()) == (400, {"error": reason})


def test_a_body_of_another_type_is_refused(serve):
    url = f"{serve().url}/predict"
    assert httpx.post(url, content=b'"a"').status_code == 415
    assert httpx.post(url, content=b'"a"', headers={"Content-Type": "text/plain"}).status_code == 415
    assert httpx.post(url, data={"text": "a"}).status_code == 415
    assert httpx.post(url, content=b'"a"', headers={**JSON, "Content-Encoding": "gzip"}).status_code == 415
    assert httpx.post(url, content=b'"a"', headers={"Content-Type": "Application/JSON; charset=utf-8"}).json()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused_and_the_next_one_taken(serve, chunked):
    served = serve(max_bytes=100)
    large = json.dumps("a" * 3_000_000).encode()
    pieces = [large[begin : begin + 65_536] for begin in range(0, len(large), 65_536)]
    with httpx.Client(base_url=served.url) as client:
        answer = client.post("/predict", content=iter(pieces) if chunked else large, headers=JSON)
        assert (answer.status_code, answer.json()["error"]) == (413, "the body is larger than 100 bytes (max_bytes).")
        assert client.post("/predict", content=json.dumps("a" * 98).encode(), headers=JSON).json()["length"] == 98


def test_more_records_than_the_queue_ever_holds_are_refused_as_too_many(serve):
    answer = ask(serve(max_queue=3), ["a"] * 4)
    assert (answer.status_code, answer.json()["error"]) == (413, "4 records are more than the 3 of max_queue.")


def test_when_the_queue_is_full_one_is_told_so_and_what_was_taken_is_answered(serve):
    served = serve(max_queue=2, max_batch=1)
    served.model.go.clear()
    taken = [in_background(ask, served, "first")]
    assert served.model.at_work.wait(30)
    taken += [in_background(ask, served, "second"), in_background(ask, served, "third")]
    wait_until(lambda: served.service.batcher.waiting == 2)
    refused = ask(served, "fourth")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert refused.json() == {"error": "the queue of 2 records (max_queue) is full."}
    served.model.go.set()
    for thread, found in taken:
        thread.join(30)
        assert found[0].status_code == 200
    assert ask(served, "fifth").status_code == 200


def test_what_takes_too_long_is_told_so_and_what_waited_is_not_computed(serve):
    served = serve(timeout_seconds=0.2, max_batch=1)
    served.model.go.clear()
    slow = in_background(ask, served, "slow")
    assert served.model.at_work.wait(30)
    late = ask(served, "late")
    assert (late.status_code, late.json()["error"]) == (504, "not answered within 0.2 s (timeout_seconds).")
    slow[0].join(30)
    assert slow[1][0].status_code == 504
    health = httpx.get(f"{served.url}/health")
    assert (health.status_code, health.json()["status"]) == (503, "stuck")
    served.model.go.set()
    wait_until(lambda: httpx.get(f"{served.url}/health").json()["status"] == "ready")
    assert ask(served, "next").json()["length"] == 4
    assert served.model.batches == [["slow"], ["next"]]


def test_a_body_that_does_not_arrive_is_not_waited_for(serve):
    served = serve(timeout_seconds=0.2)
    with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=30) as client:
        head = (
            "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        )
        client.sendall(f'{head}"a'.encode())
        answer = b""
        while piece := client.recv(4096):  # until the server closes the connection
            answer += piece
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert answer.endswith(b'{"error": "the body did not arrive within 0.2 s."}')


def test_a_client_that_leaves_is_not_computed_for(serve):
    served = serve(max_batch=1)
    served.model.go.clear()
    first = in_background(ask, served, "first")
    assert served.model.at_work.wait(30)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{served.url}/predict", json="left", timeout=0.2)
    wait_until(lambda: served.service.batcher.waiting == 0)
    served.model.go.set()
    first[0].join(30)
    assert ask(served, "next").status_code == 200
    assert served.model.batches == [["first"], ["next"]]


@pytest.mark.parametrize(
    ("text", "status", "error"),
    [
        ("not to be answered", 422, "this text is not to be answered."),
        ("bug", 500, "the model failed on this request; the server's log says why."),
        ("exit", 500, "the model failed on this request; the server's log says why."),
    ],
)
def test_a_model_that_fails_tells_no_trace_and_spoils_no_other_request(serve, text, status, error, caplog):
    served = serve(max_wait_ms=300, max_batch=3)

    async def together():
        async with httpx.AsyncClient(base_url=served.url, timeout=30) as client:
            return await asyncio.gather(*(client.post("/predict", json=item) for item in ("a", text, "bb")))

    one, bad, two = run_client(together())
    assert (one.json()["length"], two.json()["length"]) == (1, 2)
    assert (bad.status_code, bad.json()) == (status, {"error": error})
    assert ("a secret of ours" in caplog.text) == (text == "bug")


def test_a_number_that_json_does_not_know_is_null(serve):
    assert ask(serve(), ["nan", "a"]).json() == [{"text": "nan", "length": None}, {"text": "a", "length": 1}]


def test_health_is_told_while_the_model_is_at_work(serve):
    served = serve()
    served.model.go.clear()
    thread, _ = in_background(ask, served, "a")
    assert served.model.at_work.wait(30)
    assert httpx.get(f"{served.url}/health").json() == {"status": "ready", "waiting": 0, "answered": 0, "batches": 0}
    served.model.go.set()
    thread.join(30)
    assert httpx.get(f"{served.url}/health").json() == {"status": "ready", "waiting": 0, "answered": 1, "batches": 1}


def test_more_clients_than_allowed_are_turned_away(serve):
    served = serve(max_connections=2)
    with httpx.Client(base_url=served.url) as one, httpx.Client(base_url=served.url) as two:
        assert one.get("/health").status_code == two.get("/health").status_code == 200
        assert httpx.get(f"{served.url}/health").status_code == 503
        assert one.get("/health").status_code == 200


def test_what_was_taken_is_answered_before_the_end_and_what_comes_is_refused(serve):
    served = serve(max_batch=1)
    served.model.go.clear()
    taken = [in_background(ask, served, "first")]
    assert served.model.at_work.wait(30)
    taken.append(in_background(ask, served, "second"))
    wait_until(lambda: served.service.batcher.waiting == 1)
    served.service.stopping = True
    refused = ask(served, "third")
    assert (refused.status_code, refused.json()) == (503, {"error": "the server is about to stop."})
    health = httpx.get(f"{served.url}/health")
    assert (health.status_code, health.json()["status"]) == (503, "stopping")
    served.model.go.set()
    for thread, found in taken:
        thread.join(30)
        assert found[0].status_code == 200
    served.thread.join(30)
    with pytest.raises(httpx.ConnectError):
        ask(served, "fourth")


def test_the_second_signal_ends_it_though_the_model_is_at_work(serve):
    served = serve()
    served.model.go.clear()
    thread, _ = in_background(ask_in_vain, served)
    assert served.model.at_work.wait(30)
    stop = Stop(served.server)
    stop.handle(signal.SIGTERM, None)
    wait_until(lambda: httpx.get(f"{served.url}/health").status_code == 503)
    served.thread.join(0.3)
    assert served.thread.is_alive()
    stop.handle(signal.SIGTERM, None)
    served.thread.join(30)
    assert not served.thread.is_alive()
    thread.join(30)


def ask_in_vain(served) -> None:
    with suppress(httpx.HTTPError):
        ask(served, "a")
