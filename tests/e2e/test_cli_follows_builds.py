"""`register`, `watch`, `logs -f`, `cancel` and `rerun` on builds that live."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from command_line import begin, run
from fake_github import FakeGitHub
from hub_process import HubProcess, Make
from waiting import until


@contextmanager
def cutting_proxy(port: int, allowed: int, cuts: int) -> Iterator[int]:
    """A way to the hub that breaks `cuts` times, each time after `allowed` bytes of a long answer; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    left = [cuts]

    def serve(client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", port)) as upstream:
            threading.Thread(target=pump, args=(client, upstream), daemon=True).start()
            sent = 0
            while data := upstream.recv(4096):
                sent += len(data)
                if sent > allowed and left[0] > 0:
                    left[0] -= 1
                    client.shutdown(socket.SHUT_RDWR)  # close alone waits for the thread that reads from it
                    return
                client.sendall(data)

    def pump(client: socket.socket, upstream: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(4096):
                upstream.sendall(data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=quietly, args=(client,), daemon=True).start()

    def quietly(client: socket.socket) -> None:
        with suppress(OSError):
            serve(client)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
        assert left == [0], "the connection was to break more often"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def gated(gate: Path) -> dict[str, str]:
    """A recipe whose stage goes on only when the gate is there."""
    script = f"echo early; while ! test -e {gate}; do sleep 0.02; done; echo late"
    return {".hubwright.yml": f"stages:\n- build: {script}\n"}


def test_logs_follow_a_build_while_it_runs(hub: HubProcess, make: Make, tmp_path: Path) -> None:
    """What was printed shows before the build goes on, and the command ends with the build."""
    gate = tmp_path / "gate"
    repository = make(gated(gate))
    hub.deliver("push", repository.push_payload())
    hub.begun(repository, b"early")

    follower = begin(hub, "logs", "-f", repository.full_name)
    assert follower.stdout is not None
    seen = b""
    while b"\nearly\n" not in seen:
        piece = follower.stdout.readline()
        assert piece, follower.communicate()
        seen += piece
    gate.touch()
    rest, complaint = follower.communicate(timeout=60)

    assert (follower.returncode, complaint) == (0, b"")
    assert b"late\n" in rest
    (build,) = hub.finished(repository)
    assert seen + rest == run(hub, "logs", str(build["id"])).stdout.encode()


def test_a_log_that_breaks_off_is_resumed_without_a_byte_lost_or_doubled(hub: HubProcess, make: Make) -> None:
    """Proxies cut long answers; the offset of the last event is where it goes on (S12)."""
    repository = make({".hubwright.yml": "stages:\n- build: seq 1 120000\n"})
    hub.deliver("push", repository.push_payload())
    (build,) = hub.finished(repository)
    (build_run,) = build["runs"]

    with cutting_proxy(hub.port, 300_000, 3) as port:
        done = run(hub, "logs", "-f", "--ansi", str(build["id"]), "--hub", f"http://127.0.0.1:{port}")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.encode() == hub.log(build_run["id"])


def press_ctrl_c(process: subprocess.Popen[bytes]) -> bytes:
    """Once is enough; what it complained."""
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=30)[1]


def test_ctrl_c_leaves_the_build_alone(hub: HubProcess, make: Make, tmp_path: Path) -> None:
    """Whoever stops looking does not stop the build, and is told how to; exit code 130."""
    gate = tmp_path / "gate"
    repository = make(gated(gate))
    hub.deliver("push", repository.push_payload())
    hub.begun(repository, b"early")
    (build,) = hub.builds(repository)

    watcher = begin(hub, "watch", str(build["id"]))
    assert watcher.stderr is not None
    watcher.stderr.readline()  # it watches now
    complaint = press_ctrl_c(watcher)

    assert watcher.returncode == 130
    assert f"hubwright cancel {build['id']}".encode() in complaint
    assert hub.build(build["id"])["state"] == "running"
    gate.touch()
    (build,) = hub.finished(repository)
    assert build["result"] == "success"


def test_a_cancelled_build_tells_so_by_its_exit_code(hub: HubProcess, make: Make, tmp_path: Path) -> None:
    """3 is cancelled, not failed: a script may well want to know; rerun brings it to its end."""
    gate = tmp_path / "gate"
    repository = make(gated(gate))
    hub.deliver("push", repository.push_payload())
    hub.begun(repository, b"early")

    pending = run(hub, "status", repository.full_name, "--exit-status")
    cancelled = run(hub, "cancel", repository.full_name, "--reason", "a test")
    watched = run(hub, "watch", repository.full_name)
    gate.touch()
    again = run(hub, "rerun", repository.full_name, "--failed")
    passed = run(hub, "watch", repository.full_name)

    assert [one.returncode for one in (pending, cancelled, watched, again, passed)] == [8, 0, 3, 0, 0]
    assert "Cancelled" in watched.stdout


def test_a_clone_is_enough_to_name_its_build(hub: HubProcess, make: Make, tmp_path: Path) -> None:
    """Inside a working copy no BUILD is needed: its origin says which repository is meant."""
    repository = make()
    hub.deliver("push", repository.push_payload())
    (build,) = hub.finished(repository)
    clone = tmp_path / "clone"
    subprocess.run(["git", "init", "-q", clone], check=True)
    origin = f"git@github.com:{repository.full_name}.git"
    subprocess.run(["git", "-C", clone, "remote", "add", "origin", origin], check=True)

    inside = run(hub, "watch", "--json", cwd=clone)
    listed = run(hub, "status", cwd=clone)

    assert json.loads(inside.stdout)["id"] == build["id"]
    assert repository.full_name in listed.stdout
    assert len(listed.stdout.splitlines()) == 1


def test_register_builds_a_repository_that_the_hub_never_heard_of(hub: HubProcess, make: Make) -> None:
    """The first thing that people try; the printed address is the build's page."""
    repository = make()

    done = run(hub, "register", f"{hub.settings['GITHUB__CLONE_BASE']}/{repository.full_name}")

    assert done.returncode == 0, done.stderr
    match = re.fullmatch(rf"{hub.url}/builds/(\d+)\n", done.stdout)
    assert match
    assert run(hub, "watch", match[1]).returncode == 0


def test_a_job_is_built_with_a_parameter(hub: HubProcess, make: Make) -> None:
    """The same as the API's order to build; its variables reach the stages."""
    repository = make({".hubwright.yml": "stages:\n- build: echo greeting is $GREETING\n"})
    hub.deliver("push", repository.push_payload())
    hub.finished(repository)
    made = run(hub, "job", "set", f"tests/{repository.full_name}", "commits=head", "--repo", repository.full_name)

    done = run(hub, "job", "build", f"tests/{repository.full_name}", "-e", "GREETING=hello")
    slip = run(hub, "job", "build", f"tests/{repository.full_name}", "-e", "GREETING")

    assert (made.returncode, done.returncode, slip.returncode) == (0, 0, 2), made.stderr + done.stderr
    assert run(hub, "watch", done.stdout.strip()).returncode == 0
    assert "greeting is hello\n" in run(hub, "logs", done.stdout.strip()).stdout


def test_register_refuses_an_address_elsewhere_in_one_sentence(hub: HubProcess) -> None:
    """The hub's own sentence is passed on; nothing is built."""
    for address in ("file:///etc", "https://192.0.2.1/octo/app", "nonsense", "-oProxyCommand=x"):
        done = run(hub, "register", "--", address)
        assert (done.returncode, done.stdout) == (1, ""), address
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1


def test_watch_waits_for_a_hub_that_starts_again(folder: Path, github: FakeGitHub, make: Make) -> None:
    """Operators upgrade hubs in mid-build; whoever watches sees the end all the same."""
    gate = folder / "gate"
    repository = make(gated(gate))
    with HubProcess(folder, github=github) as hub:
        hub.deliver("push", repository.push_payload())
        hub.begun(repository, b"early")
        (build,) = hub.builds(repository)
        watcher = begin(hub, "watch", str(build["id"]))
        assert watcher.stderr is not None
        watcher.stderr.readline()
        hub.restart()
        gate.touch()
        out, complaint = watcher.communicate(timeout=90)

    assert (watcher.returncode, complaint) == (0, b"")
    assert b"Passed  build" in out


def test_no_hub_is_told_with_what_to_do(tmp_path: Path) -> None:
    """A newcomer's commonest mistake."""
    done = run(None, "status", more={"HUBWRIGHT_URL": "http://127.0.0.1:1", "HUBWRIGHT_DATA_DIR": str(tmp_path)})

    assert done.returncode == 1
    assert done.stderr.startswith("Error: No hub answers at http://127.0.0.1:1 (")
    assert "hubwright up" in done.stderr


def test_a_server_that_is_no_hub_is_told(hub: HubProcess) -> None:
    """HUBWRIGHT_URL may point at anything; its HTML must not end in a traceback."""
    done = run(hub, "status", "--hub", f"{hub.url}/docs")

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert until(lambda: done.stderr.startswith("Error: "))
