"""The audit of a training set: which images are likely to be poisoned, and how many."""
