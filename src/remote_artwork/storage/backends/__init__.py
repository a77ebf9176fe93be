"""Storage backends: one module per protocol, or two if one of them imports an SDK. Start with ``base``."""
