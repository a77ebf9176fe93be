"""What a scan knows before it changes anything: orders, ledger, files, checks, and explanations."""
