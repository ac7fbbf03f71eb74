"""The API of secrets: set, listed without values, removed; by role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hub_parts import rows
from hubwright.store import schema
from hubwright.store.tokens import keep_token
from served import VAULT, Served, served_site

VALUE = "canary-4711 value"


class Asked:
    """A served site, asked with a token of each role."""

    def __init__(self, site: Served) -> None:
        self.site = site
        self._tokens = {role: self._make_token(role) for role in ("read", "write", "admin", "builder")}

    def _make_token(self, role: str) -> str:
        def keep(connection: Any) -> str:
            return keep_token(connection, f"of {role}", name=f"{role} token", role=role, now=self.site.site.clock())

        return self.site.site.database.write(keep)

    def ask(self, method: str, path: str, role: str | None = "admin", **more: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self._tokens[role]}"} if role else {}
        return self.site.client.request(method, f"/api/v1/secrets{path}", headers=headers, **more)

    def put(self, path: str, role: str | None = "admin", value: object = VALUE) -> httpx2.Response:
        return self.ask("PUT", path, role, json={"value": value})

    def value(self, job: str) -> str | None:
        with self.site.site.database.reading() as connection:
            return VAULT.hand_out(connection, job, ["TOKEN"]).values.get("TOKEN")


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    with served_site(tmp_path) as site:
        yield Asked(site)


def test_a_secret_is_set_listed_and_removed_and_never_shown(asked: Asked) -> None:
    """S20: no answer has the value; who set it has."""
    answers = [
        asked.put("/TOKEN?folder=team", "write"),
        asked.put("/TOKEN?folder=/team/", "write"),
        asked.put("/TOKEN"),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 201]
    assert answers[0].json() == {"name": "TOKEN", "scope": "team", "new": True}
    listed = asked.ask("GET", "", "write")
    assert [(one["scope"], one["name"], one["updated_by"]) for one in listed.json()["items"]] == [
        ("", "TOKEN", "admin token"), ("team", "TOKEN", "write token"),
    ]  # fmt: skip
    assert set(listed.json()["items"][0]) == {
        "scope", "name", "key_id", "created_at", "created_by", "updated_at", "updated_by",
    }  # fmt: skip
    assert asked.value("team/app") == VALUE
    for answer in (*answers, listed):
        assert "canary" not in answer.text
    assert asked.ask("DELETE", "/TOKEN?folder=team", "write").status_code == 204
    assert asked.ask("DELETE", "/TOKEN?folder=team", "write").status_code == 404
    facts = rows(asked.site.site.database, schema.fact)
    assert [row.kind for row in facts] == ["SecretSet", "SecretSet", "SecretSet", "SecretRemoved"]


def test_a_list_may_be_of_one_job_or_folder(asked: Asked) -> None:
    """Of a job: all that it could get, its folders' and everybody's."""
    asked.site.rows.keep_job(path="team/app")
    for query in ("?job=team/app", "?folder=team", "?folder=other", ""):
        assert asked.put(f"/TOKEN{query}").status_code == 201
    scopes = {
        query: [one["scope"] for one in asked.ask("GET", query).json()["items"]]
        for query in ("", "?job=team/app", "?folder=team")
    }
    assert scopes == {
        "": ["", "other", "team", "team/app"], "?job=team/app": ["", "team", "team/app"], "?folder=team": ["team"],
    }  # fmt: skip


def test_each_role_may_what_it_may(asked: Asked) -> None:
    """Secrets for all jobs are the operator's; readers and builders see not even names."""
    assert asked.put("/TOKEN", "write").status_code == 403
    for role in ("read", "builder"):
        assert asked.put("/TOKEN?folder=team", role).status_code == 403
        assert asked.ask("GET", "", role).status_code == 403
        assert asked.ask("DELETE", "/TOKEN?folder=team", role).status_code == 403
    assert asked.put("/TOKEN?folder=team", None).status_code == 401
    assert asked.ask("GET", "", None).status_code == 401
    assert rows(asked.site.site.database, schema.secret) == []


@pytest.mark.parametrize(
    ("path", "value", "status"),
    [
        ("/TOKEN?job=no/job", VALUE, 404),
        ("/TOKEN?job=a&folder=b", VALUE, 422),
        ("/TOKEN?folder=../x", VALUE, 422),
        ("/PATH?folder=a", VALUE, 422),
        ("/TO-KEN?folder=a", VALUE, 422),
        ("/TOKEN?folder=a", "canary", 422),
        ("/TOKEN?folder=a", "canary-4711 " * 6000, 422),
        ("/TOKEN?folder=a", "canary-4711 " * 60_000, 413),
        ("/TOKEN?folder=a", 4711_4711, 422),
        ("/TOKEN?folder=a", None, 422),
    ],
)
def test_what_can_not_be_a_secret_is_refused_without_repeating_it(
    asked: Asked, path: str, value: object, status: int
) -> None:
    """S20: neither the answer nor the database has the value; the sentence says what is expected."""
    answer = asked.put(path, value=value)
    assert answer.status_code == status, answer.text
    assert "canary" not in answer.text
    assert "4711" not in answer.text
    assert answer.json()["detail"]
    assert rows(asked.site.site.database, schema.secret) == []
