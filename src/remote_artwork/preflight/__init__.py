"""Preflight: checks of a file before it goes to print."""
