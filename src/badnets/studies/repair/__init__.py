"""Repairs, judged: what each leaves of each kind of backdoor, and what it costs."""
