"""GitHub's ways, and nothing about ours: deliveries and answers in, values out; one client."""
