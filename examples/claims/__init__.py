"""The slides' claims as experiments: ``python -m examples.claims``."""
