"""The methods that look for poisoned images, which do not know one another."""
