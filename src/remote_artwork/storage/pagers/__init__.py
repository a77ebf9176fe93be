"""Pagers: one file a protocol, each turning a folder into pages of names."""
