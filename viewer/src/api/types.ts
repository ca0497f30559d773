/** What the server says, as it says it. Times are RFC 3339 UTC strings; an open end of a period is null. */

export interface Bilingual {
  zh: string;
  en: string;
}

export type Lang = keyof Bilingual;

/** West, south, east, north; degrees. */
export type BBox = [number, number, number, number];

export interface SiteView {
  lon: number;
  lat: number;
  height: number;
  heading: number;
  pitch: number;
}

export interface Epoch {
  at: string;
  title: Bilingual;
}

export interface Site {
  title: Bilingual;
  invented: boolean;
  bbox: BBox | null;
  view?: SiteView | null;
  now: string;
  epochs: Epoch[];
  ground: boolean;
  version: number;
  languages: Lang[];
}

export interface LegendItem {
  value: string | number | boolean | null;
  label: Bilingual;
  color: string;
  symbol?: string;
  /** Numbers from the first up to, and without, the second; null is open. Else the item stands for its value. */
  range?: [number | null, number | null];
}

export interface LayerDraw {
  mode: "3dtiles" | "terrain" | "imagery" | "points" | "flat" | "mesh" | "pointcloud" | "none";
  tileset?: string;
  mvt?: string;
  visible: boolean;
  opacity: number;
  legend: LegendItem[];
  /** The column that the legend classifies. */
  by: string | null;
  /** Columns that the tiles carry; none said: all. */
  columns?: string[];
  /** Metres by which what was baked elsewhere stands higher than it says. */
  offset?: number;
  points?: PointRanges | null;
}

/** What the points of a cloud span. */
export interface PointRanges {
  height: [number, number];
  intensity: [number, number];
  /** Class -> points. */
  classes: Record<string, number>;
  rgb: boolean;
}

export interface LayerSummary {
  id: string;
  kind: string;
  title: Bilingual;
  theme: { id: string } & Bilingual;
  department: Bilingual | null;
  geometry: "Point" | "LineString" | "Polygon" | "Raster" | "Geometry";
  count: number;
  bbox: BBox | null;
  z: [number, number] | null;
  time: { from: string | null; to: string | null } | null;
  version: number;
  updated: string | null;
  owner: string | null;
  due: string | null;
  overdue: boolean;
  invented: boolean;
  vertical: string;
  crs: string;
  schematic: boolean;
  draw: LayerDraw;
}

export interface Column {
  name: string;
  type: "string" | "integer" | "number" | "boolean" | "datetime" | "date" | "json";
  unit: string | null;
  title: Bilingual;
}

export interface Report {
  commit: number;
  at: string;
  source: string;
  reader: string;
  read: number;
  accepted: number;
  quarantined: number;
  added: number;
  removed: number;
  changed_geometry: number;
  changed_attributes: number;
  unchanged: number;
  kept: number;
  crs: string;
  vertical: string;
  extent: BBox | null;
  place: string;
  notes: string[];
  /** The day that the delivery is true of; null is when it was taken in. */
  dated: string | null;
  href: string;
}

export interface Lineage {
  at: string;
  source: string;
  reader: string;
  note: string;
}

export interface LayerDetail extends LayerSummary {
  columns: Column[];
  lineage: Lineage[];
  /** Whose rows the last survey brought. */
  source: string | null;
  /** The day that the layer is of. */
  date: string;
  accuracy: string | null;
  statement: string | null;
  licence: string | null;
  attribution: string | null;
  reports: Report[];
  quarantine: { count: number; href: string };
}

/** A thing that was found at a place; `distance` in metres. */
export interface Hit {
  layer: string;
  id: string;
  kind: string;
  title: string;
  distance?: number;
}

export interface SearchHit {
  layer: string;
  id: string;
  kind: string;
  title: string;
  detail: string;
  lon: number;
  lat: number;
  height?: number | null;
  score: number;
  /** What was asked for beyond what it is: 2单元 of a building that is known as a whole. */
  missing: string;
}

/** A map of somebody else, fetched through the server. */
export interface Background {
  name: string;
  title: { zh: string; en: string };
  attribution: string;
  tiling: "mercator" | "geographic";
  minimum: number;
  maximum: number;
  /** Pixels of a tile's side. */
  size: number;
  bbox: BBox | null;
  url: string;
}

/** Where two roads meet. */
export interface CrossingHit {
  names: [string, string];
  lon: number;
  lat: number;
  /** Metres between them; 0 where they touch. */
  gap: number;
}

export interface Found {
  hits: SearchHit[];
  crossings: CrossingHit[];
}

export interface Projected {
  crs: string;
  name: string;
  /** Easting, metres. */
  x: number;
  /** Northing, metres. */
  y: number;
}

export interface Here {
  lon: number;
  lat: number;
  height: number | null;
  datum: string | null;
  projected: Projected[];
  address: Record<string, unknown> | null;
  grids: { level: number | string; id: string; name: string; manager: string | null; phone: string | null }[];
  near: { layer: string; id: string; kind: string; title: string; distance: number }[];
  pipes: {
    layer: string;
    id: string;
    title: string;
    class: string | null;
    type: string | null;
    depth: number | null;
    diameter: number | null;
    distance: number;
  }[];
}

/** GeoJSON geometry, as loosely as we need it: the viewer draws points and reads extents. */
export interface Geometry {
  type: string;
  coordinates?: unknown;
  geometries?: Geometry[];
}

export type Properties = Record<string, unknown>;

export interface Feature {
  type: "Feature";
  id: string;
  geometry: Geometry | null;
  properties: Properties;
}

export interface FeatureCollection {
  type: "FeatureCollection";
  features: Feature[];
  numberMatched: number;
  numberReturned: number;
  links?: { rel: string; href: string }[];
}

export interface Version {
  valid_from: string | null;
  valid_to: string | null;
  recorded_from: string | null;
  recorded_to: string | null;
  properties: Properties;
}

export interface Datastream {
  id: number;
  name: string;
  observed_property: Bilingual;
  unit: string | null;
  latest: { time: string; value: number | string | null } | null;
  count: number;
}

export interface Series {
  unit: string | null;
  times: string[];
  min: (number | null)[];
  max: (number | null)[];
  mean: (number | null)[];
}

export interface LatestValue {
  id: string;
  datastream: number;
  name: string;
  unit: string | null;
  time: string;
  value: number | string | null;
}

export interface ImpactMember {
  count: number;
  ids: string[];
  title: Bilingual;
}

/** A member for each layer. */
export type Impact = Record<string, ImpactMember>;

export interface ChangeEvent {
  layer: string;
  /** "rows" when features came, changed or went; "layer" when the catalogue did. */
  kind?: string;
  ids: string[] | null;
  bbox: BBox | null;
  version: number;
  count?: number;
}

export interface ObservationEvent {
  layer: string;
  ids: string[];
  datastream: number;
  time: string;
  value: number | string | null;
  version: number;
  bbox?: BBox | null;
}

export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
}

export interface Difference {
  id: string;
  kind: "added" | "removed" | "changed";
  title: string;
  bbox: BBox | null;
  /** Column -> before and after; `geom` stands for the shape. */
  columns: Record<string, [unknown, unknown]>;
}

export interface LayerDifferences {
  layer: string;
  added: number;
  removed: number;
  changed: number;
  /** The first of them. */
  differences: Difference[];
}

export interface NumberSums {
  count: number;
  sum: number | null;
  mean: number | null;
  min: number | null;
  max: number | null;
}

export interface ColumnValues extends Partial<NumberSums> {
  column: string;
  type: Column["type"];
  values: { value: string | number | boolean; count: number }[];
  distinct: number;
  missing: number;
  /** Of numbers: the limits between the steps. */
  breaks?: number[];
}

export interface LayerSums {
  count: number;
  ids: string[];
  columns: (NumberSums & { name: string; unit: string | null })[];
}

/** The ground along a line; metres, distances from the line's start. */
export interface Profile {
  length: number;
  datum: string;
  ground: { distance: number[]; height: (number | null)[] };
  buildings: {
    layer: string;
    id: string;
    title: string;
    from: number;
    to: number;
    bottom: number;
    top: number | null;
  }[];
  pipes: {
    layer: string;
    id: string;
    title: string;
    distance: number;
    height: number;
    class: string | null;
    diameter: number | null;
  }[];
  left_out: { layer: string; reason: string }[];
}
