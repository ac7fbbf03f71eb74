"""Hostile recipes inside each executor, with a real builder: what is held, what is bounded, what gets through.

`python -m red_team` in `tests/` (as root, or `make red-team`) fights all of it and writes the table of
`docs/red-team.md`; `test_red_team.py` fights it as well and compares with that table.
"""
