"""What an assignment gets in the moment in which it is sent, and no row has: secrets, a token, addresses, its spans."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog
from sqlalchemy import Row

from hubwright.domain.repos import Trust
from hubwright.domain.traces import TRACEPARENT, TraceIds
from hubwright.errors import HubwrightError
from hubwright.hub.secrets import NOTHING, Handed
from hubwright.hub.session import SessionSettings
from hubwright.store.database import Database
from hubwright.wire import Payload, Source

TOKEN_WITHIN = 10.0
"""Seconds that a run waits for GitHub to give its token."""

logger = structlog.get_logger()


class Completing:
    """Completes the assignments of this process."""

    def __init__(self, database: Database, settings: SessionSettings) -> None:
        self._database = database
        self._settings = settings
        self._traces = TraceIds(settings.uploads)

    async def complete(self, row: Row[Any]) -> Payload:
        """The stored assignment with what must not be stored: secrets and tokens. Raises msgspec.ValidationError."""
        payload = msgspec.convert(row.assignment, Payload)
        handed = await self._open_secrets(row.job, payload)
        source = payload.source
        if row.clone_url is None and _is_fetched_by_token(source):
            source = msgspec.structs.replace(source, token=await self._find_token(source.repository))
        uploads = f"{self._settings.uploads}/api/v1/runs/{row.id}/artifacts"
        warnings = (*payload.warnings, *handed.warnings)
        return msgspec.structs.replace(
            payload,
            source=source,
            stages=payload.stages if TRACEPARENT in payload.env else self._trace(payload.stages, row),
            secrets=dict(handed.values),
            uploads=uploads,
            warnings=warnings,
        )

    def _trace(self, stages: tuple[dict[str, Any], ...], row: Row[Any]) -> tuple[dict[str, Any], ...]:
        """Each stage with the number of its span, unless it names another parent itself."""
        given = [self._traces.write_traceparent(row.build_id, row.id, position) for position in range(len(stages))]
        return tuple(
            {**stage, "env": {TRACEPARENT: parent, **stage.get("env", {})}}
            for stage, parent in zip(stages, given, strict=True)
        )

    async def _open_secrets(self, job: str, payload: Payload) -> Handed:
        """The values of the secrets that the run names, as they are now; none for what a fork brought (S17, S25)."""
        vault = self._settings.vault
        if vault is None or not payload.secrets or payload.trust != Trust.TRUSTED:
            return NOTHING
        names = tuple(payload.secrets)
        return await self._database.read(lambda connection: vault.hand_out(connection, job, names))

    async def _find_token(self, repository: str) -> str | None:
        """The owner's token. When GitHub gives none in time the run goes without: it may well be fetched already."""
        if self._settings.token_of is None:
            return None
        try:
            async with asyncio.timeout(TOKEN_WITHIN):
                return await asyncio.to_thread(self._settings.token_of, repository.partition("/")[0])
        except (HubwrightError, TimeoutError) as error:
            logger.warning("no_token_for_run", repository=repository, error=str(error) or "GitHub is slow")
            return None


def _is_fetched_by_token(source: Source) -> bool:
    """Others need none, and their order waits for no thread."""
    return source.checkout and urlsplit(source.clone_url).scheme == "https"
