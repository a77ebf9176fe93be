"""Contracts and doubles for hosts that test their own parts."""
