"""The careful user: what each step stops of each kind of backdoor, and what it costs."""
