/** Sending one file, with its progress and its speed. */
import { ApiError, address, errorFrom, unreachable } from "./api.js";

const WINDOW_MS = 4000; // the speed is that of the last seconds

export function cancelled() {
  return new ApiError({ category: "cancelled", message: "Cancelled; nothing was kept." });
}

/**
 * Send `file` into the library under `filename`; resolves to its record, or raises ApiError.
 * `progress({sent, total, speed})` in bytes and bytes per second; `stop` is filled with what
 * breaks the transfer off.
 */
export function transfer(file, filename, progress, stop) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const speed = speedometer();
    stop.now = () => xhr.abort();
    xhr.upload.addEventListener("progress", ({ loaded, total }) =>
      progress({ sent: loaded, total, speed: speed(loaded) }),
    );
    xhr.upload.addEventListener("load", () =>
      progress({ sent: file.size, total: file.size, speed: 0 }),
    );
    xhr.addEventListener("load", () => {
      if (xhr.status < 300) resolve(JSON.parse(xhr.responseText).record);
      else reject(errorFrom(xhr.responseText, xhr.status));
    });
    xhr.addEventListener("error", () => reject(unreachable()));
    xhr.addEventListener("abort", () => reject(cancelled()));
    xhr.open("PUT", address("api/loras/upload", { filename }));
    xhr.send(file);
  });
}

/** A function of the bytes sent so far that gives bytes per second; 0 while it cannot tell. */
function speedometer() {
  const marks = [{ time: performance.now(), sent: 0 }];
  return (sent) => {
    const time = performance.now();
    marks.push({ time, sent });
    while (marks.length > 2 && marks[1].time < time - WINDOW_MS) marks.shift();
    const spent = (time - marks[0].time) / 1000;
    return spent > 0.2 ? (sent - marks[0].sent) / spent : 0;
  };
}
