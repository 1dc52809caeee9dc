"""Languages of the page: by the browser, by hand, and the server's sentences in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.running import App, open_page
from tests.browser.watch import Watch
from wan_lora_studio.texts import TRANSLATIONS, places_in, say, translated
from wan_lora_studio.units import in_part

WORDS = {
    "de": {
        "button": "Generieren",
        "models": "Modelle",
        "refusal": "Prompt",
        "roll": "Würfeln",
        "part": "1,2 von 3,4 GB",
    },
    "zh-CN": {
        "button": "生成",
        "models": "模型",
        "refusal": "提示词",
        "roll": "换一个",
        "part": "3.4 GB 中的 1.2 GB",
    },
}


@pytest.fixture(params=WORDS)
def foreign(
    request: pytest.FixtureRequest, app: App, browser: Browser, watch: Watch
) -> Iterator[Page]:
    """The page in a browser of that language, without a complaint of its console."""
    context = browser.new_context(locale=request.param, viewport={"width": 1360, "height": 900})
    page = context.new_page()
    watch.listen(page, app.address)
    open_page(page, app)
    yield page
    context.close()
    assert watch.complaints == []


def words(page: Page) -> dict[str, str]:
    return WORDS[str(page.evaluate("document.documentElement.lang"))]


def test_the_page_speaks_the_browsers_language(foreign: Page) -> None:
    said = words(foreign)
    expect(foreign.locator("#generate-button")).to_have_text(said["button"])
    expect(foreign.get_by_role("tab", name=said["models"])).to_be_visible()
    foreign.locator("#prompt textarea").fill("")
    foreign.locator("#generate-button").click()
    expect(foreign.locator(".field-note, .field-problem").first).to_contain_text(said["refusal"])


def test_the_seeds_button_says_what_it_does(foreign: Page) -> None:
    roll = foreign.locator("#field-seed").get_by_role("button", name=words(foreign)["roll"])
    expect(roll).to_be_visible()


def test_a_sentences_numbers_are_written_as_the_language_does(foreign: Page) -> None:
    sentence = say("lora.files.incomplete", part=in_part(1.2e9, 3.4e9))
    told = foreign.evaluate(
        """async (message) => {
            const { inOwnWords } = await import("./lora_ui/assets/texts/told.js");
            return inOwnWords({ message }).message;
        }""",
        sentence,
    )
    assert words(foreign)["part"] in told


def test_every_tab_has_what_it_has_in_english(foreign: Page) -> None:
    """What scripts compare, such as a verdict, is no sentence to be translated."""
    foreign.evaluate("location.hash = '#loras'")
    expect(foreign.locator(".card").first).to_be_visible()
    foreign.evaluate("location.hash = '#models'")
    expect(foreign.locator(".model-card").first).to_be_visible()


def test_another_language_is_chosen_by_hand_and_kept(foreign: Page) -> None:
    foreign.locator("#help-button").click()
    foreign.get_by_role("menuitemradio", name="English").click()
    expect(foreign.locator("#generate-button")).to_have_text("Generate")
    foreign.reload()
    expect(foreign.locator("#generate-button")).to_have_text("Generate")
    expect(foreign.locator("html")).to_have_attribute("lang", "en")
    foreign.locator("#help-button").click()
    chosen = foreign.get_by_role("menuitemradio", name="English")
    expect(chosen).to_have_attribute("aria-checked", "true")


@pytest.mark.parametrize("width", [1360, 390])
def test_no_text_makes_the_page_wider(foreign: Page, width: int) -> None:
    foreign.set_viewport_size({"width": width, "height": 844})
    for tab in ("generate", "loras", "gallery", "models"):
        foreign.evaluate("(tab) => { location.hash = `#${tab}`; }", tab)
        expect(foreign.locator(f'[data-tab-id="{tab}"]')).to_have_attribute("aria-selected", "true")
        assert foreign.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_sentence_of_the_server_is_recognised(
    language: str, app: App, browser: Browser
) -> None:
    """Each template with something in its places, as an answer of the server has it."""
    pairs = translated(language)
    # One of few letters, such as "{file}: {problem}.", is known by what stands in it, and a single
    # word may be a value that scripts compare.
    samples = [filled(text) for text, _ in pairs if says_something(text) and " " in filled(text)]
    context = browser.new_context(locale=language)
    page = context.new_page()
    open_page(page, app)
    told = page.evaluate(
        """async (texts) => {
            const { inOwnWords } = await import("./lora_ui/assets/texts/told.js");
            return texts.map((message) => inOwnWords({ message }).message);
        }""",
        samples,
    )
    context.close()
    own = {(filled(english), filled(said)) for english, said in pairs}
    assert [each for each in zip(samples, told, strict=True) if each not in own] == []


def says_something(template: str) -> bool:
    return len(re.findall(r"[A-Za-z]", re.sub(r"\{\w+\}", "", template))) >= 3


def filled(template: str) -> str:
    return template.format(**{name: f"<{name}>" for name in places_in(template)})


def test_a_sentence_that_is_unknown_stays_as_it_is(foreign: Page) -> None:
    told = foreign.evaluate(
        """async () => {
            const { inOwnWords } = await import("./lora_ui/assets/texts/told.js");
            const answer = { message: "my notes: a cat.", prompt: "The queue is paused." };
            return inOwnWords(answer);
        }"""
    )
    assert told == {"message": "my notes: a cat.", "prompt": "The queue is paused."}
