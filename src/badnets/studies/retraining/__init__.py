"""Networks that are downloaded and retrained: what is left of their backdoor."""
