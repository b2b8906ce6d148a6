"""A page of another site, and whoever knows addresses of files, get nothing."""

import pytest

httpx = pytest.importorskip("httpx", reason="httpx, the client of these tests, is not installed")

SENT = {"Content-Type": "application/json"}


@pytest.fixture
def client(serve):
    with httpx.Client(base_url=serve(allowed_hosts=("models.example.org",)).url) as client:
        yield client


def own(client) -> str:
    return f"{client.base_url.host}:{client.base_url.port}"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:9", "[::1]:8000", "models.example.org"])
def test_a_name_of_this_machine_is_answered(client, host):
    assert client.post("/predict", json="a", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example.org", "localhost.evil.org", "[", "a@b:c", "models.example.org.evil"])
def test_another_name_that_was_resolved_to_this_machine_is_not(client, host):
    for path in ("/", "/health", "/model", "/openapi.json"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code in (400, 403)  # what is no name at all is refused by the server's parser
    assert client.post("/predict", json="a", headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize("origin", ["http://evil.example.org", "null", "http://localhost:1", "https://127.0.0.1"])
def test_a_page_of_another_site_is_not_answered(client, origin):
    answer = client.post("/predict", json="a", headers={"Origin": origin})
    assert answer.status_code == 403
    assert client.post("/predict", json="a", headers={"Origin": f"http://{own(client)}"}).status_code == 200


def test_no_other_site_is_ever_let_in_by_a_header(client):
    asked = {"Origin": "http://evil.example.org", "Access-Control-Request-Method": "POST"}
    answers = [
        client.options("/predict", headers=asked),
        client.post("/predict", json="a"),
        client.get("/model"),
        client.get("/"),
        client.get("/nothing"),
        client.post("/predict", content=b"{", headers=SENT),
    ]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/page/../settings.py", "/page/%2e%2e/settings.py", "/page//etc/passwd", "/page/", "/%2fetc%2fpasswd"]
)
def test_no_file_is_opened_by_an_address(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found."})


def test_a_method_that_is_not_there_is_told_with_those_that_are(client):
    answer = client.get("/predict")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert client.post("/health").status_code == 405


def test_what_openapi_says_of_a_record_is_what_is_taken(client):
    said = client.get("/openapi.json").json()
    assert set(said["paths"]) == {"/predict", "/health", "/model"}
    operation = said["paths"]["/predict"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    assert content["example"] == {"text": "An example."}
    record = content["schema"]["anyOf"][0]["anyOf"][0]
    assert (record["required"], list(record["properties"])) == (["text"], ["text"])
    assert {"200", "400", "403", "408", "413", "415", "422", "429", "500", "503", "504"} == set(operation["responses"])
