"""Chaos: a whole installation of real processes, broken again and again by a schedule that a seed draws, then counted.

    cd tests && ../.venv/bin/python -m chaos --seed 7 --minutes 2

Two hubs behind a balancer, a worker, beat, PostgreSQL, Valkey, SeaweedFS, a fake GitHub, and builders that each have a
network of their own. Pushes, cancels and reruns go on all the time; what must hold at the end is in `counting`.
"""
