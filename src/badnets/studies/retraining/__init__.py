"""Downloaded and retrained classifiers: what is left of their backdoor."""
