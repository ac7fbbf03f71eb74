"""The figures of docs/performance.md: whole processes from outside, beside their peers in the same run.

`python -m bench --help`; nothing here is part of Hubwright.
"""
