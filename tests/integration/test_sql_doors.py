"""SQL by API, page and command: who may ask, and how answers look."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

import command_line
from hubwright.store.sql_answers import Bounds
from hubwright.store.tokens import keep_session, keep_token
from hubwright.web.assets import Assets
from hubwright.web.gate import COOKIE, Asker, Gate
from hubwright.web.pages.frame import Frame
from hubwright.web.problems import PROBLEM_HANDLERS
from hubwright.web.site import Site
from hubwright.web.sql import SqlDoors
from hubwright.wiring.questions import make_questions
from served import NOW, Rows, make_site, serve, served_site

ADMIN = {"Authorization": "Bearer admin-secret"}
Hub = tuple[str, Site]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A served site with a job whose name would be a formula, a tag and an escape."""
    with make_site(tmp_path) as site:
        Rows(site.database).keep_job(path="=cmd()<b>\x1b[31m", repository="team/app")
        gate = Gate(site)
        doors = SqlDoors(
            gate, Frame(site, gate, Assets()), make_questions(site.database.url, Bounds(rows=5, seconds=2))
        )
        app = FastAPI(exception_handlers=PROBLEM_HANDLERS)
        doors.make_router().add_to(app)
        app.router.routes.extend(doors.routes())
        with serve(app) as url:
            yield url, site


@pytest.fixture
def client(hub: Hub) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=hub[0]) as client:
        yield client


def test_only_admins_ask(hub: Hub, client: httpx2.Client) -> None:
    """A question sees private repositories and every build."""
    tokens = {
        role: hub[1].database.write(
            lambda connection, role=role: keep_token(connection, f"of {role}", name=role, role=role, now=NOW)
        )
        for role in ("read", "write", "builder", "admin", "sql")
    }
    asked = {"query": "SELECT 1 AS one"}
    for method, path in (("POST", "/api/v1/sql"), ("GET", "/sql"), ("POST", "/sql")):
        body: dict[str, Any] = {"json": asked} if "api" in path else {"data": asked} if method == "POST" else {}
        assert client.request(method, path, **body).status_code == 401
        found = {
            role: client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **body).status_code
            for role, token in tokens.items()
        }
        assert found == {"read": 403, "write": 403, "builder": 403, "admin": 200, "sql": 200}, path


@pytest.mark.parametrize("role", ["read", "write", "admin", "builder"])
def test_a_token_for_sql_is_for_nothing_else(role: str) -> None:
    """It goes into a dashboard's settings; what leaks there must not build, approve or change."""
    asker = Asker("sql", "dashboard", "token", 1)
    assert asker.may("sql")
    assert not asker.may(role)
    assert Asker(role, "x", "token", 1).may("sql") == (role == "admin")


def test_a_token_for_sql_logs_nobody_in(tmp_path: Path) -> None:
    """A session of it would be one for all pages."""
    with served_site(tmp_path) as site:
        text = site.site.database.write(
            lambda connection: keep_token(connection, "s" * 43, name="board", role="sql", now=NOW)
        )
        own = {"Origin": str(site.client.base_url).rstrip("/")}
        answer = site.client.post("/login", data={"token": text}, headers=own)
        assert (answer.status_code, "role sql" in answer.text) == (403, True)
        assert site.client.get("/api/v1/builds", headers={"Authorization": f"Bearer {text}"}).status_code == 403


def test_another_sites_page_cannot_ask_with_our_cookie(hub: Hub, client: httpx2.Client) -> None:
    """CSRF; and an address that holds a question fills the form without asking it."""

    def keep(connection: Any) -> str:
        return keep_session(connection, "s" * 43, role="admin", now=NOW, expires=NOW + 1000)

    cookie = {"Cookie": f"{COOKIE}={hub[1].database.write(keep)}"}
    asked = {"query": "SELECT 4711 AS n"}

    assert client.post("/sql", data=asked, headers={**cookie, "Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert "<td" in client.post("/sql", data=asked, headers={**cookie, "Sec-Fetch-Site": "same-origin"}).text
    filled = client.get("/sql", params=asked, headers=cookie).text
    assert "SELECT 4711 AS n" in filled
    assert "<td" not in filled


def test_the_api_answers_json_and_csv(client: httpx2.Client) -> None:
    """What was cut is said; wrong questions are 422 with a sentence."""
    many = {
        "query": "WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a+1 FROM n WHERE a<9) SELECT a, 'x,y' AS b FROM n"
    }
    found = client.post("/api/v1/sql", json=many, headers=ADMIN).json()
    few = client.post("/api/v1/sql", json={**many, "rows": 2}, headers={**ADMIN, "Accept": "text/csv"})

    assert found["columns"] == ["a", "b"]
    assert found["rows"] == [[number, "x,y"] for number in range(1, 6)]
    assert found["cut"] == "rows"
    assert list(csv.reader(io.StringIO(few.text))) == [["a", "b"], ["1", "x,y"], ["2", "x,y"]]
    for body in ({"query": "SELECT hash FROM token"}, {"query": ""}, {"query": "DELETE FROM job"}, {"sql": "SELECT 1"}):
        refused = client.post("/api/v1/sql", json=body, headers=ADMIN)
        assert refused.status_code == 422
        assert refused.json()["detail"]


def test_the_page_shows_names_as_they_are_and_files_are_calm(client: httpx2.Client) -> None:
    """S15: a name from outside is neither a tag, nor an escape, nor a spreadsheet's formula."""
    asked = {"query": "SELECT path, NULL AS nil, 7 AS seven FROM job"}
    page = client.post("/sql", data=asked, headers=ADMIN).text
    sheet = client.post("/sql", data={**asked, "format": "csv"}, headers=ADMIN)
    objects = client.post("/sql", data={**asked, "format": "json"}, headers=ADMIN)

    assert "=cmd()&lt;b&gt;" in page
    assert "\x1b" not in page
    assert 'class="num">7<' in page
    assert list(csv.reader(io.StringIO(sheet.text)))[1] == ["'=cmd()<b>\x1b[31m", "", "7"]
    assert sheet.headers["content-disposition"] == 'attachment; filename="hubwright.csv"'
    assert objects.json() == [{"path": "=cmd()<b>\x1b[31m", "nil": None, "seven": 7}]


def test_a_wrong_question_stands_in_the_form_with_its_reason(client: httpx2.Client) -> None:
    """Nobody types it again."""
    answer = client.post("/sql", data={"query": "SELECT <wrong> FROM job"}, headers=ADMIN)

    assert answer.status_code == 422
    assert "SELECT &lt;wrong&gt; FROM job</textarea>" in answer.text
    assert "The database refused the question" in answer.text


@pytest.mark.parametrize("remote", [False, True])
def test_the_command_asks_the_database_or_a_hub(hub: Hub, tmp_path: Path, *, remote: bool) -> None:
    """On the hub's machine it needs no hub; elsewhere a token of the role admin."""
    more = (
        {"HUBWRIGHT_URL": hub[0], "HUBWRIGHT_TOKEN": "admin-secret"}
        if remote
        else {"HUBWRIGHT_DATA_DIR": str(tmp_path)}
    )

    def run(*arguments: str) -> command_line.Done:
        with capture_logs() as logged:
            done = command_line.run(None, "sql", *arguments, more=more)
        assert [line["by"] for line in logged] == (["admin token"] if remote else [])
        return done

    table = run("SELECT id, path FROM job")
    assert (table.returncode, table.stdout.split()[:2]) == (0, ["id", "path"]), table.stderr
    assert "\x1b" not in table.stdout
    assert "1 row in" in table.stderr
    assert run("SELECT path FROM job", "--format", "csv").stdout == "path\r\n=cmd()<b>\x1b[31m\r\n"
    assert json.loads(run("SELECT id, id FROM job", "--json").stdout) == [{"id": 1, "id_2": 1}]
    refused = run("SELECT * FROM token")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: This can't be read")
    cut = run("VALUES (1), (2), (3)", "--rows", "2", "--format", "csv")
    assert "There are more" in cut.stderr


def test_the_command_without_a_database_says_so(tmp_path: Path) -> None:
    """No traceback, and no empty file is made."""
    done = command_line.run(None, "sql", "SELECT 1", more={"HUBWRIGHT_DATA_DIR": str(tmp_path / "none")})

    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert not (tmp_path / "none").exists()


def test_a_hub_without_a_safe_login_says_what_to_set(tmp_path: Path, postgres_url: str) -> None:
    """The answer is 503 with the setting's name, no traceback."""
    with make_site(tmp_path) as site:
        gate = Gate(site)
        questions = make_questions(postgres_url, Bounds(), postgres_url)
        app = FastAPI(exception_handlers=PROBLEM_HANDLERS)
        SqlDoors(gate, Frame(site, gate, Assets()), questions).make_router().add_to(app)
        with serve(app) as url:
            answer = httpx2.post(f"{url}/api/v1/sql", json={"query": "SELECT 1"}, headers=ADMIN)

    assert (answer.status_code, "SQL__DATABASE_URL" in answer.json()["detail"]) == (503, True)
