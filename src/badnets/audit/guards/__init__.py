"""The audit of inputs: which of the images that a model is given hold a trigger."""
