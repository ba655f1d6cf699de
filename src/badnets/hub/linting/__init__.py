"""The lint: what is to be known of a model folder of any library before it is loaded."""
