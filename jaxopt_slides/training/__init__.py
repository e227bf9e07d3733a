"""The slides' SGD main loop as functions: sample a batch, take a step, fit; and many fits at once."""

from jaxopt_slides.training.batches import sample_batches as sample_batches
from jaxopt_slides.training.fit import fit as fit
from jaxopt_slides.training.step import make_step as make_step
from jaxopt_slides.training.sweep import sweep as sweep
