"""What a builder does: take a run, check out, run the stages, tell how it went."""
