"""The database: tables, and functions that load and keep. Nothing here commits; `hub` owns every transaction."""
