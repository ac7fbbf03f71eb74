"""SeaweedFS, a real S3 server: one for a whole test run (`servers.url_of("s3")`), or one of a test's own to be killed.

environment = s3_environment(url)      # what a client needs
"""

from __future__ import annotations

import base64
import signal
import socket
import sys
from pathlib import Path

import httpx2

from server_programs import Processes, free_block, until_true

KEY, SECRET, BUCKET = "test-access-key", "test-secret-key", "artifacts"


def start_seaweedfs(processes: Processes, s3_port: int) -> None:
    """`weed mini` with one bucket; it opens some sixteen ports, all on loopback.

    Its memory is bounded, by more than it needs: at half of this it collected garbage all the time, which took
    a tenth of a core while nobody asked.
    """
    master, volume, filer, admin = (free_block() for _ in range(4))
    processes.start(
        [
            str(Path(sys.executable).with_name("weed")), "-logtostderr=true", "mini", f"-dir={processes.folder}",
            "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-admin.ui=false", "-webdav=false", f"-master.port={master}",
            f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3_port}", f"-bucket={BUCKET}",
            f"-admin.port={admin}", "-s3.port.iceberg=0", "-s3.port.lance=0",
        ],
        {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "GOMEMLIMIT": "400MiB"},
    )  # fmt: skip
    (processes.folder / "filer").write_text(f"http://127.0.0.1:{filer}")
    until_true(lambda: _answers(s3_port) and _answers(filer), "SeaweedFS did not answer")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def unfinished(folder: Path) -> list[str]:
    """Which uploads the SeaweedFS of this folder still has parts of, as its own store of files tells."""
    filer = (folder / "filer").read_text()
    answer = httpx2.get(f"{filer}/buckets/{BUCKET}/.uploads/", headers={"Accept": "application/json"})
    uploads = (answer.json().get("Entries") or []) if answer.status_code == 200 else []
    return [base64.b64decode(one["Extended"]["key"]).decode() for one in uploads if "Extended" in one]


class OwnS3:
    """A SeaweedFS of one test's own, that it may kill and start again on the same data and port."""

    def __init__(self, folder: Path) -> None:
        self._processes = Processes(folder)
        self.port = free_block()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        start_seaweedfs(self._processes, self.port)

    def freeze(self) -> None:
        """It still takes connections, and then says nothing."""
        self._processes.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._processes.send(signal.SIGCONT)

    def takes(self) -> int:
        """Bytes that clients on this machine have sent and it has not taken yet."""
        lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        return sum(int(line[4].partition(":")[0], 16) for line in lines if line[2].endswith(f":{self.port:04X}"))

    def uploads(self) -> list[str]:
        """The keys of uploads in parts that have begun and not ended."""
        return unfinished(self._processes.folder)

    def kill(self) -> None:
        self._processes.end()


def s3_environment(endpoint: str, *, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    """The variables by which a client finds the server."""
    return {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
    }  # fmt: skip
