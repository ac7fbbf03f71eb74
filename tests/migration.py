"""Write the migration from the newest one to the tables of `store/schema/`, by looking at a PostgreSQL.

    python tests/migration.py 0002 "What it adds"

Then read it, and set HEAD in `store/revision.py`. (SQLite would not do: indexes on expressions can't be read back.)
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

import servers
from hubwright.store.upgrade import MIGRATIONS, alembic_settings

REMADE = {"0003": ("gh_branch", "gh_commit", "gh_pull_request", "gh_repository")}
"""Tables of the copy of GitHub whose keys became GitHub's ids: they are made anew, and filled again by loading."""


def write_migration(revision: str, message: str) -> Path:
    """The new file, formatted."""
    with create_engine(servers.url_of("postgresql")).begin() as connection:
        settings = alembic_settings(connection)
        settings.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        if list((MIGRATIONS / "versions").glob("[0-9]*.py")):
            command.upgrade(settings, "head")
        for table in REMADE.get(revision, ()):  # autogenerate then makes them, as tables that are not there
            connection.exec_driver_sql(f"DROP TABLE {table}")
        command.revision(settings, message, autogenerate=True, rev_id=revision)
    (file,) = (MIGRATIONS / "versions").glob(f"{revision}_*.py")
    lines = [line for line in file.read_text().splitlines(keepends=True) if "###" not in line]
    start = next(number for number, line in enumerate(lines) if line.startswith("def upgrade")) + 2
    if remade := REMADE.get(revision):
        doc = '    """New tables; those of the copy of GitHub are made anew, and loaded again."""\n'
        lines[start - 1 : start] = [doc, *(f'    op.drop_table("{table}")\n' for table in remade)]
    file.write_text("".join(lines))
    for action in (["format"], ["check", "--fix"]):
        subprocess.run([sys.executable, "-m", "ruff", *action, "--quiet", str(file)], check=True)
    return file


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder = servers.open_run()
    assert folder is not None
    try:
        print(write_migration(sys.argv[1], sys.argv[2]))
    finally:
        servers.close_run(folder)
