"""Processes the orders that a scan has matched: check, attach, send, and resolve what an earlier scan left."""
