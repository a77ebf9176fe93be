"""Clients: the systems that hold the orders."""
