/** The library as the server packs it: each verdict, and each set of verdicts, written once. */

/** The same data with every card's `verdicts` by model. Cards share equal verdicts. */
export function unpacked(data) {
  const fits = data.fits.map((places) =>
    Object.fromEntries(Object.entries(places).map(([model, at]) => [model, data.verdicts[at]])),
  );
  for (const card of data.loras) {
    card.verdicts = fits[card.fit] ?? {};
  }
  return data;
}
