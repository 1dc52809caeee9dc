/** Videos of the same length that show the same moment; the first one that is ready leads. */

const APART_S = 0.08;

export class InStep {
  #videos = new Set();
  #timer = 0;
  #playing = true;

  get count() {
    return this.#videos.size;
  }

  add(video) {
    if (this.#videos.has(video)) return;
    this.#videos.add(video);
    if (video.readyState >= 2) this.#join(video);
    else video.addEventListener("loadeddata", () => this.#join(video), { once: true });
  }

  remove(video) {
    if (!this.#videos.delete(video)) return;
    video.pause();
  }

  /** Whether they play now. */
  toggle() {
    this.#playing = !this.#playing;
    for (const video of this.#videos) this.#playing ? start(video) : video.pause();
    if (this.#playing) this.#follow();
    return this.#playing;
  }

  restart() {
    this.#playing = true;
    for (const video of this.#videos) {
      video.currentTime = 0;
      start(video);
    }
    this.#follow();
  }

  stop() {
    cancelAnimationFrame(this.#timer);
    for (const video of this.#videos) video.removeAttribute("src");
    this.#videos.clear();
  }

  get #leader() {
    return [...this.#videos].find((video) => video.readyState > 0);
  }

  #join(video) {
    if (!this.#videos.has(video)) return;
    const leader = this.#leader;
    if (leader && video !== leader) video.currentTime = leader.currentTime;
    if (this.#playing) start(video);
    this.#follow();
  }

  #follow() {
    cancelAnimationFrame(this.#timer);
    const leader = this.#leader;
    if (!this.#playing || !leader) return;
    for (const video of this.#videos) {
      const apart = Math.abs(video.currentTime - leader.currentTime);
      const around = Math.min(apart, Math.abs((leader.duration || 0) - apart));
      if (around > APART_S && !video.seeking) video.currentTime = leader.currentTime;
    }
    this.#timer = requestAnimationFrame(() => this.#follow());
  }
}

function start(video) {
  // A browser that lets nothing play by itself leaves the poster.
  video.play().catch(() => {});
}
