"""Trains a word model on real English text with the slides' rules, each over seven learning rates.

A learning rate is a leaf of an optimizer, so a rule's whole grid is one stacked optimizer, made by a
vmapped constructor, and its sweep is one program: ``vmap`` over seeds and learning rates of ``fit``,
compiled once. The model is a small neural language model (Bengio et al., 2003): the embeddings of the
three words before, a tanh layer, a softmax over 3,000 words. The text is Python's own help, which every
CPython carries: nothing is downloaded.
"""

import argparse
import functools
import hashlib
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import text_checkpoint
import text_data
import text_options
import text_picture
import text_report

import jaxopt_slides as jos

WIDTH, HIDDEN = 32, 64
PARTS = 25  # a run is so many calls of one program, with a look at the validation text after each
RULES = {  # each rule with its learning rates, half a decade apart
    "sgd": (jos.sgd, (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)),
    "momentum": (jos.momentum, (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)),
    "nesterov": (jos.nesterov, (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)),
    "rmsprop": (jos.rmsprop, (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)),
    "adagrad": (jos.adagrad, (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)),
}


class Plan(NamedTuple):
    """How every rule is trained."""

    parts: int
    steps: int  # a part
    batch_size: int
    seeds: tuple[int, ...]


def init_params(key: jax.Array) -> dict[str, jax.Array]:
    """Small random embeddings, layers scaled by their fan-in."""
    words, inputs = text_data.VOCABULARY, text_data.CONTEXT * WIDTH
    embed, hidden, out = jax.random.split(key, 3)
    return {
        "embed": jax.random.normal(embed, (words, WIDTH)) * 0.1,
        "hidden": jax.random.normal(hidden, (inputs, HIDDEN)) / inputs**0.5,
        "hidden_bias": jnp.zeros(HIDDEN),
        "out": jax.random.normal(out, (HIDDEN, words)) / HIDDEN**0.5,
        "out_bias": jnp.zeros(words),
    }


def surprise(params: dict[str, jax.Array], context: jax.Array, word: jax.Array) -> jax.Array:
    """-log p(word | the three words before it)."""
    x = params["embed"][context].reshape(-1)
    h = jnp.tanh(x @ params["hidden"] + params["hidden_bias"])
    scores = h @ params["out"] + params["out_bias"]
    return jax.nn.logsumexp(scores) - scores[word]


def loss(params: dict[str, jax.Array], batch: tuple[jax.Array, jax.Array]) -> jax.Array:
    """The mean surprise over a batch of contexts ``[batch, 3]`` and words ``[batch]``."""
    return jnp.mean(jax.vmap(surprise, in_axes=(None, 0, 0))(params, *batch))


def loss_on_text(params: dict[str, jax.Array], data: tuple[jax.Array, jax.Array]) -> jax.Array:
    """The loss over many examples, some 512 at a time; up to a handful at the end are left out."""
    groups = -(-len(data[1]) // 512)
    size = len(data[1]) // groups
    data = jax.tree.map(lambda x: x[: groups * size].reshape(groups, size, *x.shape[1:]), data)
    return jnp.mean(jax.lax.map(jax.checkpoint(lambda batch: loss(params, batch)), data))


@jax.jit
def row_gradient_norms(params: dict[str, jax.Array], data: tuple[jax.Array, jax.Array]) -> jax.Array:
    """The norm of the gradient of each word's embedding, ``[vocabulary]``."""
    return jnp.linalg.norm(jax.grad(loss_on_text)(params, data)["embed"], axis=1)


def start(tx: jos.GradientTransformation, key: jax.Array) -> tuple[Any, Any]:
    """The first params and state of one run."""
    params = init_params(jax.random.fold_in(key, 0))
    return params, tx.init(params)


def train_part(plan: Plan, tx, params, state, key, part, train, validation):
    """One part of one run: ``plan.steps`` steps of training, and then the validation loss."""
    batches = jos.sample_batches(jax.random.fold_in(key, 1 + part), train, plan.batch_size)
    run = jos.fit(loss, tx, params, state=state, steps=plan.steps, batches=batches)
    return run.params, run.state, loss_on_text(run.params, validation)


@jax.jit
def start_grid(tx: jos.GradientTransformation, keys: jax.Array, validation):
    """The first params, state and validation loss, ``[seeds, rates, ...]``."""
    params, state = jax.vmap(jax.vmap(start, in_axes=(0, None)), in_axes=(None, 0))(tx, keys)
    one_rate = jax.tree.map(lambda x: x[:, 0], params)  # all rates start from the same params
    return params, state, jax.vmap(loss_on_text, in_axes=(0, None))(one_rate, validation)


def compile_grid(plan: Plan, *arguments):
    """The sweep's one program. An executable cannot compile again: other shapes are an error."""
    one = functools.partial(train_part, plan)
    rates = jax.vmap(one, in_axes=(0, 0, 0, None, None, None, None))  # of tx, params, state
    seeds = jax.vmap(rates, in_axes=(None, 0, 0, 0, None, None, None))  # of params, state, key

    def sweep_part(*arguments):
        return seeds(*arguments)

    return jax.jit(sweep_part, donate_argnums=(1, 2)).lower(*arguments).compile()


def begin(rule: str, keys: jax.Array, validation: Any) -> text_checkpoint.Run:
    """A sweep before its first step: all seeds and all learning rates."""
    constructor, rates = RULES[rule]
    tx = jax.vmap(constructor)(jnp.array(rates))
    params, state, first = start_grid(tx, keys, validation)
    losses = np.broadcast_to(np.asarray(first)[:, None], (len(keys), len(rates)))
    return text_checkpoint.Run(tx, params, state, [losses])


def sweep(
    rule: str,
    plan: Plan,
    data: Any,
    progress: text_report.Progress,
    run: text_checkpoint.Run | None,
    save: Callable[[text_checkpoint.Run], None],
) -> text_report.Sweep:
    """Trains one rule with all its learning rates and all seeds at once, from where ``run`` stands."""
    keys = jnp.stack([jax.random.key(seed) for seed in plan.seeds])
    run = begin(rule, keys, data[1]) if run is None else run
    progress.show(rule, run.parts * plan.steps)
    began = time.perf_counter()
    program = compile_grid(plan, run.tx, run.params, run.state, keys, np.int32(0), *data)
    compiling = time.perf_counter() - began
    for part in range(run.parts, plan.parts):
        began = time.perf_counter()
        params, state, loss = program(run.tx, run.params, run.state, keys, np.int32(part), *data)
        losses = [*run.losses, np.asarray(loss)]
        seconds = (compiling, run.seconds[1] + time.perf_counter() - began)
        run = text_checkpoint.Run(run.tx, params, state, losses, seconds)
        progress.show(rule, plan.steps, losses[-1])
        if run.parts < plan.parts:
            save(run)
    rates, steps = np.array(RULES[rule][1]), plan.steps * np.arange(plan.parts + 1)
    done = text_report.Sweep(rule, rates, steps, np.stack(run.losses), run.seconds)
    return done._replace(params=jax.tree.map(lambda x: x[0, done.best or 0], run.params))


def gradient_sizes(corpus: text_data.Corpus, plan: Plan, best: text_report.Sweep | None) -> str:
    """How far the sizes of the per-word gradients span, before training and after it."""
    first = init_params(jax.random.fold_in(jax.random.key(plan.seeds[0]), 0))
    norms = {"before training": np.asarray(row_gradient_norms(first, corpus.train))}
    if best is not None:
        after = row_gradient_norms(best.params, corpus.train)
        norms[f"after training, {best.rule}"] = np.asarray(after)
    minibatch = next(iter(jos.sample_batches(jax.random.key(0), corpus.train, plan.batch_size)))
    return text_report.spans(norms, np.asarray(row_gradient_norms(first, minibatch)), corpus.counts)


def train_rules(
    rules: list[str], plan: Plan, corpus: text_data.Corpus, saved: text_checkpoint.Checkpoints
) -> list[text_report.Sweep]:
    """One sweep per rule, with a word on each; those of the checkpoint are not trained again."""
    data = jax.tree.map(jnp.asarray, (corpus.train, corpus.validation))
    progress = text_report.Progress(len(rules) * plan.parts * plan.steps)
    sweeps, run = saved.sweeps, saved.run
    try:
        for done in sweeps:
            progress.show(done.rule, plan.parts * plan.steps, done.losses[-1])
            progress.say(text_report.describe_sweep(done))
        for rule in rules[len(sweeps) :]:
            save = functools.partial(saved.save, sweeps)
            sweeps.append(sweep(rule, plan, data, progress, run, save))
            run = None
            saved.save(sweeps)
            progress.say(text_report.describe_sweep(sweeps[-1]))
    finally:
        progress.close()
    return sweeps


def make_plan(options: argparse.Namespace) -> Plan:
    """The run in equal parts, so that one program runs them all."""
    steps = -(-options.steps // min(PARTS, options.steps))
    seeds = tuple(range(options.seed, options.seed + options.seeds))
    return Plan(-(-options.steps // steps), steps, options.batch_size, seeds)


def settings(rules: list[str], plan: Plan, corpus: text_data.Corpus) -> dict[str, Any]:
    """What a run depends on, by the option's name, for its checkpoints."""
    return {
        "--steps": plan.parts * plan.steps,
        "--rules": ",".join(rules),
        "--seed": plan.seeds[0],
        "--seeds": len(plan.seeds),
        "--batch-size": plan.batch_size,
        "the learning rates": ", ".join(f"{r} {RULES[r][1]}" for r in rules),
        "a model of the sizes": (text_data.VOCABULARY, text_data.CONTEXT, WIDTH, HIDDEN),
        "the versions": f"jax {jax.__version__}, jaxlib {version('jaxlib')}, {jax.default_backend()}",
        "a text of sha256": hashlib.sha256(corpus.text.encode()).hexdigest(),
    }


def main(argv: list[str] | None = None) -> None:
    """Trains, prints the table, saves the picture."""
    options, began = text_options.parse(argv, RULES, PARTS), time.perf_counter()
    corpus, plan = text_data.load(), make_plan(options)
    depends_on = settings(options.rules, plan, corpus)
    folder, resume = options.checkpoint_dir, options.resume
    saved = text_checkpoint.Checkpoints(folder, depends_on, resume=resume)
    print(text_data.describe(corpus))
    print(
        f"model        {text_data.CONTEXT} words, {WIDTH} numbers each, {HIDDEN} tanh units, softmax\n"
        f"training     {plan.parts * plan.steps:,} steps of {plan.batch_size} examples\n\n"
        f"Lowest validation perplexity at each learning rate:",
        flush=True,
    )
    sweeps = train_rules(options.rules, plan, corpus, saved)
    print(f"\n{text_report.table(sweeps)}\n")
    best = min((s for s in sweeps if s.best is not None), key=lambda s: s.lowest[s.best], default=None)
    print(f"{gradient_sizes(corpus, plan, best)}\n")
    text_picture.save(sweeps, options.out)
    print(f"picture      {options.out}\ntime         {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
