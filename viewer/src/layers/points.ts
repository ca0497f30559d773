/** Points: sensors, cameras, places, incidents and whatever else has a place and no body. */
import {
  type Billboard,
  BillboardCollection,
  Cartesian2,
  Cartesian3,
  Math as CesiumMath,
  Color,
  HorizontalOrigin,
  LabelCollection,
  LabelStyle,
  NearFarScalar,
  SceneTransforms,
  VerticalOrigin,
} from "cesium";
import { server } from "../api/client";
import { newsOf } from "../api/news";
import type {
  ChangeEvent,
  Feature,
  LatestValue,
  LayerSummary,
  LegendItem,
  ObservationEvent,
} from "../api/types";
import { groundHeight } from "../scene/camera";
import { momentQuery } from "../scene/moment";
import { levels } from "../scene/palette";
import type { Tag } from "../scene/picking";
import type { Drawing, Drawn, Stage } from "../scene/stage";
import { classKey, type LayerView } from "../state/app";
import { drawOf, entryOf } from "../state/styling";
import { type Cluster, cellFor, cluster } from "./cluster";

import { createRoom, textWidth } from "./room";
import { badge, decoded, heap, ring, signOf, spot } from "./symbols";

export const DRAWING: Drawing = { mode: "points", draw: (stage, summary) => new Points(stage, summary) };

/** More than this is asked for by the window, and only from near. */
const all = 6000;
const page = 2000;
/** Metres a pixel: from where on names, badges and windows make sense. */
const namesBelow = 0.7;
const valuesBelow = 1.2;
const badgesBelow = 14;
const windowsBelow = 8;
const apart = 64;
const mostLabels = 160;
/** A sensor that has been silent for longer is drawn grey; milliseconds. */
const silence = 26 * 3600 * 1000;

interface Point {
  id: string;
  lon: number;
  lat: number;
  title: string;
  properties: Record<string, unknown>;
}

const font =
  '"Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC Variable", sans-serif';

function pointOf({ id, geometry, properties }: Feature): Point[] {
  const place =
    geometry?.type === "MultiPoint" ? (geometry.coordinates as number[][])[0] : geometry?.coordinates;
  if (!Array.isArray(place) || typeof place[0] !== "number") return [];
  const title = properties.name ?? properties.title ?? id;
  return [{ id: String(id), lon: place[0], lat: place[1] as number, title: String(title), properties }];
}

class Points implements Drawn {
  readonly #symbols: BillboardCollection;
  readonly #names: LabelCollection;
  #points = new Map<string, Point>();
  #latest = new Map<string, LatestValue>();
  #view: LayerView | null = null;
  #run = 0;
  #fetched = "";
  #version: number;
  #stopSeating: () => void;

  constructor(
    readonly stage: Stage,
    private summary: LayerSummary,
  ) {
    const { scene } = stage.widget;
    this.#version = summary.version;
    this.#symbols = scene.primitives.add(new BillboardCollection({ scene }));
    this.#names = scene.primitives.add(new LabelCollection({ scene }));
    this.#warm();
    // Terrain comes finer and finer: what stands on it is put back onto it.
    this.#stopSeating = scene.globe.tileLoadProgressEvent.addEventListener((waiting: number) => {
      if (waiting === 0) this.#seat();
    });
  }

  restyle(view: LayerView): void {
    this.#view = view;
    this.#symbols.show = view.visible;
    this.#names.show = view.visible;
    if (!view.visible) return;
    if (this.#fetched === this.#wanted()) this.#draw();
    else void this.#fetch();
  }

  refetch(summary: LayerSummary): void {
    const newer = summary.version !== this.#version;
    this.summary = summary;
    this.#version = summary.version;
    if (!this.#view?.visible) {
      if (newer) this.#fetched = "";
      return;
    }
    if (newer || this.#fetched !== this.#wanted()) void this.#fetch();
  }

  changed(event: ChangeEvent): void {
    const { at, known } = this.stage.app;
    if (at || known) return;
    this.#takeIn(event).catch(() => this.#fetch());
  }

  observed({ ids, datastream, time, value }: ObservationEvent): void {
    for (const id of ids) {
      const before = this.#latest.get(id);
      // A thing's label shows one datastream; another one's value does not belong there.
      if (before && before.datastream !== datastream) continue;
      this.#latest.set(id, { name: "", unit: null, ...before, id, datastream, time, value });
    }
    if (this.#view?.visible) this.#draw();
  }

  moved(): void {
    if (!this.#view?.visible) return;
    if (this.#fetched === this.#wanted()) this.#draw();
    else void this.#fetch();
  }

  destroy(): void {
    this.#run += 1;
    this.#stopSeating();
    this.stage.widget.scene.primitives.remove(this.#symbols);
    this.stage.widget.scene.primitives.remove(this.#names);
  }

  /** The query that the points on the map come from; a layer of many is asked for by the window. */
  #wanted(): string {
    const { app } = this.stage;
    const query: Record<string, string> = { ...momentQuery(this.stage.moment()) };
    if (this.summary.count > all) {
      const window = (app.metresPerPixel ?? 1e9) < windowsBelow ? this.#window() : null;
      if (!window) return "";
      query.bbox = window;
    }
    return new URLSearchParams(query).toString() || "all";
  }

  /** The view's extent on a coarse grid, so that a small step asks for nothing new; degrees. */
  #window(): string | null {
    const rectangle = this.stage.widget.camera.computeViewRectangle();
    if (!rectangle) return null;
    const step = 0.01;
    const down = (angle: number) => Math.floor(CesiumMath.toDegrees(angle) / step) * step;
    const up = (angle: number) => Math.ceil(CesiumMath.toDegrees(angle) / step) * step;
    const box = [down(rectangle.west), down(rectangle.south), up(rectangle.east), up(rectangle.north)];
    return box.map((value) => value.toFixed(2)).join(",");
  }

  async #fetch(): Promise<void> {
    this.#run += 1;
    const run = this.#run;
    const wanted = this.#wanted();
    this.#fetched = wanted;
    if (!wanted) {
      this.#points.clear();
      this.#draw();
      return;
    }
    this.stage.report(this.summary.id, "pending");
    try {
      const [features, latest] = await Promise.all([this.#pages(wanted), this.#values()]);
      if (run !== this.#run) return;
      this.#points = new Map(features.flatMap(pointOf).map((point) => [point.id, point]));
      this.#latest = new Map(latest.map((value) => [value.id, value]));
      this.#draw();
      this.stage.report(this.summary.id, "ready");
    } catch (cause) {
      if (run === this.#run) this.stage.report(this.summary.id, "failed", (cause as Error).message);
    }
  }

  async #pages(wanted: string): Promise<Feature[]> {
    const { bbox, at, known } = Object.fromEntries(new URLSearchParams(wanted));
    const query = { bbox, datetime: at, known, limit: page };
    const features: Feature[] = [];
    let answer = await server.items(this.summary.id, query);
    features.push(...answer.features);
    while (features.length < all) {
      const next = answer.links?.find(({ rel }) => rel === "next");
      if (!next || answer.features.length === 0) break;
      const { search } = new URL(next.href, location.href);
      answer = await server.items(this.summary.id, Object.fromEntries(new URLSearchParams(search)));
      features.push(...answer.features);
    }
    return features;
  }

  #values(): Promise<LatestValue[]> {
    if (this.summary.kind !== "sensors" || this.stage.app.at) return Promise.resolve([]);
    return server.latest(this.summary.id);
  }

  /** A few that changed: no need to ask for all, nor to wait for the catalogue. */
  async #takeIn(event: ChangeEvent): Promise<void> {
    const news = newsOf(event);
    if (!news) {
      await this.#fetch();
      return;
    }
    for (const { id, feature } of await news) {
      if (feature) for (const point of pointOf(feature)) this.#points.set(point.id, point);
      else this.#points.delete(id);
    }
    if (this.#view?.visible) this.#draw();
  }

  #entry(point: Point): LegendItem | undefined {
    const { by, legend } = drawOf(this.summary.draw, this.#view?.style);
    return entryOf(legend, by, by ? point.properties[by] : undefined) ?? (by ? undefined : legend[0]);
  }

  #shown(point: Point): boolean {
    const { hidden = [], filter } = this.#view ?? {};
    if (hidden.includes(classKey(this.#entry(point)?.value))) return false;
    const { scrub } = this.stage.app;
    if (scrub && !existsAt(point, scrub)) return false;
    if (!filter) return true;
    const value = point.properties[filter.column];
    if (value === null || value === undefined) return false;
    return Number(value) >= (filter.min ?? -Infinity) && Number(value) <= (filter.max ?? Infinity);
  }

  #color(point: Point): string {
    const { kind } = this.summary;
    const palette = this.stage.palette();
    if (kind === "sensors" && !this.stage.app.at && this.#silent(point.id)) return palette.quiet;
    return this.#entry(point)?.color ?? levels[String(point.properties.level)] ?? palette.accent;
  }

  #silent(id: string): boolean {
    if (this.#latest.size === 0) return false;
    const value = this.#latest.get(id);
    return !value || Date.parse(this.stage.app.now) - Date.parse(value.time) > silence;
  }

  #sign(point: Point): string {
    const { by } = this.summary.draw;
    return signOf(
      this.summary.kind,
      this.#entry(point)?.symbol,
      by ? point.properties[by] : point.properties.type,
    );
  }

  /** Have the legend's signs on the graphics card before anything wants them: what is new shows in the next picture. */
  #warm(): void {
    const { kind, draw } = this.summary;
    const { halo, selected } = this.stage.palette();
    const signs = draw.legend.map(({ symbol, value, color }) =>
      badge(signOf(kind, symbol, value), color, halo),
    );
    for (const image of [...signs, ring(selected)]) {
      const bearer = this.#symbols.add({ position: Cartesian3.ZERO, show: false });
      this.#picture(bearer, image);
      this.#symbols.remove(bearer);
    }
  }

  /** Give a billboard its sign; one that has to be decoded first asks for another picture when it is. */
  #picture(billboard: Billboard, image: string): void {
    billboard.setImage(image, () => decoded(image, this.stage.draw) as HTMLImageElement);
  }

  #draw(): void {
    const { app } = this.stage;
    const scale = app.metresPerPixel ?? 10;
    this.#symbols.removeAll();
    this.#names.removeAll();
    const lit = new Set(this.stage.lit(this.summary.id));
    const shown = [...this.#points.values()].filter((point) => this.#shown(point));
    const loose = this.summary.kind === "incidents" || scale < 0.6;
    const apartCell = loose ? 0 : cellFor(scale, apart);
    for (const group of cluster(
      shown.filter(({ id }) => !lit.has(id)),
      apartCell,
    ))
      this.#place(group, scale);
    for (const point of shown.filter(({ id }) => lit.has(id))) this.#mark(point, true, scale);
    if (scale < valuesBelow || this.summary.kind === "incidents") this.#label(shown, scale);
    this.stage.draw();
  }

  #place(group: Cluster<Point>, scale: number): void {
    const [first] = group.members;
    if (!first) return;
    if (group.members.length === 1) {
      this.#mark(first, false, scale);
      return;
    }
    const rim = this.stage.palette().halo;
    const title = this.summary.title[this.stage.app.lang];
    this.#billboard(group, heap(group.members.length, this.#color(first), rim), 34, {
      layer: this.summary.id,
      id: first.id,
      kind: this.summary.kind,
      title: `${title} × ${group.members.length}`,
      lon: group.lon,
      lat: group.lat,
      properties: { cluster: group.members.length },
    });
  }

  #mark(point: Point, lit: boolean, scale: number): void {
    const palette = this.stage.palette();
    const near = scale < badgesBelow || this.summary.kind === "incidents" || lit;
    const color = this.#color(point);
    const image = near ? badge(this.#sign(point), color, palette.halo) : spot(color, palette.halo);
    const { id, title, lon, lat, properties } = point;
    const tag = { layer: this.summary.id, id, kind: this.summary.kind, title, lon, lat, properties };
    if (lit) this.#billboard(point, ring(palette.selected), 46, tag);
    this.#billboard(point, image, near ? 28 : 12, tag);
  }

  #billboard(at: { lon: number; lat: number }, image: string, size: number, twin: Tag["twin"]): Billboard {
    const { widget, app } = this.stage;
    const billboard = this.#symbols.add({
      id: { twin } satisfies Tag,
      position: Cartesian3.fromDegrees(at.lon, at.lat, groundHeight(widget, at.lon, at.lat) + 1),
      width: size,
      height: size,
      color: Color.WHITE.withAlpha(this.#view?.opacity ?? 1),
      scaleByDistance: app.mode === "2d" ? undefined : new NearFarScalar(1500, 1, 12000, 0.6),
      disableDepthTestDistance: app.mode === "2d" ? Number.POSITIVE_INFINITY : 2500,
    });
    this.#picture(billboard, image);
    return billboard;
  }

  /** Names and values, as many as have room on the screen, what is lit first. */
  #label(points: Point[], scale: number): void {
    const lit = new Set(this.stage.lit(this.summary.id));
    const { clientWidth, clientHeight } = this.stage.widget.canvas;
    const room = createRoom(clientWidth, clientHeight);
    let count = 0;
    const inOrder = [...points].sort((a, b) => Number(lit.has(b.id)) - Number(lit.has(a.id)));
    for (const point of inOrder) {
      const text = this.#text(point, scale, lit.has(point.id));
      if (!text) continue;
      const pixel = this.#pixel(point);
      if (!pixel || !(room.take(pixel.x + 14, pixel.y - 16, textWidth(text), 34) || lit.has(point.id)))
        continue;
      this.#name(point, text);
      count += 1;
      if (count >= mostLabels) return;
    }
  }

  #pixel({ lon, lat }: Point): Cartesian2 | undefined {
    const { widget } = this.stage;
    const position = Cartesian3.fromDegrees(lon, lat, groundHeight(widget, lon, lat));
    return SceneTransforms.worldToWindowCoordinates(widget.scene, position);
  }

  #text(point: Point, scale: number, lit: boolean): string {
    const latest = this.#latest.get(point.id);
    const value =
      latest && latest.value !== null ? `${figure(latest.value)}${latest.unit ? ` ${latest.unit}` : ""}` : "";
    const named = scale < namesBelow || lit || this.summary.kind === "incidents";
    return [named ? point.title : "", value].filter((part) => part !== "").join("\n");
  }

  #name(point: Point, text: string): void {
    const { widget, app } = this.stage;
    const palette = this.stage.palette();
    this.#names.add({
      position: Cartesian3.fromDegrees(point.lon, point.lat, groundHeight(widget, point.lon, point.lat) + 1),
      text,
      font: `500 13px ${font}`,
      style: LabelStyle.FILL_AND_OUTLINE,
      fillColor: Color.fromCssColorString(palette.text),
      outlineColor: Color.fromCssColorString(palette.halo),
      outlineWidth: 4,
      pixelOffset: new Cartesian2(17, 0),
      horizontalOrigin: HorizontalOrigin.LEFT,
      verticalOrigin: VerticalOrigin.CENTER,
      disableDepthTestDistance: app.mode === "2d" ? Number.POSITIVE_INFINITY : 2500,
    });
  }

  #seat(): void {
    const { widget } = this.stage;
    for (const collection of [this.#symbols, this.#names]) {
      for (let i = 0; i < collection.length; i += 1) {
        const item = collection.get(i);
        const { longitude, latitude } = widget.scene.ellipsoid.cartesianToCartographic(item.position);
        const height =
          groundHeight(widget, CesiumMath.toDegrees(longitude), CesiumMath.toDegrees(latitude)) + 1;
        item.position = Cartesian3.fromRadians(longitude, latitude, height);
      }
    }
    this.stage.draw();
  }
}

/** A value as it is said: at most three decimals, none of them for show. */
function figure(value: number | string): string {
  return typeof value === "number" ? String(Number(value.toFixed(Math.abs(value) < 10 ? 2 : 1))) : value;
}

function existsAt({ properties: { valid_from: from, valid_to: to } }: Point, moment: string): boolean {
  const at = Date.parse(moment);
  return !(from && Date.parse(String(from)) > at) && !(to && Date.parse(String(to)) <= at);
}
