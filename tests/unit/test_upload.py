"""Where a builder puts files."""

from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePath

import pytest

from hubwright.builder.spool import Key
from hubwright.builder.upload import Parcel, Sent, Uploads


class Hub(BaseHTTPRequestHandler):
    doors: list[str]

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.doors.append(self.path)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.mark.parametrize(
    ("below", "door"), [("", "/api/v1/runs/7/artifacts/out/x"), ("/ci", "/ci/api/v1/runs/7/artifacts/out/x")]
)
def test_files_go_to_the_hub_that_the_builder_knows(tmp_path: Path, below: str, door: str) -> None:
    """Its public address may lead to a balancer that the builder's network does not reach; they would wait for ever."""
    (tmp_path / "x").write_text("hello")
    handler = type("OneHub", (Hub,), {"doors": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()

    async def send() -> Sent:
        uploads = Uploads(f"http://127.0.0.1:{server.server_port}{below}/", "token")
        try:
            public = "http://hub.invalid/somewhere/api/v1/runs/7/artifacts"
            return await uploads.send(
                Parcel(folder=tmp_path, name=PurePath("x"), path="out/x", address=public, key=Key(7, 1))
            )
        finally:
            await uploads.close()

    try:
        assert asyncio.run(send()) == Sent()
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
    assert handler.doors == [door]  # type: ignore[attr-defined]
