"""Claim 5 in Portuguese: see portuguese.py."""

PORTUGUESE = {
    "Gradients of many sizes": "Gradientes de muitos tamanhos",
    "Gradients can vary a lot, although the parameters usually have the same scale. As both "
    "normalize gradient magnitudes, RMSProp and Adagrad work very well on data sets with large "
    "variation in the magnitude of gradients. The most common example is text, where gradients "
    "vary over # to # orders of magnitude; using RMSProp or Adagrad can speed up the learning of "
    "text models by #–# orders of magnitude.": (
        "Os parâmetros costumam ter a mesma escala, mas os gradientes podem variar muito. Como "
        "normalizam a magnitude do gradiente, RMSProp e Adagrad vão muito bem em dados em que ela "
        "varia muito. O exemplo mais comum é texto, com gradientes que variam de # a # ordens de "
        "magnitude; ali o RMSProp ou o Adagrad podem acelerar o aprendizado em #–# ordens de "
        "magnitude."
    ),
    "*RMSProp / Adagrad*, “RMSProp” and “RMSProp × ADAGRAD”": (
        "*RMSProp / Adagrad*, “RMSProp” e “RMSProp × ADAGRAD”"
    ),
    "features: decades between the goals of the weights": (
        "características: décadas entre os valores finais dos pesos"
    ),
    "less than #": "menos de #",
    "more than #": "mais de #",
    "# (below #)": "# (abaixo de #)",
    "features over # decades: decades in the first update, @": (
        "características ao longo de # décadas: décadas na primeira atualização, @"
    ),
    "features over # decades, exact gradients: steps to find all weights, @": (
        "características ao longo de # décadas, gradientes exatos: passos até encontrar todos os "
        "pesos, @"
    ),
    "#–# orders sooner, says the slide of text; here # ± #": (
        "#–# ordens mais rápido, diz o slide sobre texto; aqui # ± #"
    ),
    "#–# orders sooner, says the slide of text; here #": (
        "#–# ordens mais rápido, diz o slide sobre texto; aqui #"
    ),
    "about ln(#/#)·#^#/# = #": "cerca de ln(#/#)·#^#/# = #",
    "text: decades between the words' gradients": "texto: décadas entre os gradientes das palavras",
    "text: decades between the words' gradients, trained with Adagrad": (
        "texto: décadas entre os gradientes das palavras, após treino com Adagrad"
    ),
    "text: decades between single elements of the gradient, the middle #%": (
        "texto: décadas entre elementos do gradiente, os #% centrais"
    ),
    "text: decades between the words' weights": "texto: décadas entre os pesos das palavras",
    "text: decades between the words' frequencies": (
        "texto: décadas entre as frequências das palavras"
    ),
    "text: words without any gradient in a minibatch": (
        "texto: palavras sem nenhum gradiente num minibatch"
    ),
    "#–#, says the slide": "#–#, diz o slide",
    "#–#, says the slide (# to #)": "#–#, diz o slide (# a #)",
    "#–#, says the slide (below #)": "#–#, diz o slide (abaixo de #)",
    "#–#, says the slide (above #, below #)": "#–#, diz o slide (acima de #, abaixo de #)",
    "one scale (below #)": "uma só escala (abaixo de #)",
    "# (# words)": "# (# palavras)",
    "grows with the text": "cresce com o texto",
    "text: lowest validation loss, @, α = #": "texto: menor perda de validação, @, α = #",
    "text: SGD's steps to its lowest loss over @'s": (
        "texto: passos do SGD até a sua menor perda, divididos pelos do @"
    ),
    "reached from # of # seeds": "alcançada com # de # sementes",
}


SOONER = (("# times sooner", "# vezes mais rápido"), ("from # of # seeds", "com # de # sementes"))
PORTUGUESE |= {
    "The mechanism is true: weights share a scale, gradients do not, and both rules' first steps are "
    "all of one size. The numbers are not what this text shows. Its words' gradients span # orders of "
    "magnitude (# after training), and single elements # but for the outermost #%, not # to #, though "
    "a longer text has rarer words; and SGD's lowest loss in # steps is reached by RMSProp "
    f"{first} and by Adagrad {second}, not # to # times. Such factors appear here with rare features "
    "that matter as much as frequent ones, and exact gradients: over # decades, with every weight to "
    "be found, RMSProp gains # orders and Adagrad #. From minibatches nobody learns a word before it "
    "occurs.": (
        "O mecanismo é verdadeiro: os pesos têm a mesma escala, os gradientes não, e os primeiros "
        "passos das duas regras são todos de um só tamanho. Os números não são os que este texto "
        "mostra. Os gradientes das suas palavras abrangem # ordens de magnitude (# depois do treino), "
        "e os elementos individuais, #, fora o #% mais extremo, e não de # a #, embora um texto mais "
        "longo tenha palavras mais raras; e a menor perda do SGD em # passos é alcançada pelo RMSProp "
        f"{primeiro} e pelo Adagrad {segundo}, e não de # a # vezes. Fatores assim aparecem aqui "
        "com características raras que importam tanto quanto as frequentes e com gradientes exatos: ao "
        "longo de # décadas, com todos os pesos por encontrar, o RMSProp ganha # ordens e o Adagrad, "
        "#. De minibatches ninguém aprende uma palavra antes que ela ocorra."
    )
    for first, primeiro in SOONER
    for second, segundo in SOONER
}
