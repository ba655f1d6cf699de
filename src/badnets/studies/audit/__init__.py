"""How well the audit of models finds backdoors: a zoo in three disjoint parts, and its page."""
