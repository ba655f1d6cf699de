"""A page of one's own trials: those of a recipe, with whatever was observed."""
