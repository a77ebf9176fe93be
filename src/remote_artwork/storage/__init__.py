"""Storage: from a pasted URL to listed, checked and signed files."""
