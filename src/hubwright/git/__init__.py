"""Bare mirrors of repositories, used by hub and builder alike: what git has is fetched once."""
