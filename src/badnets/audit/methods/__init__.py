"""The audit methods, which do not know one another."""
