"""The MNIST case study of the paper."""
