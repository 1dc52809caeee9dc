/** The colours of a page to read: as the system's. In a script that runs before it is painted. */
if (matchMedia("(prefers-color-scheme: dark)").matches) document.body.classList.add("dark");
