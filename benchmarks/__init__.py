"""This library beside optax and torch: ``python -m benchmarks``. ``README.md`` has the figures."""
