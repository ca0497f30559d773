/** The attribute table: what it asks for, and how its state is written into the link. No components here. */

export interface TableView {
  layer: string;
  /** CQL2 text, as it was typed; empty is none. */
  filter: string;
  /** A column, with "-" before it when the greatest comes first; null is the server's order. */
  sort: string | null;
  /** Names of the columns that are shown; null is all. */
  columns: string[] | null;
  /** Only what lies in the window or in the area that was drawn. */
  within: "view" | "area" | null;
}

export function tableOf(layer: string): TableView {
  return { layer, filter: "", sort: null, columns: null, within: null };
}

/** Ascending, descending, and as it was. */
export function nextSort(sort: string | null, column: string): string | null {
  if (sort === column) return `-${column}`;
  return sort === `-${column}` ? null : column;
}

type Ring = readonly (readonly [number, number])[];

/** A ring (open; degrees) as CQL2 text: what it touches. */
export function touches(ring: Ring): string {
  const [first] = ring;
  if (!first) return "";
  const corners = [...ring, first].map(([lon, lat]) => `${lon.toFixed(7)} ${lat.toFixed(7)}`);
  return `S_INTERSECTS(geom, POLYGON((${corners.join(", ")})))`;
}

/** Conditions that must all hold; the empty ones say nothing. */
export function all(...conditions: string[]): string {
  const said = conditions.map((one) => one.trim()).filter(Boolean);
  return said.length > 1 ? said.map((one) => `(${one})`).join(" AND ") : (said[0] ?? "");
}

export interface Asked {
  view: TableView;
  at: string | null;
  known: string | null;
  bbox: readonly number[] | null;
  area: Ring | null;
}

/** The query of an items door, without its page and format. */
export function tableQuery({ view, at, known, bbox, area }: Asked): Record<string, string> {
  const within = view.within === "area" && area ? touches(area) : "";
  const filter = all(within, view.filter);
  return {
    ...(filter ? { filter, "filter-lang": "cql2-text" } : {}),
    ...(view.sort ? { sortby: view.sort } : {}),
    ...(view.columns ? { properties: view.columns.join(",") } : {}),
    ...(view.within === "view" && bbox ? { bbox: bbox.join(",") } : {}),
    ...(at ? { datetime: at } : {}),
    ...(known ? { known } : {}),
  };
}

const e = encodeURIComponent;

/** `pipes;fdiameter%20%3E%200.3;s-diameter;cid:class`. */
export function encodeTable(view: TableView): string {
  const parts = [e(view.layer)];
  if (view.filter) parts.push(`f${e(view.filter)}`);
  if (view.sort) parts.push(`s${e(view.sort)}`);
  if (view.columns) parts.push(`c${view.columns.map(e).join(":")}`);
  if (view.within) parts.push(`w${view.within}`);
  return parts.join(";");
}

/** The table of a text that `encodeTable` wrote; `plain` decodes one part. */
export function decodeTable(text: string, plain: (part: string) => string): TableView | null {
  const [layer = "", ...parts] = text.split(";");
  if (!layer) return null;
  const view = tableOf(plain(layer));
  for (const part of parts) {
    const rest = part.slice(1);
    if (part[0] === "f") view.filter = plain(rest);
    if (part[0] === "s") view.sort = plain(rest) || null;
    if (part[0] === "c") view.columns = rest.split(":").filter(Boolean).map(plain);
    if (part[0] === "w" && (rest === "view" || rest === "area")) view.within = rest;
  }
  return view;
}

/** Degrees with a digit for ten centimetres: enough to select by, short enough to send. */
export function encodeRing(ring: Ring): string {
  return ring.map(([lon, lat]) => `${Number(lon.toFixed(6))},${Number(lat.toFixed(6))}`).join(";");
}

export function decodeRing(text: string): [number, number][] | null {
  const ring = text
    .split(";")
    .filter(Boolean)
    .map((pair) => pair.split(",").map(Number));
  const sound = ring.every(
    ([lon, lat, ...more]) => more.length === 0 && Math.abs(lon ?? 999) <= 180 && Math.abs(lat ?? 99) <= 90,
  );
  return sound && ring.length >= 2 ? (ring as [number, number][]) : null;
}

/** Rows that were chosen after a click: alone, added or taken away, or all from the last one to this. */
export function chosenAfter(
  ids: readonly string[],
  chosen: readonly string[],
  id: string,
  how: "one" | "toggle" | "range",
  anchor: string | null,
): string[] {
  if (how === "one") return [id];
  if (how === "toggle") return chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id];
  const [from, to] = [ids.indexOf(anchor ?? id), ids.indexOf(id)];
  if (from < 0 || to < 0) return [id];
  const span = ids.slice(Math.min(from, to), Math.max(from, to) + 1);
  return [...chosen.filter((one) => !span.includes(one)), ...span];
}
