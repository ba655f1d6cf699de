"""Attacks on the hub, each on a real repository on loopback: ``badnets hub bench-attacks``."""
