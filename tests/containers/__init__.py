"""The images and the composition of `deploy/container`, built and run for real: no part of the suite."""
