"""The protocol, the lift from one array to trees, chain, hyperparameters, checks, dtypes."""
