/** Measures a page from inside; `window.bench` of every page that the benchmark opens. */
(() => {
  const NO_FRAME = "waited in vain for the page";
  // A headless browser may stop to draw; then no frame ever comes.
  const LIMIT_MS = 60_000;
  const limited = (run) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(NO_FRAME)), LIMIT_MS);
      run((found) => {
        clearTimeout(timer);
        resolve(found);
      });
    });
  const painted = (act = () => {}) =>
    limited((resolve) => {
      act();
      requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => resolve(performance.now());
        channel.port2.postMessage(0);
      });
    });
  const tab = (name) =>
    [...document.querySelectorAll('[role="tab"]')].find((item) => item.textContent.trim() === name);
  const shown = (selector) =>
    [...document.querySelectorAll(selector)].find((item) => item.checkVisibility());
  const until = (test) =>
    limited((resolve) => {
      const look = () => {
        const found = test();
        if (found) resolve(found);
        else requestAnimationFrame(look);
      };
      look();
    });

  // What took at least so long, in steps of 8 ms; a faster key is not told of.
  const LEAST_MS = 16;
  const KEY_EVENTS = ["keydown", "keypress", "beforeinput", "input", "keyup"];
  const keys = [];
  let keysAfter = 0;
  new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) {
      if (KEY_EVENTS.includes(name)) keys.push(duration);
    }
  }).observe({ type: "event", durationThreshold: LEAST_MS });

  window.bench = {
    /** Milliseconds from the navigation to the first card, opening its tab as soon as it can. */
    async firstCard(card) {
      let opened = 0;
      await until(() => {
        const item = tab("LoRAs");
        if (item && item.getAttribute("aria-selected") !== "true") {
          opened = performance.now();
          item.click();
        }
        return shown(card);
      });
      const cards = await painted();
      await until(() => shown(`${card} img`)?.complete);
      return { cards, opened: cards - opened, pictures: await painted() };
    },

    /** Arm: resolves to the milliseconds from the next key to the painted change of `area`. */
    keystroke(area) {
      const element = document.querySelector(area);
      let pressed = 0;
      keys.length = 0;
      addEventListener(
        "keydown",
        (event) => {
          pressed = event.timeStamp;
        },
        { once: true, capture: true },
      );
      window.benchKey = new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error(`nothing changed in ${area}`)), 30_000);
        const observer = new MutationObserver(async () => {
          if (!pressed) return;
          observer.disconnect();
          keysAfter = await painted();
          resolve(keysAfter - pressed);
        });
        observer.observe(element, { childList: true, subtree: true, characterData: true });
      });
    },

    /** Milliseconds from that key to the next frame, by the browser's event timing. */
    async keyEvent() {
      await until(() => keys.length > 0 || performance.now() > keysAfter + 2000);
      return Math.max(LEAST_MS, ...keys);
    },

    /** Milliseconds from a click on a card to its slider, shown on the other tab. */
    async select(card, slider) {
      const start = performance.now();
      shown(card).click();
      tab("Generate").click();
      await until(() => shown(slider));
      return (await painted()) - start;
    },

    /** Scroll down `frames` times by `step` pixels; of the points looked at, how many were bare. */
    async scroll(list, card, frames, step) {
      const scroller =
        shown(list).scrollHeight > shown(list).clientHeight + 50 && list !== ".cards"
          ? shown(list)
          : document.scrollingElement;
      let points = 0;
      let bare = 0;
      for (let frame = 0; frame < frames; frame += 1) {
        await painted(() => {
          scroller.scrollTop += step;
        });
        const box = shown(list).getBoundingClientRect();
        for (let row = 1; row < 8; row += 1) {
          const x = box.left + box.width * 0.4;
          const y = (innerHeight * row) / 8;
          if (y < box.top + 60 || y > box.bottom - 60) continue;
          points += 1;
          const near = [y, y + 20, y - 20].map((at) => document.elementFromPoint(x, at));
          if (
            !near.some((item) => item?.closest(`${card}, .cards-heading, .grid-tools, .action-bar`))
          )
            bare += 1;
        }
      }
      return { points, bare };
    },
  };
})();
