"""Images of containers: brought when they are not here, and which exactly was taken."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hubwright.builder.executors import TakenImage
from hubwright.builder.executors.daemon import Daemon, RefusedError
from hubwright.errors import ExecutorError

ALWAYS, NEVER = "always", "never"
_HUB = "https://index.docker.io/v1/"
_MOST_LINES = 500
_LINE = 65_536
_NO_ENTRY = ("no basic auth", "unauthorized", "authentication required", "denied", "status: 401", "status: 403")
_AWAY = ("dial tcp", "no such host", "connection re", "timeout", "tls:", "x509", "eof", "status: 5", "server gave http")
_UNKNOWN = ("manifest unknown", "not found", "name unknown", "no such image")
_REFUSED = "its registry refuses the password of --registry-auth"
_STRANGER = "its registry wants a password and this run has none: see --registry-auth, which is for trusted runs only"


async def bring_image(
    daemon: Daemon, name: str, pull: str, auth: Path | None, say: Callable[[str], None]
) -> TakenImage:
    """Have the image here. `pull` is `missing`, `always` or `never`. Raises ExecutorError.

    `auth` is a Docker `config.json` with what registries are to be told. `say` is given progress for the log.
    """
    here = None if pull == ALWAYS else await asyncio.to_thread(_find, daemon, name)
    if here is None and pull == NEVER:
        raise ExecutorError(f"The image {name} is not on this builder, which pulls none.")
    if here is None:
        say(f"▶ pull {name}")
        await _pull(daemon, name, _authority(name, auth), say)
        here = await asyncio.to_thread(_find, daemon, name)
    if here is None:
        raise ExecutorError(f"The image {name} was pulled and is not there: is it for another kind of processor?")
    taken = TakenImage(name=name, id=str(here["Id"]), digest=_find_digest(name, here.get("RepoDigests") or ()))
    say(f"Image {name}: {taken.digest or taken.id}")
    return taken


def split_name(name: str) -> tuple[str, str]:
    """The image without its tag or digest, and that, `latest` when none is given."""
    bare, at, digest = name.partition("@")
    if at:
        return name.rpartition("@")[0].rpartition(":")[0] if ":" in bare.rpartition("/")[2] else bare, digest
    head, slash, tail = name.rpartition("/")
    last, _, tag = tail.partition(":")
    return f"{head}{slash}{last}", tag or "latest"


def _find_digest(name: str, digests: Sequence[str]) -> str:
    """That of the repository which the name means, empty where none is known: the same image may lie in others too."""
    bare, named = split_name(name)
    if named.startswith("sha256:"):
        return named
    known = dict(digest.split("@", 1) for digest in reversed(digests) if "@" in digest)
    return next((known[place] for place in _long_names(bare) if place in known), "")


def _long_names(bare: str) -> tuple[str, ...]:
    """What a daemon may call it: Podman writes the registry of Docker's own images out."""
    return (bare, f"docker.io/{bare}", f"docker.io/library/{bare}")


def _find(daemon: Daemon, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = daemon.ask("GET", f"/images/{quote(name, safe='')}/json")
    except RefusedError as error:
        if error.status == 404:
            return None
        raise ExecutorError(f"The image {name} can't be had: {error}") from error
    return found


async def _pull(daemon: Daemon, name: str, authority: str | None, say: Callable[[str], None]) -> None:
    bare, tag = split_name(name)
    headers = {"X-Registry-Auth": authority} if authority else None
    lines, rest = 0, b""
    try:
        async with daemon.stream("/images/create", params={"fromImage": bare, "tag": tag}, headers=headers) as progress:
            async for chunk in progress:
                *whole, rest = (rest + chunk)[-_LINE:].split(b"\n")
                for line in whole:
                    lines += _tell(line, say if lines < _MOST_LINES else _nobody)
        _tell(rest, say)
    except RefusedError as error:
        told = _explain(str(error), knows_password=authority is not None)
        raise ExecutorError(f"The image {name} can't be pulled: {told}") from error


def _explain(said: str, *, knows_password: bool) -> str:
    """What a daemon's words about a registry come to, and the words themselves."""
    words = said.lower()
    if any(sign in words for sign in _NO_ENTRY):
        why = _REFUSED if knows_password else _STRANGER
    elif any(sign in words for sign in _AWAY):
        why = "its registry can't be reached"
    elif any(sign in words for sign in _UNKNOWN):
        why = "its registry has no such image, tag or digest"
    else:
        return said
    return f"{why} ({said})."


def _tell(line: bytes, say: Callable[[str], None]) -> int:
    """One step of the pull; how many lines it makes. Raises RefusedError when it says that the pull failed."""
    try:
        step = json.loads(line) if line.strip() else {}
    except ValueError:
        return 0
    if "error" in step:
        raise RefusedError(" ".join(str(step["error"]).split())[:500], 500)
    if "status" not in step or step.get("progressDetail"):  # bars of every 100 ms
        return 0
    say(": ".join(str(step[key])[:200] for key in ("id", "status") if step.get(key)))
    return 1


def _nobody(_: str) -> None:
    return


def _authority(name: str, auth: Path | None) -> str | None:
    """The header for the image's registry, https://docs.docker.com/reference/api/engine/#section/Authentication."""
    if auth is None:
        return None
    try:
        known = json.loads(auth.read_text())["auths"]
        first, slash, _ = name.partition("/")
        host = first if slash and ("." in first or ":" in first or first == "localhost") else _HUB
        entry = known.get(host) or known.get(f"https://{host}")
        if entry is None:
            return None
        user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExecutorError(f"The registries' passwords in {auth} can't be read.") from error
    said = {"username": user, "password": password, "serveraddress": host}
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode()
