"""Getting files back: by commit, by run, the newest good one; whole or in part; with digest and provenance."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hubwright.domain.artifacts import ArtifactRules
from hubwright.storage import Storage
from hubwright.store import schema
from hubwright.web.api.artifacts import disposition
from kept_files import SHA, keep, keep_build
from served import NOW, Served, served_site

AT = f"/artifacts/{SHA}/linux"


@pytest.fixture(params=["folder", "s3"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A site whose files lie in a folder, and one whose files lie in S3."""
    url = f"file://{tmp_path}/files" if request.param == "folder" else str(request.getfixturevalue("s3_url"))
    with served_site(tmp_path, storage=Storage(url), signing_key=tmp_path / "key.pem") as served:
        served.rows.keep_job()
        yield served


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    with served_site(tmp_path, signing_key=tmp_path / "key.pem") as served:
        served.rows.keep_job()
        yield served


# --- one file


def test_a_file_comes_whole_or_in_part(both: Served) -> None:
    data = bytes(range(256)) * 40_000
    keep_build(both, 1)
    keep(both, 1, data=data)
    whole = both.client.get(f"{AT}/app.bin")
    assert (whole.status_code, whole.content == data) == (200, True)
    assert whole.headers["content-length"] == str(len(data))
    parts = {"bytes=5-9": data[5:10], "bytes=-7": data[-7:], f"bytes={len(data) - 3}-": data[-3:]}
    for header, part in parts.items():
        answer = both.client.get(f"{AT}/app.bin", headers={"Range": header})
        assert (answer.status_code, answer.content) == (206, part)
        assert answer.headers["content-range"].endswith(f"/{len(data)}")
    beyond = both.client.get(f"{AT}/app.bin", headers={"Range": f"bytes={len(data)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    renewed = both.client.get(f"{AT}/app.bin", headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert (renewed.status_code, len(renewed.content)) == (200, len(data))


def test_head_and_etag_spare_the_bytes(both: Served) -> None:
    keep_build(both, 1)
    keep(both, 1)
    head = both.client.head(f"{AT}/app.bin")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "10", b"")
    for tag in (head.headers["etag"], f'W/{head.headers["etag"]}, "x"', "*"):
        assert both.client.get(f"{AT}/app.bin", headers={"If-None-Match": tag}).status_code == 304
    assert both.client.get(f"{AT}/app.bin", headers={"If-None-Match": '"x"'}).status_code == 200


def test_the_digest_is_beside_each_file(hub: Served) -> None:
    digest = sha256(b"0123456789")
    keep_build(hub, 1)
    keep(hub, 1, "dist/app.bin")
    answer = hub.client.get(f"{AT}/dist/app.bin.sha256")
    assert answer.text == f"{digest.hexdigest()}  app.bin\n"
    headers = hub.client.get(f"{AT}/dist/app.bin").headers
    packed = base64.b64encode(digest.digest()).decode()
    assert headers["x-checksum"] == digest.hexdigest()
    assert (headers["repr-digest"], headers["digest"]) == (f"sha-256=:{packed}:", f"sha-256={packed}")
    assert hub.client.get(f"{AT}/none.bin.sha256").status_code == 404


def test_a_kept_file_goes_before_a_made_one(hub: Served) -> None:
    """A build may keep a digest of its own."""
    keep_build(hub, 1)
    keep(hub, 1, "app.bin")
    keep(hub, 1, "app.bin.sha256", b"its own")
    assert hub.client.get(f"{AT}/app.bin.sha256").content == b"its own"


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.js", "x.xhtml", "x.pdf", "x"])
def test_no_browser_runs_what_a_build_made(hub: Served, name: str) -> None:
    """S28: of no kind that could act, an attachment, apart from the site."""
    keep_build(hub, 1)
    keep(hub, 1, name, b"<script>alert(1)</script>")
    for path in (f"{AT}/{name}", f"/api/v1/runs/1/artifacts/{name}", f"{AT}/{name}.sha256"):
        headers = hub.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert headers["content-type"].startswith(("application/octet-stream", "text/plain"))
    assert hub.client.get(f"{AT}/{name}").headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("name", "plain", "whole"),
    [
        ("a.txt", "a.txt", "a.txt"),
        ('"; x="\r\nSet-Cookie: a', "_; x=___Set-Cookie: a", "%22%3B%20x%3D%22%0D%0ASet-Cookie%3A%20a"),
        ("página.zip", "p_gina.zip", "p%C3%A1gina.zip"),
    ],
)
def test_names_stay_inside_their_header(name: str, plain: str, whole: str) -> None:
    """RFC 6266; no name ends the header."""
    assert disposition(name) == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"


def test_private_files_are_not_even_there(tmp_path: Path) -> None:
    """S37, S38: without a token nobody learns which files exist."""
    with served_site(tmp_path, anonymous_read=False) as hub:
        hub.rows.keep_job()
        keep_build(hub, 1)
        keep(hub, 1)
        paths = (f"{AT}/app.bin", f"{AT}/none", "/api/v1/runs/1/artifacts/app.bin", "/download/latest?job=team/app",
                 "/api/v1/downloads?job=none", "/api/v1/runs/1/provenance")  # fmt: skip
        assert {hub.client.get(path).status_code for path in paths} == {401}


# --- which one


def test_the_newest_good_file_of_a_commit_wins(hub: Served) -> None:
    """Several builds, attempts and matrix points of one commit: all are reachable by run."""
    for number, result in ((1, "success"), (2, "success"), (3, "failure")):
        keep_build(hub, number, result)
        keep(hub, number, data=b"of run %d" % number)
    assert hub.client.get(f"{AT}/app.bin").content == b"of run 2"
    for number in (1, 2, 3):
        assert hub.client.get(f"/api/v1/runs/{number}/artifacts/app.bin").content == b"of run %d" % number


def test_a_forks_file_never_hides_a_trusted_one(hub: Served) -> None:
    """The fork's author chose what it holds."""
    keep_build(hub, 1)
    keep(hub, 1, data=b"ours")
    keep_build(hub, 2, trust="untrusted", pull_request=7)
    keep(hub, 2, data=b"theirs")
    assert hub.client.get(f"{AT}/app.bin").content == b"ours"
    latest = hub.client.get("/download/latest?job=team/app&path=app.bin", follow_redirects=True)
    assert latest.content == b"ours"


def test_a_failed_file_is_better_than_none(hub: Served) -> None:
    keep_build(hub, 1, "failure")
    keep(hub, 1, "core.dump")
    assert hub.client.get(f"{AT}/core.dump").status_code == 200
    assert hub.client.get("/download/latest?job=team/app").status_code == 404


def test_the_freshness_of_each_platform_is_told(hub: Served) -> None:
    """System 1's table of downloads: the newest good one of each platform, and how far it lies behind."""
    for number, result in ((1, "success"), (2, "failure"), (3, "success"), (4, "failure")):
        keep_build(hub, number, result, queued_at=NOW + 100 * number)
    keep(hub, 1, "app.bin", platform="freebsd-amd64")
    keep(hub, 1, "app.txt", platform="freebsd-amd64")
    keep(hub, 3, "app.bin", platform="linux-x86_64")
    found = hub.get("/api/v1/downloads?job=team/app")["items"]
    told = [(one["platform"], one["number"], one["behind"], one["seconds_behind"], len(one["files"])) for one in found]
    assert told == [("freebsd-amd64", 1, 3, 300.0, 2), ("linux-x86_64", 3, 1, 100.0, 1)]
    assert found[0]["newest"]["number"] == 4
    assert [one["platform"] for one in hub.get("/api/v1/downloads?job=team/app&platform=linux*")["items"]] == [
        "linux-x86_64"
    ]
    assert [len(one["files"]) for one in hub.get("/api/v1/downloads?job=team/app&path=*.txt")["items"]] == [1]


def test_the_newest_one_is_not_behind(hub: Served) -> None:
    keep_build(hub, 1)
    keep(hub, 1)
    (found,) = hub.get("/api/v1/downloads?job=team/app")["items"]
    assert (found["behind"], found["seconds_behind"]) == (0, None)
    assert hub.get("/api/v1/downloads?job=team/app&branch=none")["items"] == []
    assert hub.client.get("/api/v1/downloads?job=none").status_code == 404


def test_the_latest_download_follows_the_default_branch(hub: Served) -> None:
    """A feature branch's build is newer, but nobody asked for it."""
    hub.rows.keep(
        schema.gh_repository,
        {"id": 5, "owner_login": "team", "name": "lib", "full_name": "team/lib", "default_branch": "main"},
    )
    hub.rows.keep_job(2, "team/lib", repository_id=5)
    keep_build(hub, 1, job_id=2, branch="main")
    keep_build(hub, 2, job_id=2, branch="feature")
    keep(hub, 1, data=b"main")
    keep(hub, 2, data=b"feature")
    latest = "/download/latest?job=team/lib"
    assert hub.client.get(latest, follow_redirects=True).content == b"main"
    assert hub.client.get(f"{latest}&branch=feature", follow_redirects=True).content == b"feature"


def test_a_download_may_be_handed_to_the_store(s3_url: str, tmp_path: Path) -> None:
    """By a setting; the address is good for this file and a minute."""
    rules = ArtifactRules(redirect=True)
    with served_site(tmp_path, storage=Storage(s3_url), artifacts=rules) as hub:
        hub.rows.keep_job()
        keep_build(hub, 1)
        keep(hub, 1)
        answer = hub.client.get(f"{AT}/app.bin")
        assert answer.status_code == 302
        assert httpx2.get(answer.headers["location"]).content == b"0123456789"


# --- provenance


def encoded(kind: str, payload: bytes) -> bytes:
    """DSSE's PAE, written again from its specification."""
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind.encode(), str(len(payload)).encode(), payload])


def opened(hub: Served, path: str) -> dict[str, Any]:
    """The statement, after its signature was checked with the hub's published key."""
    envelope = json.loads(hub.client.get(path).raise_for_status().content)
    key = load_pem_public_key(hub.client.get("/provenance/key.pem").content)
    assert isinstance(key, Ed25519PublicKey)
    payload = base64.b64decode(envelope["payload"])
    key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), encoded(envelope["payloadType"], payload))
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), encoded(envelope["payloadType"], payload + b" "))
    return dict(json.loads(payload))


def test_a_good_run_has_a_signed_provenance(hub: Served, tmp_path: Path) -> None:
    """In-toto Statement v1 with SLSA Provenance v1, made of the hub's own rows."""
    keep_build(hub, 1)
    keep(hub, 1, "a.bin")
    keep(hub, 1, "b.bin", b"other")
    statement = opened(hub, "/api/v1/runs/1/provenance")
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [
        {"name": "a.bin", "digest": {"sha256": sha256(b"0123456789").hexdigest()}},
        {"name": "b.bin", "digest": {"sha256": sha256(b"other").hexdigest()}},
    ]
    predicate = statement["predicate"]
    assert predicate["runDetails"]["builder"]["id"] == "http://127.0.0.1:8010"
    assert predicate["runDetails"]["metadata"]["invocationId"] == "http://127.0.0.1:8010/builds/1/runs/1"
    definition = predicate["buildDefinition"]
    assert definition["externalParameters"]["sha"] == SHA
    assert definition["resolvedDependencies"] == [
        {"uri": "git+https://git.example/team/app.git@refs/heads/main", "digest": {"gitCommit": SHA}}
    ]
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


def test_provenance_lies_beside_each_file(hub: Served) -> None:
    keep_build(hub, 1)
    keep(hub, 1, "a.bin")
    keep(hub, 1, "b.bin")
    assert [one["name"] for one in opened(hub, f"{AT}/a.bin.intoto.jsonl")["subject"]] == ["a.bin"]


def test_only_good_runs_are_vouched_for(hub: Served) -> None:
    keep_build(hub, 1, "failure")
    keep(hub, 1)
    keep_build(hub, 2)
    for path in ("/api/v1/runs/1/provenance", "/api/v1/runs/2/provenance", "/api/v1/runs/9/provenance"):
        assert hub.client.get(path).status_code == 404
    assert hub.client.get(f"{AT}/app.bin.intoto.jsonl").status_code == 404


def test_the_key_stays_the_same(hub: Served, tmp_path: Path) -> None:
    first = hub.client.get("/provenance/key.pem")
    (tmp_path / "again").mkdir()
    with served_site(tmp_path / "again", signing_key=tmp_path / "key.pem") as again:
        assert again.client.get("/provenance/key.pem").content == first.content
