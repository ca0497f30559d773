/** The path of a tileset or terrain at a moment; a path, because Cesium hands a query down to every child. */

export interface Moment {
  at: string | null;
  known: string | null;
}

/** `/tiles/roads/tileset.json` becomes `/tiles/roads/@2021-07-01T00:00:00Z/tileset.json`; null for both leaves it as it is. */
export function atMoment(url: string, { at, known }: Moment): string {
  if (!at && !known) return url;
  const cut = url.lastIndexOf("/");
  const second = known ? `/known/${encodeURIComponent(known)}` : "";
  return `${url.slice(0, cut)}/@${encodeURIComponent(at ?? "now")}${second}${url.slice(cut)}`;
}

/** The same as a query, for doors that take one. */
export function momentQuery({ at, known }: Moment): Record<string, string> {
  return { ...(at ? { at } : {}), ...(known ? { known } : {}) };
}
