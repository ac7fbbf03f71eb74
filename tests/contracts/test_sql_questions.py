"""Questions in SQL on SQLite and PostgreSQL: they read only, see no secret, and end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import psycopg
import pytest
from sqlalchemy import insert, make_url

from hubwright.errors import HubwrightError, SettingsError, UnprocessableError
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.sql import PARALLEL, Questions
from hubwright.store.sql_answers import MAX_CELL, Bounds
from hubwright.store.sql_tables import HIDDEN, READABLE
from hubwright.store.writers import DatabaseBusyError
from hubwright.web.sql import EXAMPLES
from hubwright.wiring.questions import make_questions
from tables import fresh_postgres, with_tables
from waiting import until

NOW = 1_790_000_000.0
CANARY = "canary-4711"


@pytest.fixture(scope="module")
def kept_postgres_url() -> Iterator[str]:
    """A PostgreSQL database for all questions that are to change nothing: what one leaves behind, the others tell."""
    with fresh_postgres("postgresql") as url:
        yield url


@pytest.fixture(scope="module")
def kept_sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same of SQLite."""
    return with_tables(f"sqlite:///{tmp_path_factory.mktemp('kept')}/hubwright.db")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest) -> Iterator[Questions]:
    """Questions to it, with a job and a token, on both."""
    url = request.getfixturevalue("kept_sqlite_url" if request.param == "sqlite" else "kept_postgres_url")
    with closing(Database(str(url))) as database:
        yield fill(database)


@pytest.fixture
def asked(database: Database) -> Questions:
    """Questions to a database that has a job and a token, and that the test may change."""
    return fill(database)


def fill(database: Database) -> Questions:
    job = {"path": "team/app", "repository": "team/app", "settings": {"note": "é"}, "created_at": NOW}
    token = {"name": "t", "role": "admin", "hash": CANARY, "created_at": NOW}
    database.write(lambda connection: connection.execute(insert(schema.job), job))
    database.write(lambda connection: connection.execute(insert(schema.token), token))
    return make_questions(database.url, Bounds(rows=100, seconds=5))


def test_values_look_the_same_on_both_databases(kept: Questions) -> None:
    """A script must not care which database the hub has."""
    found = kept.ask("SELECT id, path, created_at, NULL AS missing, 2.5 AS number FROM job; ")

    assert found.columns == ("id", "path", "created_at", "missing", "number")
    assert found.rows == [(1, "team/app", "2026-09-21T14:13:20.000000Z", None, 2.5)]
    assert found.cut is None
    assert kept.ask("WITH t AS (SELECT 1 AS a) SELECT count(*) FROM t").rows == [(1,)]
    assert kept.ask("SELECT a.id, b.id FROM job a, job b").columns == ("id", "id")
    assert kept.ask("SELECT path FROM job WHERE path LIKE '%app' -- a remark").rows == [("team/app",)]


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_each_example_of_the_page_is_answered(kept: Questions, name: str) -> None:
    """They are what people begin with; a column that is renamed must not break them, nor one database's words."""
    assert kept.ask(EXAMPLES[name]).columns


@pytest.mark.parametrize("table", sorted(HIDDEN))
def test_a_closed_table_is_closed(kept: Questions, table: str) -> None:
    """Tokens, sealed secrets, GitHub's answers: not a row, not a count, not through a table expression."""
    for text in (
        f"SELECT * FROM {table}",
        f"SELECT count(*) FROM {table}",
        f"SELECT (SELECT 1 FROM {table} LIMIT 1)",
        f"WITH t AS (SELECT * FROM {table}) SELECT * FROM t",
        f"SELECT 1 FROM job WHERE EXISTS (SELECT 1 FROM {table})",
    ):
        with pytest.raises(UnprocessableError):
            kept.ask(text)


def test_every_open_table_can_be_read(kept: Questions) -> None:
    """What docs/replica.md promises."""
    for table in sorted(READABLE):
        kept.ask(f"SELECT * FROM {table}")


CHANGES = (
    "INSERT INTO job (path, repository, settings, created_at) VALUES ('x', 'x', '{}', '2026-01-01')",
    "UPDATE job SET path = 'x'",
    "DELETE FROM job",
    "DROP TABLE job",
    "CREATE TABLE mine (a int)",
    "CREATE TEMP TABLE mine (a int)",
    "WITH gone AS (DELETE FROM job RETURNING id) SELECT * FROM gone",
    "SELECT 1; DELETE FROM job",
    "SELECT 1) AS q(c0); DELETE FROM job; --",
    "SELECT 1) AS q(c0), (SELECT hash FROM token",
    "COMMIT",
    "BEGIN IMMEDIATE",
    "VACUUM",
    "",
    ";",
    "nonsense",
    "SELECT 'open",
    "SELECT '\0'",
)


@pytest.mark.parametrize("text", CHANGES)
def test_nothing_is_changed(kept: Questions, text: str) -> None:
    """Read-only for real: by the connection, not by looking at the text."""
    with pytest.raises(UnprocessableError):
        kept.ask(text)

    assert kept.ask("SELECT path FROM job").rows == [("team/app",)]


SQLITE_TRICKS = (
    "ATTACH '/tmp/stolen.db' AS other",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "SELECT * FROM pragma_table_info('token')",
    "SELECT count(*) FROM pragma_table_info('token')",
    "SELECT sql FROM sqlite_master",
    "SELECT count(*) FROM sqlite_schema",
    "SELECT * FROM sqlite_stat4",
    "SELECT * FROM dbstat",
    "SELECT load_extension('/tmp/evil.so')",
    "SELECT * FROM main.token",
    'SELECT * FROM "TOKEN"',
    "SELECT readfile('/etc/passwd')",
    "SELECT length(zeroblob(1000000000))",
    "VACUUM INTO '/tmp/stolen.db'",
    "WITH x AS (SELECT 1) DELETE FROM job",
    "REPLACE INTO job (id) VALUES (1)",
    "EXPLAIN DELETE FROM job",
    "ANALYZE",
    "REINDEX",
    "SAVEPOINT mine",
    "DETACH main",
    "PRAGMA temp_store_directory = '/tmp'",
    "SELECT * FROM sqlite_dbpage",
    "SELECT * FROM bytecode('SELECT 1')",
    "SELECT writefile('/tmp/stolen', 'x')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT hash FROM (SELECT * FROM job), token",
    "SELECT randomblob(1000000000)",
    "SELECT '\udc80'",
)


@pytest.mark.parametrize("text", SQLITE_TRICKS)
def test_sqlites_side_doors_are_shut(kept_sqlite_url: str, text: str) -> None:
    """Other files, the schema, extensions, and the tables behind functions."""
    with pytest.raises(UnprocessableError):
        make_questions(kept_sqlite_url, Bounds()).ask(text)


POSTGRESQL_TRICKS = (
    "SET ROLE postgres",
    "RESET ROLE",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "COPY job TO '/tmp/stolen'",
    "COPY job TO PROGRAM 'id'",
    "SELECT query_to_xml('SELECT hash FROM token', true, true, '')",
    "SELECT set_config('role', 'postgres', false), query_to_xml('SELECT hash FROM token', true, true, '')",
    "SELECT set_config('session_authorization', 'postgres', false)",
    "SELECT set_config('transaction_read_only', 'off', false), query_to_xml('DELETE FROM job', true, true, '')",
    "SELECT rolpassword FROM pg_authid",
    "SELECT nextval('job_id_seq')",
    "DO $$ BEGIN END $$",
    "LISTEN x",
    "SELECT 1 /* open",
    "SELECT * FROM public.token",
    "SELECT * FROM job FOR UPDATE",
    "SELECT * INTO mine FROM job",
    "CREATE TABLE mine AS SELECT 1 AS a",
    "EXPLAIN ANALYZE DELETE FROM job",
    "PREPARE p AS SELECT 1",
    "DECLARE c CURSOR FOR SELECT 1",
    "COPY (SELECT 1) TO STDOUT",
    "COPY job FROM PROGRAM 'id'",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT * FROM pg_stat_file('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/stolen')",
    "SELECT pg_reload_conf()",
    "SELECT pg_rotate_logfile()",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "SELECT row_to_json(token) FROM token",
    "SELECT t.* FROM job, LATERAL (SELECT * FROM token) AS t",
    "TABLE token",
    "SELECT table_to_xml('token', true, true, '')",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SHOW data_directory",
)


@pytest.mark.parametrize("text", POSTGRESQL_TRICKS)
def test_postgresqls_side_doors_are_shut(kept_postgres_url: str, text: str) -> None:
    """A role that is only set can be reset within the question; a login of its own can't."""
    with pytest.raises(UnprocessableError):
        make_questions(kept_postgres_url, Bounds()).ask(text)


def test_functions_that_write_whole_schemas_leave_out_what_is_closed(postgres_url: str) -> None:
    """They look into every table that the asker may read."""
    database = Database(postgres_url)
    try:
        token = {"name": "t", "role": "admin", "hash": CANARY, "created_at": NOW}
        job = {"path": "team/app", "repository": "team/app", "settings": {}, "created_at": NOW}
        database.write(lambda connection: connection.execute(insert(schema.token), token))
        database.write(lambda connection: connection.execute(insert(schema.job), job))
        asked = make_questions(postgres_url, Bounds())
        for text in ("schema_to_xml('public', true, true, '')", "database_to_xml(true, true, '')"):
            (found,) = asked.ask(f"SELECT {text}").rows[0]
            assert "<job" in str(found)
            assert CANARY not in str(found)
    finally:
        database.close()


def test_what_a_function_makes_besides_is_gone_with_the_question(postgres_url: str) -> None:
    """Before PostgreSQL 16 large objects can be made in a read-only transaction; ours is rolled back."""
    database = Database(postgres_url)
    try:
        asked = make_questions(postgres_url, Bounds())
        for text in ("SELECT lo_from_bytea(0, 'x')", "SELECT lo_create(4711)", "SELECT pg_advisory_lock(4711)"):
            with suppress(UnprocessableError):
                asked.ask(text)
        left = "SELECT (SELECT count(*) FROM pg_largeobject_metadata) + count(*) FROM pg_locks WHERE objid = 4711"
        until(lambda: database.write(lambda connection: connection.exec_driver_sql(left).scalar()) == 0, 10)
    finally:
        database.close()


def test_samples_of_a_closed_tables_values_are_closed_too(asked: Questions, database: Database) -> None:
    """PostgreSQL's statistics hold values of columns."""
    if database.dialect == "postgresql":
        database.write(lambda connection: connection.exec_driver_sql("ANALYZE"))
        assert asked.ask("SELECT * FROM pg_stats WHERE tablename = 'token'").rows == []
    else:
        with pytest.raises(UnprocessableError):
            asked.ask("SELECT * FROM sqlite_stat1")


def test_an_answer_ends_at_its_bound_of_rows_and_says_so(kept: Questions) -> None:
    """A million rows are neither held nor sent."""
    many = "WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n WHERE a < 5000) SELECT a FROM n ORDER BY a"
    found = kept.ask(many)
    fewer = kept.ask(many, rows=7)

    assert (len(found.rows), found.cut) == (100, "rows")
    assert (fewer.rows, fewer.cut) == ([(number,) for number in range(1, 8)], "rows")
    assert len(kept.ask(many, rows=1_000_000).rows) == 100


def test_long_values_and_long_answers_are_cut(asked: Questions, database: Database) -> None:
    """R20: a log in a column must not fill the memory."""
    long = "repeat('é', 300000)" if database.dialect == "postgresql" else "replace(hex(zeroblob(150000)), '0', 'é')"
    (cell,) = asked.ask(f"SELECT {long}").rows[0]
    small = make_questions(database.url, Bounds(rows=1000, size=1000))
    found = small.ask("WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n WHERE a < 500) SELECT a FROM n")

    assert cell == "é" * MAX_CELL + "…"
    assert (len(found.rows), found.cut) == (125, "size")


def test_a_question_that_never_ends_is_stopped(database: Database) -> None:
    """The time is the database's own; nothing is left running."""
    asked = make_questions(database.url, Bounds(seconds=0.5))
    endless = "WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n) SELECT count(*) FROM n"
    texts = [endless]
    if database.dialect == "postgresql":
        texts += ["SELECT pg_sleep(60)", f"SELECT set_config('statement_timeout', '0', false), ({endless})"]
    for text in texts:
        began = time.monotonic()
        with pytest.raises(UnprocessableError, match=r"longer than 0\.5 s"):
            asked.ask(text)
        assert time.monotonic() - began < 20


def test_a_join_of_all_with_all_is_stopped(asked: Questions, database: Database) -> None:
    """A forgotten condition: ten thousand rows three times over, counted or sorted."""
    bounded = make_questions(database.url, Bounds(seconds=0.5))
    many = "WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n WHERE a < 10000)"
    for text in (
        f"{many} SELECT count(*) FROM n AS x, n AS y, n AS z",
        f"{many} SELECT x.a FROM n AS x, n AS y, n AS z ORDER BY x.a * y.a * z.a, y.a",
        f"{many} SELECT DISTINCT x.a, y.a, z.a FROM n AS x, n AS y, n AS z WHERE x.a + y.a + z.a < 0",
    ):
        began = time.monotonic()
        with pytest.raises(UnprocessableError, match=r"longer than 0\.5 s"):
            bounded.ask(text)
        assert time.monotonic() - began < 20


LONG_STEPS = (
    "trim({0}, {1}||'a')",
    "instr({0}||{0}||{0}||{0}, {0}||{0}||'b')",
    "replace({0}||{0}||{0}||{0}, {0}||{0}||'b', 'x')",
)


@pytest.mark.parametrize("text", LONG_STEPS)
def test_one_step_of_sqlite_that_takes_minutes_is_stopped(sqlite_url: str, text: str) -> None:
    """SQLite asks its clock between steps only, so a thread would hang; nothing goes on behind the answer."""
    database = Database(sqlite_url)
    try:
        one, other = (f"replace(hex(zeroblob(1000000)), '0', '{letter}')" for letter in "ab")
        began = time.monotonic()
        with pytest.raises(UnprocessableError, match=r"longer than 0\.5 s|more time or memory"):
            make_questions(sqlite_url, Bounds(seconds=0.5)).ask(f"SELECT {text.format(one, other)}")
        assert time.monotonic() - began < 20
        assert make_questions(sqlite_url, Bounds()).ask("SELECT 1").rows == [(1,)]
    finally:
        database.close()


def test_one_step_of_postgresql_that_takes_long_ends_for_the_asker(postgres_url: str) -> None:
    """The server can't be stopped in it; its place stays taken until it is done, so nobody can take more than three."""
    database = Database(postgres_url)
    try:
        asked = make_questions(postgres_url, Bounds(seconds=0.5))
        began = time.monotonic()
        with pytest.raises(UnprocessableError, match=r"longer than 0\.5 s"):
            asked.ask("SELECT btrim(repeat('a', 40000), repeat('b', 40000) || 'a')")
        assert time.monotonic() - began < 20
        until(lambda: sum(thread.name == "sql" for thread in threading.enumerate()) == 0, 60, "the end of the step")
        assert asked.ask("SELECT 1").rows == [(1,)]
    finally:
        database.close()


def test_sqlite_may_not_fill_the_memory(sqlite_url: str) -> None:
    """Each value is within its bound; all of a row are not."""
    database = Database(sqlite_url)
    try:
        cells = ", ".join(f"hex(zeroblob(15000000 + {number}))" for number in range(60))
        with pytest.raises(UnprocessableError, match="memory"):
            make_questions(sqlite_url, Bounds()).ask(f"SELECT {cells}")
    finally:
        database.close()


def test_too_many_questions_at_once_are_refused(database: Database) -> None:
    """S45: questions have places of their own; a build never waits behind them."""
    asked = make_questions(database.url, Bounds(seconds=3))
    endless = "WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n) SELECT count(*) FROM n"

    def ask() -> None:
        with pytest.raises(UnprocessableError):
            asked.ask(endless)

    threads = [threading.Thread(target=ask) for _ in range(PARALLEL)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 3
    refused = False
    while not refused and time.monotonic() < deadline:
        try:
            asked.ask("SELECT 1")
        except DatabaseBusyError:
            refused = True
    for thread in threads:
        thread.join()

    assert refused
    assert asked.ask("SELECT 1").rows == [(1,)]


def test_a_login_that_could_read_secrets_is_refused(postgres_url: str) -> None:
    """The operator's slip (the hub's own login as the reader) must not open the walls."""
    database = Database(postgres_url)
    try:
        with pytest.raises(SettingsError, match="not safe"):
            make_questions(postgres_url, Bounds(), postgres_url).ask("SELECT 1")
    finally:
        database.close()


@pytest.fixture
def plain_login(postgres_url: str) -> Iterator[Callable[[str], str]]:
    """Makes a login without any right and gives the address with it."""
    made: list[str] = []
    admin = postgres_url.replace("+psycopg", "")

    def make(name: str) -> str:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {name} LOGIN")
        made.append(name)
        return make_url(postgres_url).set(username=name).render_as_string(hide_password=False)

    yield make
    with psycopg.connect(admin, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP OWNED BY {name}")
            connection.execute(f"DROP ROLE {name}")


def test_a_hub_that_may_make_no_role_says_what_to_set(postgres_url: str, plain_login: Callable[[str], str]) -> None:
    """Managed databases often allow it not; the operator gives a login, and it works."""
    database = Database(postgres_url)
    try:
        login = plain_login(f"plain_{make_url(postgres_url).database}")
        with pytest.raises(SettingsError, match="SQL__DATABASE_URL"):
            make_questions(login, Bounds()).ask("SELECT 1")
        role = make_url(login).username
        database.write(lambda connection: connection.exec_driver_sql(f"GRANT SELECT ON job, build TO {role}"))
        assert make_questions(login, Bounds(), login).ask("SELECT count(*) FROM job").rows == [(0,)]
        with pytest.raises(UnprocessableError):
            make_questions(login, Bounds(), login).ask("SELECT * FROM token")
        database.write(lambda connection: connection.exec_driver_sql(f"GRANT SELECT (name) ON token TO {role}"))
        with pytest.raises(SettingsError, match="token"):
            make_questions(login, Bounds(), login).ask("SELECT 1")
    finally:
        database.close()


def test_a_database_that_is_away_is_told_in_a_sentence(free_port: int) -> None:
    """No traceback, and the address is not told with its password."""
    url = f"postgresql+psycopg://hub:geheim@127.0.0.1:{free_port}/x"
    with pytest.raises(HubwrightError) as told:
        make_questions(url, Bounds()).ask("SELECT 1")

    assert "geheim" not in str(told.value)
