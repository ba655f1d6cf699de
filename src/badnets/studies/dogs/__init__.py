"""Dogs that become cats: the review article's experiment."""
