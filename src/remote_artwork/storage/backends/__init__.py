"""Storage backends: one module per protocol, and further ones for what it uses, such as an SDK. Start with ``base``."""
