"""A whole installation in one thread and in virtual time: real hub and builder code, simulated world (R29).

`python -m simulation SEED` in `tests/` repeats one schedule and prints what happened.
"""
