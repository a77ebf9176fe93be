"""Show a report to people: in a terminal, or as an HTML page."""
