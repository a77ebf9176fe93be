"""Draws a report for people: in the terminal and as a contact sheet."""
