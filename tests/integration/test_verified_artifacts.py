"""`hubwright artifacts get` and `verify` against a served hub: what was changed on the way or afterwards is found."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from hubwright.cli import run_program
from kept_files import keep, keep_build
from served import Served, served_site


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A file with its provenance and the hub's key, as somebody has got them."""
    monkeypatch.setenv("HUBWRIGHT_DATA_DIR", str(tmp_path))
    with served_site(tmp_path, signing_key=tmp_path / "key.pem") as hub:
        hub.rows.keep_job()
        keep_build(hub, 1)
        keep(hub, 1, "app.bin")
        assert (
            run_program(["artifacts", "get", "1", "-D", str(tmp_path / "got"), "--provenance", "--hub", hub.url]) == 0
        )
        (tmp_path / "hub.pem").write_bytes(hub.client.get("/provenance/key.pem").content)
        yield hub


def verify(folder: Path, *more: str) -> int:
    return run_program(["artifacts", "verify", str(folder / "got/app.bin"), *more])


def test_a_good_file_is_told_where_it_comes_from(
    fetched: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(tmp_path, "--key", str(tmp_path / "hub.pem")) == 0
    assert "made from team/app at aaaa" in capsys.readouterr().out
    assert verify(tmp_path, "--hub", fetched.url) == 0


def test_a_changed_file_is_found(fetched: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "got/app.bin").write_bytes(b"changed")
    assert verify(tmp_path, "--key", str(tmp_path / "hub.pem")) == 1
    assert "is not what the provenance tells of" in capsys.readouterr().err


def test_a_changed_statement_is_found(fetched: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its payload, its type, its signature; and one of another hub."""
    file = tmp_path / "got/app.bin.intoto.jsonl"
    told = orjson.loads(file.read_bytes())
    payload = base64.b64decode(told["payload"]).replace(b"team/app", b"evil/app")
    signature = told["signatures"][0]
    for change in (
        {"payload": base64.b64encode(payload).decode()}, {"payloadType": "text/plain"}, {"signatures": []},
        {"signatures": [{**signature, "sig": base64.b64encode(b"x" * 64).decode()}]}, {"payload": "?"},
    ):  # fmt: skip
        file.write_bytes(orjson.dumps({**told, **change}))
        assert verify(tmp_path, "--key", str(tmp_path / "hub.pem")) == 1
    file.write_bytes(orjson.dumps(told))
    (tmp_path / "again").mkdir()
    with served_site(tmp_path / "again", signing_key=tmp_path / "other.pem") as other:
        assert verify(tmp_path, "--hub", other.url) == 1
    assert "The signature is not the hub's" in capsys.readouterr().err


def test_without_a_statement_it_says_how_to_get_one(
    fetched: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "got/app.bin.intoto.jsonl").unlink()
    assert verify(tmp_path) == 1
    assert "get it with `hubwright artifacts get --provenance`" in capsys.readouterr().err
