"""Ways to the world besides GitHub: search engines and their kin, one module each."""
