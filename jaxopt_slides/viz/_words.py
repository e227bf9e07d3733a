"""Every word that a picture shows, in every language."""

import difflib
from collections.abc import Callable, Iterable

from jaxopt_slides._core.words import shown
from jaxopt_slides.landscapes import Landscape

LANGUAGES = ("en", "pt")

WORDS: dict[str, tuple[str, str]] = {  # a key: in English, in Portuguese
    "step": ("step", "passo"),
    "steps": ("steps", "passos"),
    "rule": ("rule", "regra"),
    "loss": ("loss", "perda"),
    "log loss": ("log(1 + loss)", "log(1 + perda)"),
    "minimum": ("minimum", "mínimo"),
    "critical point": ("critical point", "ponto crítico"),
    "learning rate": ("learning rate", "taxa de aprendizado"),
    "effective rate": ("effective learning rate", "taxa de aprendizado efetiva"),
    "effective rates": (
        "Effective learning rates over time",
        "Taxas de aprendizado efetivas ao longo do tempo",
    ),
    "loss above": (
        "loss above the minimum at the last step",
        "perda acima do mínimo no último passo",
    ),
    "steps to leave": ("steps until it leaves the box", "passos até sair da caixa"),
    "sensitivity": (
        "Every learning rate (× at the top: diverged or did not leave)",
        "Cada taxa de aprendizado (× no topo: divergiu ou não saiu)",
    ),
    "losses": ("Loss against steps", "Perda em função dos passos"),
    "band": (
        "bands: from the lowest to the highest of {} seeds",
        "faixas: do mínimo ao máximo de {} sementes",
    ),
    "race": ("Race: {}", "Corrida: {}"),
    "race on a surface": ("Race on a surface: {}", "Corrida na superfície: {}"),
    "play": ("Play", "Tocar"),
    "pause": ("Pause", "Pausar"),
    "speed": ("Speed", "Velocidade"),
    "go to step": ("Go to step", "Ir ao passo"),
    "show": ("show", "mostrar"),
    "keys": (
        "Space plays and pauses; the arrow keys go step by step.",
        "Espaço toca e pausa; as setas andam passo a passo.",
    ),
    "needs scripts": (
        "The animation needs JavaScript; the picture shows the landscape.",
        "A animação precisa de JavaScript; a imagem mostra a superfície.",
    ),
    # rules
    "sgd": ("SGD", "SGD"),
    "momentum": ("momentum", "momentum"),
    "nesterov": ("Nesterov", "Nesterov"),
    "rmsprop": ("RMSProp", "RMSProp"),
    "adagrad": ("Adagrad", "Adagrad"),
    "adadelta": ("Adadelta", "Adadelta"),
    "adam": ("Adam", "Adam"),
    # landscapes, and the parts of the name of a quadratic
    "long narrow valley": ("long narrow valley", "vale longo e estreito"),
    "Beale": ("Beale", "Beale"),
    "Rosenbrock": ("Rosenbrock", "Rosenbrock"),
    "Himmelblau": ("Himmelblau", "Himmelblau"),
    "saddle": ("saddle", "sela"),
    "monkey saddle": ("monkey saddle", "sela de macaco"),
    "noisy bowl": ("noisy bowl", "tigela ruidosa"),
    "quadratic": ("quadratic", "quadrática"),
    "condition number": ("condition number", "número de condição"),
    "turned by": ("turned by", "girada em"),
    "degrees": ("degrees", "graus"),
}


def close(word: str, known: Iterable[str]) -> str:
    """What was probably meant, as a question, and what is known."""
    known = list(known)
    near = difflib.get_close_matches(word.lower(), known, n=1)
    return (f"Did you mean {near[0]!r}? " if near else "") + f"Known are {', '.join(known)}."


class Words:
    """The words of one language."""

    def __init__(self, lang: str):
        """Raises a ValueError for a language that is not in the table."""
        if lang not in LANGUAGES:
            near = close(lang, LANGUAGES) if isinstance(lang, str) else f"Known are {LANGUAGES}."
            raise ValueError(f"viz: there is no language {shown(lang)}. {near}")
        self.lang, self.column = lang, LANGUAGES.index(lang)

    def __call__(self, key: str, *values: object) -> str:
        """The word; a name that is not in the table (a rule of the caller's) stands for itself."""
        found = WORDS[key][self.column] if key in WORDS else key
        return found.format(*values) if values else found

    def landscape(self, landscape: Landscape) -> str:
        """The landscape's name; those of quadratics are translated part by part."""
        if landscape.name in WORDS:
            return self(landscape.name)
        name = landscape.name
        for part in ("quadratic", "condition number", "turned by", "degrees"):
            name = name.replace(part, self(part))
        return name

    def rule(self, name: str, rate: float | None = None) -> str:
        """A rule's name, with its learning rate."""
        return self(name) if rate is None else f"{self(name)}, α = {self.number(rate)}"

    def number(self, value: float) -> str:
        """A number in as few digits as show it; in Portuguese with a decimal comma."""
        text = f"{value:g}"
        return text.replace(".", ",") if self.lang == "pt" else text

    def formatter(self) -> Callable[..., str]:
        """What writes the numbers of an axis."""
        return lambda value, _=None: self.number(round(value, 12)).replace("-", "−")
