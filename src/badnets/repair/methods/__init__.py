"""Repairs, each in a file of its own; their names are in `badnets.repair.base.REPAIRS`."""
