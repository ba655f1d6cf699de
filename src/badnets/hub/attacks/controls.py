"""Stub."""
CONTROLS = ()
LIMITS = ()
