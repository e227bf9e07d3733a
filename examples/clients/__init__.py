"""A short script for every library that trains with our optimizers, or lends ours its parts."""
