"""Weight decay beside a rule instead of inside it."""

from typing import Any

from jaxopt_slides._core.lift import lift
from jaxopt_slides._core.pair import halves
from jaxopt_slides._core.rule import Rule, hyperparameter, rule
from jaxopt_slides._core.types import GradientTransformation, Hyperparameter
from jaxopt_slides._rules.adadelta import Adadelta
from jaxopt_slides._rules.adagrad import Adagrad
from jaxopt_slides._rules.adam import Adam
from jaxopt_slides._rules.rmsprop import RMSProp
from jaxopt_slides._rules.sgd import SGD


class _Decoupled(Rule):
    """One array: the rule's own u, and -alpha lambda w, with the rule's alpha."""

    learning_rate: Any
    weight_decay: Any
    needs_params = True

    @property
    def idle(self) -> Any:
        idle = super().idle
        return idle if isinstance(idle, str) else idle._replace(moves=True)

    def step(self, g, s, w):
        u, s = super().step(g, s)
        return u - self.learning_rate * self.weight_decay * w, s

    def __repr__(self) -> str:
        """No call of a public function: weight decay *inside* a rule is what presets make."""
        rule_, _, weight_decay = super().__repr__().rpartition(", weight_decay=")
        return f"decoupled({rule_}), weight_decay={weight_decay}" if rule_ else weight_decay


@rule
class _SGD(_Decoupled, SGD):
    weight_decay: Any = hyperparameter(0, default=0.0)


@rule
class _RMSProp(_Decoupled, RMSProp):
    weight_decay: Any = hyperparameter(0, default=0.0)


@rule
class _Adagrad(_Decoupled, Adagrad):
    weight_decay: Any = hyperparameter(0, default=0.0)


@rule
class _Adadelta(_Decoupled, Adadelta):
    weight_decay: Any = hyperparameter(0, default=0.0)


@rule
class _Adam(_Decoupled, Adam):
    weight_decay: Any = hyperparameter(0, default=0.0)


RULES = {SGD: _SGD, RMSProp: _RMSProp, Adagrad: _Adagrad, Adadelta: _Adadelta, Adam: _Adam}


def decoupled(tx: GradientTransformation, weight_decay: Hyperparameter) -> GradientTransformation:
    r"""One rule, and :math:`-\alpha \lambda w` in every update, which enters none of its state."""
    of_init, of_update = halves(tx)  # pyright: ignore[reportGeneralTypeIssues]
    whole = of_update.rule.merged(of_init.rule)
    kept = {name: getattr(whole, name) for name in whole.__dataclass_fields__}
    return lift(RULES[type(whole)](**kept, weight_decay=weight_decay))
