"""The only place that turns settings into living objects."""
