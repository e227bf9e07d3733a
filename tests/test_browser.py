"""The pages in a real browser, headless Chromium: ``pytest -m slow tests/test_browser.py``."""

import json
import pathlib
import shutil
import time

import pytest

import jaxopt_slides as jos

pytestmark = pytest.mark.slow
RACES = pathlib.Path(__file__).parent.parent / "docs" / "races"
PAGES = ["valley.html", "saddle.html", "new"]
TIMEOUT = 60  # seconds
LEFT, RIGHT, SPACE = "\ue012", "\ue014", "\ue00d"  # WebDriver's codes of keys


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver  # the extra "browser", which no other test needs

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium, "these tests need chromium: apt-get install chromium"
    assert driver, "these tests need chromedriver: apt-get install chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    # A container has no sandbox and little shared memory; a browser's own requests are not the page's.
    for flag in (
        "headless=new",
        "no-sandbox",
        "disable-dev-shm-usage",
        "disable-background-networking",
    ):
        options.add_argument(f"--{flag}")
    options.add_argument("--window-size=1300,900")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    made = webdriver.Chrome(options=options, service=service)
    yield made
    made.quit()


@pytest.fixture(params=PAGES)
def page(request, browser, tmp_path):
    """The browser with a page open and paused, its logs empty but for this page's."""
    path = RACES / request.param
    if request.param == "new":
        saddle = jos.landscapes.saddle
        paths = jos.viz.race(saddle, jos.viz.usual_optimizers(saddle), steps=30)
        path = jos.viz.contour_race(saddle, paths, tmp_path / "race.html", lang="pt")
    browser.get("about:blank")
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(path.as_uri())
    if before(browser, "Pause", "Pausar"):
        browser.find_element("id", "play").click()
    return browser


def before(browser, *words):
    return browser.find_element("id", "play").text in words


def attribute(browser, element, name):
    return browser.find_element("id", element).get_attribute(name)


def wait_until(browser, condition):
    end = time.monotonic() + TIMEOUT
    while not condition(browser):
        assert time.monotonic() < end, f"waited {TIMEOUT} seconds in vain"
        time.sleep(0.05)


def slide(browser, step):
    """Moves the slider as a hand does: its value changes, and it says so."""
    browser.execute_script(
        "const s = document.getElementById('slider'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('input', {bubbles: true}));",
        step,
    )


def drawn(browser):
    every = range(len(browser.find_elements("css selector", ".mark")))
    return [
        (attribute(browser, f"line{i}", "d"), attribute(browser, f"mark{i}", "transform"))
        for i in every
    ]


def test_the_slider_moves_the_frames(page):
    last = int(attribute(page, "slider", "max"))
    slide(page, 0)
    first = drawn(page)
    assert len({mark for _, mark in first}) == 1, "all start at one place"
    slide(page, last // 2)
    middle = drawn(page)
    assert f" {last // 2} / {last}" in page.find_element("id", "step").text
    slide(page, last)
    end = drawn(page)
    for a, b, c in zip(first, middle, end, strict=True):
        assert a != b
        assert len(a[0]) < len(b[0]) <= len(c[0])
    slide(page, 0)
    assert drawn(page) == first, "and back"


def test_the_keyboard_goes_step_by_step_and_plays(page):
    slide(page, 3)
    slider = page.find_element("id", "slider")
    slider.send_keys(RIGHT)
    assert attribute(page, "slider", "value") == "4"
    page.execute_script("document.activeElement.blur()")
    body = page.find_element("tag name", "body")
    body.send_keys(LEFT)
    body.send_keys(LEFT)
    assert attribute(page, "slider", "value") == "2"
    body.send_keys(SPACE)
    wait_until(page, lambda b: int(attribute(b, "slider", "value")) > 4)
    body.send_keys(SPACE)
    stopped = attribute(page, "slider", "value")
    time.sleep(0.5)
    assert attribute(page, "slider", "value") == stopped


def test_play_runs_to_the_end_and_starts_again(page):
    last = attribute(page, "slider", "max")
    page.execute_script("document.getElementById('speed').value = '2'")
    slide(page, int(last) - 3)
    play = page.find_element("id", "play")
    play.click()
    assert before(page, "Pause", "Pausar") or attribute(page, "slider", "value") == last
    wait_until(page, lambda b: before(b, "Play", "Tocar"))
    assert attribute(page, "slider", "value") == last
    play.click()
    assert int(attribute(page, "slider", "value")) < int(last)


def test_a_rule_can_be_hidden_and_the_losses_follow(page):
    slide(page, 0)
    start = page.find_element("id", "loss0").text
    slide(page, int(attribute(page, "slider", "max")))
    assert page.find_element("id", "loss0").text != start
    page.find_element("id", "show0").click()
    assert attribute(page, "path0", "visibility") == "hidden"
    assert attribute(page, "mark0", "visibility") == "hidden"
    page.find_element("id", "show0").click()
    assert attribute(page, "mark0", "visibility") == "visible"


def test_no_console_message_and_no_request(page):
    slide(page, 5)
    page.find_element("id", "play").click()
    time.sleep(1)
    assert page.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [
        m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"
    ]
    assert asked, "the page itself is among them: requests are seen"
    assert all(url.startswith(("file://", "data:")) for url in asked)
    assert sum(url.startswith("file://") for url in asked) == 1


def test_the_picture_has_the_landscape_in_it(page):
    """The embedded background is there, with its size."""
    box = page.execute_script(
        "const b = document.querySelector('#picture image').getBoundingClientRect();"
        "return [b.width, b.height]"
    )
    assert min(box) > 100
    background = attribute(page, "picture", "innerHTML")
    assert "data:image/png;base64,iVBOR" in background
