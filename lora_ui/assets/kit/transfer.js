/** Sending one file, with its progress and its speed. */

import { say } from "../texts/say.js";
import { inOwnWords } from "../texts/told.js";
import { ApiError, address, answeredStatus, askQuietly, errorFrom, unreachable } from "./api.js";

const WINDOW_MS = 4000; // the speed is that of the last seconds

export function cancelled() {
  return new ApiError({ category: "cancelled", message: say("upload.cancelled") });
}

/**
 * Send a LoRA into the library: its `file` under `filename`, with the files `beside` it, into
 * `folder` unless that is "". Resolves to its `record` and what became of those `beside` it, or
 * raises ApiError; then nothing was kept. `progress({sent, total, speed})` in bytes and bytes per
 * second; `stop` is filled with what breaks the transfer off.
 */
export function transfer({ file, filename, folder, beside }, progress, stop) {
  return new Promise((resolve, reject) => {
    const body = new Blob([...beside, file]); // put together by the browser while it is sent
    const xhr = new XMLHttpRequest();
    const speed = speedometer();
    stop.now = () => xhr.abort();
    xhr.upload.addEventListener("progress", ({ loaded, total }) =>
      progress({ sent: loaded, total, speed: speed(loaded) }),
    );
    xhr.upload.addEventListener("load", () =>
      progress({ sent: body.size, total: body.size, speed: 0 }),
    );
    xhr.addEventListener("load", () => {
      const status = answeredStatus(xhr);
      if (status < 300) resolve(inOwnWords(JSON.parse(xhr.responseText)));
      else reject(errorFrom(xhr.responseText, status));
    });
    xhr.addEventListener("error", () => reject(unreachable()));
    xhr.addEventListener("abort", () => reject(cancelled()));
    const url = new URL(address("api/loras/upload", folder ? { filename, folder } : { filename }));
    for (const { name, size } of beside) url.searchParams.append("beside", `${size}:${name}`);
    xhr.open("PUT", url);
    askQuietly(xhr);
    xhr.send(body);
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
