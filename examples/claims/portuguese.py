"""The report in Brazilian Portuguese: every text's counterpart, with the same figures.

A claim's ``portuguese`` has each of its texts by the English one, both with # where a figure stands.
A figure is a number, or code between backticks; both pages' come from one measurement, in one order.
"""

import re

FIGURE = re.compile(
    r"`[^`]*`|(?:(?<![\w)])[+-](?=\d))?(?:\d{1,3}(?:[.,]\d{3})+(?!\d)|\d+)(?:[.,]\d+)?(?:e[+-]?\d+)?"
    r"|\b(?:nan|inf)\b"
)
WORD = re.compile(r"[A-Za-z]{2,}")
NAMES = ("SGD", "RMSProp", "Adagrad", "Adam", "momentum")  # what @ in a text stands for
SWAPPED = str.maketrans(".,", ",.")

TITLE = """# As afirmações dos slides, medidas

O que a aula diz, na forma de experimentos que qualquer pessoa pode repetir: a frase, em paráfrase, os
números, e se ela é verdadeira. Cada afirmação tem asserções com as tolerâncias que as tabelas citam;
uma regra errada não passa por elas (`tests/test_claims.py`). ± é metade do intervalo de 95 % da média
entre as sementes (t de Student). Uma década é um fator de dez. As figuras são as da
[página em inglês](../claims.md), e os números também, com vírgula decimal.

```sh
python -m examples.claims
```
"""

WORDS = {  # what several claims say, and what the page says around them
    "Slides": "Slides",
    "Verdict.": "Veredito.",
    "The check failed:": "A verificação falhou:",
    "measured": "medido",
    "expected": "esperado",
    "# (within #)": "# (dentro de #)",
    "*Momentum*, “Problema com SGD”": "*Momentum*, “Problema com SGD”",
    "*Momentum*, “Atualização pelo Momentum”": "*Momentum*, “Atualização pelo Momentum”",
    "*RMSProp / Adagrad*, “RMSprop × ADAGRAD”": "*RMSProp / Adagrad*, “RMSprop × ADAGRAD”",
    "RMSProp / Adagrad, slide “RMSProp × ADAGRAD”": "RMSProp / Adagrad, slide “RMSProp × ADAGRAD”",
    "Written by #: # minutes on # cores": "Escrito por #: # minutos em # núcleos",
    "Written by #: short settings, # minutes on # cores": (
        "Escrito por #: configuração curta, # minutos em # núcleos"
    ),
}


def figure(text: str) -> str:
    """A figure with a decimal comma, and points between thousands; code stays as it is."""
    return text if text.startswith("`") else text.translate(SWAPPED)


def of_each_name(texts: dict[str, str]) -> dict[str, str]:
    """The texts, those with @ once for every name."""
    return {
        english.replace("@", name): portuguese.replace("@", name)
        for english, portuguese in texts.items()
        for name in (NAMES if "@" in english else ("",))
    }


def translate(text: str, texts: dict[str, str]) -> str:
    """The Portuguese of one text.

    Args:
      text: in English, figures included.
      texts: a claim's ``portuguese``.

    Returns:
      Its counterpart; a text without words (figures, symbols) is its own.

    Raises:
      LookupError: there is none.
    """
    template, figures = FIGURE.sub("#", text), [figure(found) for found in FIGURE.findall(text)]
    found = (WORDS | of_each_name(texts)).get(template)
    if found is None and WORD.search(template):
        raise LookupError(f"no Portuguese for {template!r}: add it to the claim's `portuguese`")
    first, *others = (found or template).split("#")
    return first + "".join(f + other for f, other in zip(figures, others, strict=True))
