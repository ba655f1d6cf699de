"""The review article's experiment: dogs that become cats."""
