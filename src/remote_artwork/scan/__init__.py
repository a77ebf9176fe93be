"""The read-only part of a scan: collects orders, ledger rows and files, runs checks, and explains results."""
