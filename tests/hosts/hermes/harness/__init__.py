"""The real Hermes host, driven from outside through its own commands, whichever memory provider is active."""
