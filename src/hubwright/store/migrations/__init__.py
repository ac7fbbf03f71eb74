"""Migrations of the tables, read by Alembic."""
