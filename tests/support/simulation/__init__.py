"""A deterministic simulation: scanners, shop, storage and ledger in one real thread, under one scheduler and clock."""
