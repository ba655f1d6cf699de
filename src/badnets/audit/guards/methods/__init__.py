"""Methods that score inputs; each is fitted on clean images and knows no other."""
