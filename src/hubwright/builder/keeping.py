"""The files that a run keeps: sent when their stage ends, or kept in its spool until the hub takes them.

A stage does not wait for a hub that is away: a copy of the file waits in the spool, and the run ends on the hub only
when it has been taken.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath

from hubwright.builder.files import Chosen, choose_files
from hubwright.builder.inside import settle
from hubwright.builder.leaks import holds_secret
from hubwright.builder.spool import Spool
from hubwright.builder.upload import Parcel, Sent, Uploads
from hubwright.domain.backoff import backoff
from hubwright.domain.recipe_values import Stage
from hubwright.domain.results import Result
from hubwright.wire import Payload

TRIES = 3
"""How often a file is sent before its stage goes on without waiting for it."""

STAGE_PATIENCE = 30.0
"""Seconds after which it is not sent again while the stage waits, for a storage that hangs instead of failing."""

STORAGE_PATIENCE = 600.0
"""Seconds for which a run waits at its end for a hub that answers but can't keep a file."""

HUB_PATIENCE = 86_400.0
"""Seconds for which it waits for a hub that does not answer."""


class KeptFiles:
    """Of one run. `say` tells a sentence in the run's log; `hides`: whether bytes hold one of its secrets."""

    def __init__(
        self,
        payload: Payload,
        spool: Spool,
        uploads: Uploads | None,
        say: Callable[[str], None],
        hides: Callable[[bytes], bool],
    ) -> None:
        self._hides = hides
        self._address = payload.uploads
        self._spool = spool
        self._uploads = uploads
        self._say = say
        self._waiting: deque[Parcel] = deque()
        self._copies = 0

    async def keep(self, tree: Path, stage: Stage, result: Result) -> None:
        """Send the files that the stage keeps after such an end."""
        if self._address is None or self._uploads is None or stage.artifacts is None:
            return
        chosen = await asyncio.to_thread(_choose, tree, stage, result)
        for sentence in chosen.refused:
            self._say(sentence)
        for file in chosen.files:
            parcel = Parcel(
                folder=settle(tree),
                name=file,
                path=file.as_posix(),
                address=self._address,
                key=self._spool.key,
                seconds=stage.artifacts.keep,
            )
            await self._keep(self._uploads, parcel)

    async def hand_over(self) -> None:
        """Send what has waited, until the hub has it; whoever cancels this gives it up."""
        loop = asyncio.get_running_loop()
        began, attempts = loop.time(), 0
        while self._waiting and self._uploads is not None:
            sent = await self._uploads.send(self._waiting[0])
            waited = loop.time() - began
            if sent.later and waited < (HUB_PATIENCE if sent.away else STORAGE_PATIENCE):
                attempts += 1
                await asyncio.sleep(backoff(attempts, 0.5, 15.0, random.random()))  # noqa: S311  no secret
                continue
            parcel = self._waiting.popleft()
            (parcel.folder / parcel.name).unlink(missing_ok=True)
            if sent.problem:
                self._say(f"{parcel.path} is not kept: {sent.problem}.")
            attempts = 0

    async def _keep(self, uploads: Uploads, parcel: Parcel) -> None:
        problem = await asyncio.to_thread(self._inspect, parcel)
        if problem:
            self._say(f"{parcel.path} is not kept: {problem}.")
            return
        sent = Sent(problem="files before it wait", later=True)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for attempt in range(0 if self._waiting else TRIES):  # who waits already need not be asked again
            if attempt:
                await asyncio.sleep(backoff(attempt, 0.2, 1.0, random.random()))  # noqa: S311  no secret
            sent = await uploads.send(parcel)
            if not sent.later or loop.time() - began > STAGE_PATIENCE:
                break
        if sent.later:
            sent = await asyncio.to_thread(self._put_aside, parcel, sent)
        if sent.problem:
            self._say(f"{parcel.path} is not kept: {sent.problem}.")

    def _inspect(self, parcel: Parcel) -> str:
        """Why the file must not leave this machine."""
        try:
            with parcel.open() as content:
                return "it holds a secret of this run" if holds_secret(content, self._hides) else ""
        except OSError as error:
            return str(error.strerror)

    def _put_aside(self, parcel: Parcel, sent: Sent) -> Sent:
        """Copy it where the build can't change it."""
        self._copies += 1
        folder = self._spool.folder / "files"
        copy = folder / str(self._copies)
        try:
            folder.mkdir(exist_ok=True)
            with parcel.open() as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, 1024 * 1024)
        except OSError as error:
            copy.unlink(missing_ok=True)
            return Sent(problem=f"{sent.problem}, and it can't wait here ({error.strerror})")
        self._say(f"{parcel.path} waits: {sent.problem}.")
        self._waiting.append(replace(parcel, folder=folder, name=PurePath(copy.name)))
        return Sent()


def _choose(tree: Path, stage: Stage, result: Result) -> Chosen:
    files = stage.artifacts
    wanted = "success" if result is Result.SUCCESS else "failure"
    if files is None or files.status not in {"always", wanted}:
        return Chosen()
    return choose_files(tree, files.paths)
