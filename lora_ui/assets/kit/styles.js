/** The extension's own stylesheets, for a page that does not link them. */

const loading = new Map(); // address → when it is there

/** Link each file of the assets once; done when all are in force, or cannot be had. */
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
