"""The MNIST case study."""
