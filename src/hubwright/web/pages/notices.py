"""What desktop notifications are made of: the builds that have ended of those that somebody waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.facts import FactKind
from hubwright.domain.preferences import Preference, Way, choose_preference, places_of
from hubwright.domain.wording import look_of
from hubwright.store.jobs import load_parent_path
from hubwright.store.preferences import load_preferences
from hubwright.store.streaks import load_authors
from hubwright.store.views import load_newest_builds
from hubwright.store.views_lists import load_facts, load_last_fact
from hubwright.store.views_values import BuildView
from hubwright.web.askers import sees
from hubwright.web.assets import Assets
from hubwright.web.pages.frame import HEADERS, Frame
from hubwright.web.pages.jobs import read_number
from hubwright.web.pages.people import Me, read_me

MAX_WATCHED = 50
"""Builds that one browser watches."""

_FACTS = 200


@dataclass(frozen=True, slots=True)
class _Wanted:
    after: int | None
    builds: frozenset[int]
    me: Me | None


class Notices:
    """`GET /fragments/ended?after=&build=&mine=`."""

    def __init__(self, frame: Frame, assets: Assets) -> None:
        self._site = frame.site
        self._assets = assets

    async def show(self, request: Request) -> Response:
        """What has ended since the fact `after`, as JSON; without it only which fact is the newest now.

        `build`, again and again, are the builds that are watched; `mine`: also what who asks wants to be told of
        (`/notifications`), else those of their commits. `more`: ask again.
        """
        texts = request.query_params.getlist("build")[:MAX_WATCHED]
        wanted = _Wanted(
            after=read_number(request, "after"),
            builds=frozenset(int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 19),
            me=read_me(request) if "mine" in request.query_params else None,
        )
        after, builds, more = await self._site.database.read(lambda connection: _load(connection, wanted))
        ended = [self._write(build) for build in builds if sees(request, build.job)]
        document = {"after": after, "more": more, "ended": ended}
        return Response(orjson.dumps(document), headers=HEADERS, media_type="application/json")

    def _write(self, build: BuildView) -> dict[str, object]:
        look = look_of(build.state, build.result)
        return {
            "id": build.id,
            "title": f"{look.sign} {build.job} #{build.number}: {look.word}",
            "text": build.message.strip().partition("\n")[0][:200],
            "icon": self._assets.address(f"favicon-{look.kind}.svg"),
            "address": f"/builds/{build.id}",
        }


def _load(connection: Connection, wanted: _Wanted) -> tuple[int, list[BuildView], bool]:
    if wanted.after is None:
        return load_last_fact(connection), [], False
    facts = load_facts(connection, wanted.after, _FACTS)
    ends = {fact.build_id: fact.data for fact in facts if fact.kind == FactKind.BUILD_FINISHED and fact.build_id}
    builds = load_newest_builds(connection, list(ends)).values()
    kept = load_preferences(connection, wanted.me.name) if wanted.me is not None and wanted.me.certain else ()
    wishes = {one.wanted.path: one.wanted for one in kept}
    told = [
        one
        for one in builds
        if one.id in wanted.builds
        or (wanted.me is not None and _is_told(connection, wanted.me, wishes, one, ends[one.id].get("streak")))
    ]
    return (facts[-1].id if facts else wanted.after), told, len(facts) == _FACTS


def _is_told(
    connection: Connection, me: Me, wishes: Mapping[str, Preference], build: BuildView, streak: dict[str, Any] | None
) -> bool:
    """Whether who asks wants to know of a build's end; who has said nothing wants those of their own commits."""
    wrote = me.wrote(build)
    if not wishes:
        return wrote
    wish = choose_preference(wishes, places_of(build.job, load_parent_path(connection, build.job)))
    if wish is None:
        return wrote
    turn = (streak or {}).get("turn")
    if streak is None or not wish.wants(Way.PAGE, turn, involved=True):
        return False
    authors = load_authors(connection, build, streak) if wish.mine and not wrote else ()
    return wish.wants(Way.PAGE, turn, involved=wrote or me.name.lower() in {name.lower() for name in authors})
