/** The server's doors, typed. Every failure is a `ServerError` whose message is a sentence for people. */
import type {
  Background,
  ColumnValues,
  Datastream,
  Feature,
  FeatureCollection,
  Found,
  Here,
  Hit,
  Impact,
  LatestValue,
  LayerDetail,
  LayerDifferences,
  LayerSummary,
  LayerSums,
  Problem,
  Profile,
  Series,
  Site,
  Version,
} from "./types";

/** What a request that did not succeed came back with; status 0: no answer at all. */
export class ServerError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
    readonly url: string,
  ) {
    super(problem.detail ?? problem.title ?? `${status} ${url}`);
    this.name = "ServerError";
  }
}

type Parameter = string | number | boolean | null | undefined;

/** A path with its query; parameters that are null or undefined are left out. */
export function address(path: string, query: Record<string, Parameter> = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  if (pairs.length === 0) return path;
  return `${path}?${new URLSearchParams(pairs.map(([key, value]) => [key, String(value)]))}`;
}

async function problemOf(answer: Response): Promise<Problem> {
  if (!answer.headers.get("content-type")?.includes("json")) return { title: answer.statusText };
  return (await answer.json()) as Problem;
}

async function send<T>(url: string, init: RequestInit = {}): Promise<T> {
  const answer = await fetch(url, { headers: { accept: "application/json" }, ...init }).catch(
    (cause: unknown) => {
      if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
      throw new ServerError(0, { detail: String(cause) }, url);
    },
  );
  if (!answer.ok) throw new ServerError(answer.status, await problemOf(answer), url);
  return (await answer.json()) as T;
}

function get<T>(path: string, query: Record<string, Parameter> = {}, signal?: AbortSignal): Promise<T> {
  return send<T>(address(path, query), signal ? { signal, headers: { accept: "application/json" } } : {});
}

function post<T>(path: string, body: unknown, type = "application/json"): Promise<T> {
  const headers = { accept: "application/json", "content-type": type };
  return send<T>(path, { method: "POST", headers, body: JSON.stringify(body) });
}

const e = encodeURIComponent;

/** A version's two periods apart from the properties that differ between versions. */
function version({ properties }: Feature): Version {
  const {
    valid_from,
    valid_to,
    recorded_from,
    recorded_to,
    source: _source,
    dated: _dated,
    ...rest
  } = properties;
  const periods = { valid_from, valid_to, recorded_from, recorded_to } as Omit<Version, "properties">;
  return { ...periods, properties: rest };
}

/** The two clocks of a read; null is now. */
export interface Moment {
  at: string | null;
  known: string | null;
}

export const server = {
  site: () => get<Site>("/api/site"),
  layers: async () => (await get<{ layers: LayerSummary[] }>("/api/layers")).layers,
  layer: (id: string) => get<LayerDetail>(`/api/layers/${e(id)}`),
  quarantine: (id: string, limit = 20) =>
    get<{ rows: { row: number; column: string | null; reason: string; original: unknown }[]; count: number }>(
      `/api/layers/${e(id)}/quarantine`,
      { limit },
    ),
  backgrounds: () => get<{ backgrounds: Background[]; problem?: string }>("/api/backgrounds"),
  search: (q: string, signal?: AbortSignal) => get<Found>("/api/search", { q, limit: 20 }, signal),
  here: (lon: number, lat: number, radius = 15) => get<Here>("/api/here", { lon, lat, radius }),
  /** Features of some layers near a place, nearest first; metres. */
  pick: async (query: {
    lon: number;
    lat: number;
    radius: number;
    layers: string;
    at: string | null;
    known: string | null;
  }) => (await get<{ hits: Hit[] }>("/api/pick", query)).hits,
  feature: (layer: string, id: string, moment: Moment) =>
    get<Feature>(`/ogc/collections/${e(layer)}/items/${e(id)}`, { datetime: moment.at, known: moment.known }),
  items: (layer: string, query: Record<string, Parameter>) =>
    get<FeatureCollection>(`/ogc/collections/${e(layer)}/items`, query),
  versions: async (layer: string, id: string) =>
    (await get<FeatureCollection>(`/ogc/collections/${e(layer)}/items/${e(id)}/versions`)).features.map(
      version,
    ),
  thing: async (layer: string, id: string) =>
    (await get<{ datastreams: Datastream[] }>(`/api/things/${e(layer)}/${e(id)}`)).datastreams,
  series: (datastream: number, from: string | null, to: string | null, points = 400) =>
    get<Series>(`/api/datastreams/${datastream}/series`, { from, to, points }),
  latest: async (layer: string) => (await get<{ values: LatestValue[] }>(`/api/latest/${e(layer)}`)).values,
  report: (incident: { lon: number; lat: number; properties: Record<string, unknown> }) =>
    post<Feature>(
      "/ogc/collections/incidents/items",
      {
        type: "Feature",
        geometry: { type: "Point", coordinates: [incident.lon, incident.lat] },
        properties: incident.properties,
      },
      "application/geo+json",
    ),
  /** What differs between two moments; null is now. */
  differences: async (query: {
    layers: string;
    from: string | null;
    to: string | null;
    known_from: string | null;
    known_to: string | null;
    bbox: string | null;
    limit: number;
  }) => (await get<{ layers: LayerDifferences[] }>("/api/differences", query)).layers,
  /** How a column's values are spread. */
  values: (layer: string, query: Record<string, Parameter>) =>
    get<ColumnValues>(`/api/layers/${e(layer)}/values`, query),
  /** How many features a filter holds, and the sums of their numbers. */
  sums: (layer: string, query: Record<string, Parameter>) =>
    get<LayerSums>(`/api/layers/${e(layer)}/sums`, query),
  /** The ground along "lon,lat,lon,lat,…", with what it crosses. */
  profile: (query: { line: string; at: string | null; known: string | null }) =>
    get<Profile>("/api/profile", query),
  impact: (lon: number, lat: number, radius: number) =>
    post<Impact>("/ogc/processes/impact/execution", {
      inputs: { geometry: { type: "Point", coordinates: [lon, lat] }, radius },
    }),
};
