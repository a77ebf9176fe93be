"""One module per schema change. Never edit a released module."""
