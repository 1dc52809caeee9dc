"""One visit of a page in Chromium: how soon things are seen, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, Request

SCRIPT = (Path(__file__).parent / "page_script.js").read_text(encoding="utf-8")
KEYS = "13579"  # each is a search of one digit, which leaves some LoRAs and not others
FRAMES, STEP = 120, 500
MIB = 1024 * 1024
LIMIT_MS = 120_000
SETTLE_MS = 3000  # in which pictures that are near arrive


@dataclass(frozen=True)
class Selectors:
    """Where a page has what is measured."""

    card: str
    pick: str
    area: str
    search: str
    slider: str
    scrolled: str
    picture_url: str


OURS = Selectors(
    card=".card[data-name]",
    pick=".card-pick",
    area=".library-cards",
    search=".grid-search",
    slider='#lora-controls .stack-row input[type="range"]',
    scrolled=".cards",
    picture_url="api/loras/thumbnail",
)
GALLERY = Selectors(
    card="#gallery .thumbnail-item",
    pick="#gallery .thumbnail-item",
    area="#gallery",
    search="#search textarea, #search input",
    slider='#strength input[type="range"]',
    scrolled="#gallery .grid-wrap",
    picture_url="/file=",
)


@dataclass
class Visit:
    """Seconds, MiB and counts of one visit. `opened_cards` count from the click on the tab,
    `key_events` are what the browser itself says of each key: until the next frame after all that
    handled it. `first_work` and `key_work` are processor time of the page's main thread, which
    other work on the machine doesn't lengthen. `pictures` were fetched before any scrolling."""

    first_cards: float = 0.0
    first_work: float = 0.0
    opened_cards: float = 0.0
    first_picture: float = 0.0
    keystrokes: list[float] = field(default_factory=list)
    key_events: list[float] = field(default_factory=list)
    key_work: list[float] = field(default_factory=list)
    selecting: float = 0.0
    bare_points: float = 0.0
    heap: float = 0.0
    pictures: int = 0
    elements: int = 0


def visit(browser: Browser, address: str, where: Selectors) -> Visit:
    """A visit with a fresh profile. The heap is looked at after everything else was done."""
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    page = context.new_page()
    page.set_default_timeout(LIMIT_MS)
    page.add_init_script(SCRIPT)
    found = Visit()

    def asked(request: Request) -> None:
        found.pictures += where.picture_url in request.url

    page.on("request", asked)
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    try:
        page.goto(address, wait_until="commit")
        first = page.evaluate("(card) => bench.firstCard(card)", where.card)
        found.first_work = _work(session)
        found.first_cards = first["cards"] / 1000
        found.first_picture = first["pictures"] / 1000
        found.opened_cards = first["opened"] / 1000
        page.wait_for_timeout(SETTLE_MS)
        page.remove_listener("request", asked)
        found.elements = int(page.evaluate("document.querySelectorAll('*').length"))
        for key in KEYS:
            _before_key(page, where)
            before = _work(session)
            painted, event = _keystroke(page, key)
            found.key_work.append(_work(session) - before)
            found.keystrokes.append(painted)
            found.key_events.append(event)
        _clear(page, where)
        found.bare_points = _scroll(page, where)
        page.evaluate("document.scrollingElement.scrollTop = 0")
        milliseconds = page.evaluate(
            "([pick, slider]) => bench.select(pick, slider)", [where.pick, where.slider]
        )
        found.selecting = milliseconds / 1000
        found.heap = _heap(session) / MIB
    finally:
        context.close()
    return found


def _work(session: CDPSession) -> float:
    """Seconds that the page's main thread has worked."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")


def _before_key(page: Page, where: Selectors) -> None:
    """Whatever was searched is selected, so that the next key replaces it."""
    box = page.locator(where.search).first
    box.focus()
    box.press("ControlOrMeta+a")
    page.wait_for_timeout(400)
    page.evaluate("(area) => bench.keystroke(area)", where.area)


def _keystroke(page: Page, key: str) -> tuple[float, float]:
    """Seconds from the key to the painted result, and those that the browser's event timing
    gives."""
    page.keyboard.press(key)
    painted = float(page.evaluate("window.benchKey"))
    event = float(page.evaluate("bench.keyEvent()"))
    return painted / 1000, event / 1000


def _clear(page: Page, where: Selectors) -> None:
    page.locator(where.search).first.fill("")
    page.locator(where.card).first.wait_for()
    page.wait_for_timeout(1000)


def _scroll(page: Page, where: Selectors) -> float:
    """The share of points at which nothing was to be seen while scrolling."""
    seen = page.evaluate(
        "([list, card, frames, step]) => bench.scroll(list, card, frames, step)",
        [where.scrolled, where.card, FRAMES, STEP],
    )
    return float(seen["bare"]) / max(1, int(seen["points"]))


def _heap(session: CDPSession) -> float:
    """Bytes of JavaScript objects that are still in use."""
    session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(item["value"] for item in metrics if item["name"] == "JSHeapUsedSize"))
