"""What the pictures show equals a plain loop, every function draws its file, in both languages."""

import ast
import pathlib
import re
import sys

import jax
import numpy as np
import pytest

import jaxopt_slides as jos
from jaxopt_slides.viz import _page, _stage, _style
from jaxopt_slides.viz._words import WORDS, Words

Image = pytest.importorskip("PIL.Image")
LANDSCAPES = jos.landscapes.LANDSCAPES
SOURCES = pathlib.Path(jos.viz.__file__).parent
SIX = ("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop")


def loop(landscape, tx, steps, noise=None):
    w = landscape.begin()
    state, path = tx.init(w), [w]
    for i in range(steps):
        g = jax.grad(landscape.function)(w, *(() if noise is None else (noise[i],)))
        u, state = tx.update(g, state, w)
        w = jos.apply_updates(w, u)
        path.append(w)
    return np.array(path)


# ---------------------------------------------------------------- what runs


@pytest.mark.parametrize("name", jos.viz.RULES)
def test_a_race_is_the_loop(name):
    saddle = jos.landscapes.saddle
    optimizers = jos.viz.usual_optimizers(saddle, [name])
    path = jos.viz.race(saddle, optimizers, steps=7)[name]
    np.testing.assert_allclose(path, loop(saddle, optimizers[name], 7), rtol=1e-5, atol=1e-8)


def test_a_noisy_race_is_the_loop_and_all_see_one_noise():
    bowl = jos.landscapes.noisy_bowl
    paths = jos.viz.race(bowl, {"a": jos.sgd(0.1), "b": jos.momentum(0.1, mu=0.0)}, steps=5, seed=3)
    noise = jax.random.normal(jax.random.key(3), (5, 2))
    np.testing.assert_allclose(paths["a"], loop(bowl, jos.sgd(0.1), 5, noise), rtol=1e-5)
    np.testing.assert_allclose(paths["a"], paths["b"], rtol=1e-5)
    other = jos.viz.race(bowl, {"a": jos.sgd(0.1)}, steps=5, seed=4)
    assert not np.allclose(other["a"], paths["a"])


def test_sensitivity_is_a_race_at_every_rate():
    valley, rates = jos.landscapes.valley, [0.01, 0.1, 3.0]
    scores = jos.viz.sensitivity(valley, {"adagrad": jos.adagrad, "sgd": jos.sgd}, rates, steps=6)
    assert scores["sgd"].shape == (3, 1)
    for rate, score in zip(rates[:2], scores["adagrad"][:2, 0], strict=True):
        path = jos.viz.race(valley, {"adagrad": jos.adagrad(rate)}, steps=6)["adagrad"]
        np.testing.assert_allclose(score, float(valley(path[-1])), rtol=1e-4)
    assert np.isinf(scores["sgd"][2, 0]), "it has diverged"


def test_the_seeds_of_a_sweep_differ_where_there_is_noise():
    scores = jos.viz.sensitivity(jos.landscapes.noisy_bowl, {"sgd": jos.sgd}, [0.1], steps=5, seeds=3)
    assert len(set(scores["sgd"][0].tolist())) == 3


def test_the_score_on_a_saddle_is_when_the_path_leaves():
    saddle = jos.landscapes.saddle
    path = np.array([[0.0, 0.0], [0.5, 0.0], [2.0, 0.0], [0.0, 0.0]])
    assert jos.viz.score(saddle, path) == 2
    assert jos.viz.score(saddle, np.full((4, 2), 0.1)) == np.inf
    assert jos.viz.score(saddle, np.array([[0.0, 0.0], [np.nan, 0.0]])) == 1


def test_effective_rates_are_alpha_over_the_root():
    valley = jos.landscapes.valley
    rates = jos.viz.effective_rates(valley, {"adagrad": jos.adagrad(1.0), "sgd": jos.sgd(0.1)}, steps=4)
    path = loop(valley, jos.adagrad(1.0), 3)
    squares = np.cumsum(np.square(path * [0.04, 4.0]), axis=0)
    np.testing.assert_allclose(rates["adagrad"], 1 / (np.sqrt(squares[:3]) + 1e-7), rtol=1e-4)
    np.testing.assert_allclose(rates["sgd"], np.full((3, 2), 0.1), rtol=1e-6)
    with pytest.raises(TypeError, match="the updates of 'adam' are not a rate times the gradient"):
        jos.viz.effective_rates(valley, {"adam": jos.adam(0.1)}, steps=4)


@pytest.mark.parametrize("name", LANDSCAPES)
def test_every_landscape_has_usual_rates(name):
    rates = jos.viz.usual_rates(LANDSCAPES[name])
    assert list(rates) == list(jos.viz.RULES)
    assert rates != jos.viz.usual_rates(jos.landscapes.quadratic()), "not the guess"


def test_the_saddle_as_in_the_lecture():
    """SGD is stuck, momentum and Nesterov leave late, the adaptive rules at once."""
    saddle = jos.landscapes.saddle
    paths = jos.viz.race(saddle, jos.viz.usual_optimizers(saddle, SIX), steps=100)
    left = {name: float(jos.viz.score(saddle, path)) for name, path in paths.items()}
    assert left["sgd"] == np.inf
    adaptive = max(left[n] for n in ("adagrad", "adadelta", "rmsprop"))
    assert adaptive < min(left["momentum"], left["nesterov"]) < np.inf


def test_the_valley_as_in_the_lecture():
    """SGD zig-zags and crawls, momentum overshoots and comes back, the adaptive rules go straight."""
    valley = jos.landscapes.valley
    paths = jos.viz.race(valley, jos.viz.usual_optimizers(valley, SIX), steps=100)
    far = {name: np.linalg.norm(path, axis=1) > 0.5 for name, path in paths.items()}
    settled = {name: np.flatnonzero(f)[-1] + 1 for name, f in far.items()}
    overshoot = {n: jos.diagnostics.overshoot(path, np.zeros(2))[0] for n, path in paths.items()}
    assert settled["sgd"] == 101, "not yet there"
    assert jos.diagnostics.sign_flips(paths["sgd"][:20])[1] == 1
    assert min(overshoot["momentum"], overshoot["nesterov"]) > 0.1
    assert max(overshoot[n] for n in ("adagrad", "rmsprop", "adadelta")) < 0.06
    assert settled["adagrad"] < min(settled["momentum"], settled["nesterov"])
    assert max(settled[n] for n in settled if n != "sgd") < 70


# ---------------------------------------------------------------- what is drawn


def test_a_path_ends_at_the_edge_and_its_marker_waits_there():
    box = jos.landscapes.saddle  # x up to 1.5, y up to 1.2
    path = np.array([[0.0, 0.0], [3.0, 0.6], [9.0, 9.0], [3.0, 0.0], [1.0, 0.0], [np.nan, np.nan]])
    drawn = _stage.within(box, path)
    np.testing.assert_allclose(drawn[1], [1.5, 0.3])
    assert np.isnan(drawn[2]).all()
    np.testing.assert_allclose(drawn[3], [1.5, 0.0])
    np.testing.assert_allclose(drawn[5], drawn[4])
    np.testing.assert_allclose(_stage.marks(drawn)[2], [1.5, 0.3])


@pytest.fixture(scope="module")
def paths():
    saddle = jos.landscapes.saddle
    return jos.viz.race(saddle, jos.viz.usual_optimizers(saddle, ["sgd", "adagrad"]), steps=6)


@pytest.mark.parametrize("draw", [jos.viz.contour_race, jos.viz.surface_race])
@pytest.mark.parametrize("lang", jos.viz.LANGUAGES)
def test_races_draw_their_file(draw, lang, paths, tmp_path):
    rates = jos.viz.usual_rates(jos.landscapes.saddle)
    for suffix in (".png", ".gif", ".html"):
        out = draw(
            jos.landscapes.saddle, paths, tmp_path / "new" / f"race{suffix}", lang=lang, rates=rates
        )
        assert out.stat().st_size > 5000
    with Image.open(tmp_path / "new" / "race.png") as picture:
        assert picture.width == 1500
    with Image.open(tmp_path / "new" / "race.gif") as film:
        assert film.n_frames == 7
    text = (tmp_path / "new" / "race.html").read_text(encoding="utf-8")
    assert Words(lang)("play") in text
    assert ("α = 0,02" if lang == "pt" else "α = 0.02") in text


@pytest.mark.parametrize("key", LANDSCAPES)
def test_every_landscape_can_be_drawn(key, tmp_path):
    landscape = LANDSCAPES[key]
    paths = {"mine": np.stack([landscape.begin(), np.array(landscape.critical_points[0])])}
    for draw in (jos.viz.contour_race, jos.viz.surface_race):
        assert draw(landscape, paths, tmp_path / "race.png").exists()


def test_a_gif_has_the_rules_own_colours_and_as_many_frames_as_asked(paths, tmp_path):
    out = jos.viz.contour_race(jos.landscapes.saddle, paths, tmp_path / "a.gif", frames=3, fps=5)
    with Image.open(out) as film:
        assert film.n_frames == 3
        film.seek(2)
        assert film.info["duration"] == 2500
        colours = {colour for _, colour in film.convert("RGB").getcolors(1 << 20)}
    assert {(0, 0, 0), (0x00, 0x9E, 0x73)} <= colours


def test_the_page_needs_nothing_from_outside(paths, tmp_path):
    out = jos.viz.surface_race(
        jos.landscapes.saddle, paths, tmp_path / "a.html", title="<a> & b</script>"
    )
    text = out.read_text(encoding="utf-8")
    assert not re.search(
        r"https?:|//[a-z]+\.|@import|url\(|<link(?! rel=\"icon\" href=\"data:,\")", text
    )
    assert "default-src 'none'" in text
    assert "<title>&lt;a&gt; &amp; b&lt;/script&gt;</title>" in text
    assert text.count("</script>") == 1
    assert "{{" not in text
    assert all(f'id="{name}{i}"' in text for name in ("line", "mark", "loss", "show") for i in (0, 1))


def test_a_diverged_race_is_drawn(tmp_path):
    valley = jos.landscapes.valley
    paths = jos.viz.race(valley, {"sgd": jos.sgd(1e9), "other": jos.sgd(0.1)}, steps=20)
    assert not np.isfinite(paths["sgd"]).all()
    for suffix in (".gif", ".html"):
        out = jos.viz.surface_race(valley, paths, tmp_path / f"a{suffix}")
    assert '"loss":[' in out.read_text(encoding="utf-8")
    assert "null" in out.read_text(encoding="utf-8")
    assert "NaN" not in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", jos.viz.LANGUAGES)
def test_curves_draw_their_file(lang, tmp_path):
    falling = np.geomspace(1, 0.01, 30)
    curves = {"sgd": np.stack([falling, 2 * falling]), "mine": falling[None], "yours": -falling}
    look = {"lang": lang}
    drawn = [
        jos.viz.loss_curves(curves, tmp_path / "a.png", rates={"sgd": 0.1}, **look),
        jos.viz.loss_curves({"sgd": falling}, tmp_path / "b.svg", **look),
        jos.viz.sensitivity_curves(
            [0.1, 1.0], {"sgd": [[0.1, 0.2], [1.0, np.inf]]}, tmp_path / "c.png", **look
        ),
        jos.viz.sensitivity_curves(
            [1.0], {"sgd": [0.0]}, tmp_path / "d.png", steps_to_leave=True, **look
        ),
        jos.viz.effective_rate_curves(
            {"adagrad": np.stack([falling] * 5, 1), "sgd": falling}, tmp_path / "e.png", **look
        ),
    ]
    assert all(path.stat().st_size > 5000 for path in drawn)


# ---------------------------------------------------------------- words, looks, and mistakes


def test_the_words_are_complete_in_both_languages():
    assert all(len(row) == len(jos.viz.LANGUAGES) and all(row) for row in WORDS.values())
    assert all(english.count("{}") == portuguese.count("{}") for english, portuguese in WORDS.values())
    assert {landscape.name for landscape in LANDSCAPES.values()} | set(jos.viz.RULES) <= set(WORDS)
    asked = {
        node.args[0].value
        for path in SOURCES.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "words"
        and isinstance(node.args[0], ast.Constant)
    }
    assert asked <= set(WORDS)
    page = set(re.findall(r"\{\{([^}]+)\}\}", _page.TEMPLATE.read_text(encoding="utf-8")))
    given = {"lang", "title", "width", "height", "steps", "background", "runners", "rows", "data"}
    assert page - given <= set(WORDS)


def test_portuguese():
    words = Words("pt")
    assert words.landscape(jos.landscapes.saddle) == "sela"
    quadratic = words.landscape(jos.landscapes.quadratic(100.0, 30.0))
    assert quadratic == "quadrática, número de condição 100, girada em 30 graus"
    assert words.rule("sgd", 0.05) == "SGD, α = 0,05"
    assert words.formatter()(-0.5) == "−0,5"
    assert words("band", 3).endswith("3 sementes")
    assert words("a rule of mine") == "a rule of mine"


def test_every_rule_has_its_own_look_and_others_get_what_is_left():
    assert set(_style.STYLES) == set(jos.viz.RULES)
    assert len({s.colour for s in _style.STYLES.values()}) == len(jos.viz.RULES)
    assert len({s.marker for s in _style.STYLES.values()}) == len(jos.viz.RULES)
    assert {s.marker for s in _style.STYLES.values()} == set(_page.SHAPES)
    looks = _style.styles(["sgd", "a", "b"])
    assert len({s.colour for s in looks.values()}) == 3
    assert len(_style.styles([*jos.viz.RULES, "another"])) == 8


SADDLE, ONE = jos.landscapes.saddle, {"sgd": np.zeros((3, 2))}
MISTAKES = {
    "contour_race: the file must end in .png or .gif or .html, got 'a.mp4'": lambda: (
        jos.viz.contour_race(SADDLE, ONE, "a.mp4")
    ),
    "viz: there is no language 'fr'. Known are en, pt.": lambda: jos.viz.contour_race(
        SADDLE, ONE, "a.png", lang="fr"
    ),
    "viz: there is no language 7": lambda: Words(7),
    "surface_race: expected paths by name, all of one length, got lengths {}": lambda: (
        jos.viz.surface_race(SADDLE, {}, "a.png")
    ),
    "got lengths {'sgd': 3, 'b': 2}": lambda: jos.viz.surface_race(
        SADDLE, ONE | {"b": np.zeros((2, 2))}, "a.png"
    ),
    "race: expected optimizers by name": lambda: jos.viz.race(SADDLE, jos.sgd(0.1)),
    "race: steps must be an integer, at least 1, got 0": lambda: jos.viz.race(
        SADDLE, {"sgd": jos.sgd(0.1)}, steps=0
    ),
    "there is no rule 'adagrat'. Did you mean 'adagrad'?": lambda: jos.viz.usual_optimizers(
        SADDLE, ["adagrat"]
    ),
    "loss_curves: expected arrays by name, got []": lambda: jos.viz.loss_curves([], "a.png"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_say_what_would_be_right(text):
    with pytest.raises(ValueError, match=re.escape(text)):
        MISTAKES[text]()


@pytest.mark.parametrize("draw", ["contour_race", "surface_race", "loss_curves"])
def test_without_matplotlib_the_error_says_what_to_install(draw, monkeypatch, paths, tmp_path):
    for name in {"matplotlib.figure", *(n for n in sys.modules if n.startswith("matplotlib."))}:
        monkeypatch.setitem(sys.modules, name, None)
    first = {"loss_curves": [{"sgd": [2.0, 1.0]}]}.get(draw, [jos.landscapes.saddle, paths])
    text = r'^jaxopt_slides.viz draws with matplotlib: pip install "jaxopt_slides\[viz\]"$'
    with pytest.raises(ImportError, match=text):
        getattr(jos.viz, draw)(*first, tmp_path / "a.png")


def test_a_bar_only_where_it_is_asked_for(paths, tmp_path, capsys, monkeypatch):
    saddle, out = jos.landscapes.saddle, tmp_path / "a.gif"
    jos.viz.contour_race(saddle, paths, out)
    assert not capsys.readouterr().err
    jos.viz.contour_race(saddle, paths, out, progress=True)
    assert "a.gif" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    jos.viz.contour_race(saddle, paths, out, progress=True)
    assert not capsys.readouterr().err
