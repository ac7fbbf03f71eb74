"""Other build servers, set up as their manuals say."""
