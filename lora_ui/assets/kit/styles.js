/** The extension's own stylesheets, for a page that does not link them. */

const loading = new Map(); // address → when it is there

/** Add a link for each stylesheet once. Resolves when all have loaded or failed. */
export function loadStyles(names) {
  return Promise.all(names.map((name) => linked(new URL(`../${name}`, import.meta.url).href)));
}

function linked(href) {
  if (!loading.has(href)) {
    loading.set(
      href,
      new Promise((done) => {
        const link = document.createElement("link");
        link.rel = "stylesheet";
        link.href = href;
        for (const event of ["load", "error"]) link.addEventListener(event, done);
        document.head.append(link);
      }),
    );
  }
  return loading.get(href);
}
