/** Flat layers: vector tiles, painted here onto pictures that lie on the ground, in the colours of the legend. */
import { VectorTile, type VectorTileFeature } from "@mapbox/vector-tile";
import {
  Event as CesiumEvent,
  ImageryLayer,
  type ImageryProvider,
  Rectangle,
  type Request,
  Resource,
  WebMercatorTilingScheme,
} from "cesium";
import { PbfReader } from "pbf";
import type { ChangeEvent, LayerSummary, LegendItem } from "../api/types";
import { momentQuery } from "../scene/moment";
import { firstLevel, replacePicture } from "../scene/picture";
import type { Drawing, Drawn, Stage } from "../scene/stage";
import { classKey, type LayerView } from "../state/app";
import { drawOf, entryOf } from "../state/styling";

export const DRAWING: Drawing = { mode: "flat", draw: (stage, summary) => new Flat(stage, summary) };

const size = 512;
const deepest = 18;
/** Tiles kept, so that another colour needs no fetching. */
const kept = 200;

interface Paint {
  entry(properties: Record<string, unknown>): LegendItem | undefined;
  shown(properties: Record<string, unknown>): boolean;
  plain: string;
}

class Flat implements Drawn {
  #layer: ImageryLayer | null = null;
  #tiles = new Map<string, Promise<VectorTile | null>>();
  #shown = "";
  #painted = "";
  #view: LayerView | null = null;
  #edition = 0;

  constructor(
    readonly stage: Stage,
    private summary: LayerSummary,
  ) {}

  restyle(view: LayerView): void {
    this.#view = view;
    this.#show();
  }

  refetch(summary: LayerSummary): void {
    this.summary = summary;
    this.#show();
  }

  changed(_event: ChangeEvent): void {
    this.#edition += 1;
    this.#show();
  }

  sheet(): ImageryLayer | null {
    return this.#layer;
  }

  destroy(): void {
    if (this.#layer) this.stage.widget.scene.imageryLayers.remove(this.#layer);
  }

  #show(): void {
    const view = this.#view;
    if (!view) return;
    const shown = view.visible && !this.#isInTheMap(view);
    if (shown) this.#paint(view);
    else if (!this.#layer) this.stage.report(this.summary.id, "ready");
    if (this.#layer) {
      this.#layer.show = shown;
      this.#layer.alpha = view.opacity;
    }
    this.stage.draw();
  }

  /**
   * The server's map draws roads, water and green already, and better than lines can: as long as nobody asks for something
   * else of them, a second drawing on top would only blur it.
   */
  #isInTheMap({ hidden, filter, opacity, style }: LayerView): boolean {
    const { kind, theme, draw } = this.summary;
    const basic = draw.visible && (kind === "roads" || theme.id === "base") && this.stage.app.base === "map";
    return basic && hidden.length === 0 && !filter && !style && opacity === draw.opacity;
  }

  /** Make another picture when what it would show is another one. */
  #paint(view: LayerView): void {
    const { id, version, draw } = this.summary;
    const query = new URLSearchParams(momentQuery(this.stage.moment())).toString();
    const address = `${draw.mvt ?? `/tiles/${id}/{z}/{x}/{y}.mvt`}${query ? `?${query}` : ""}`;
    const edition = `${version}.${this.#edition} ${address}`;
    const painted = JSON.stringify([edition, view.hidden, view.filter, view.style, this.stage.app.dark]);
    if (painted === this.#painted) return;
    this.#painted = painted;
    if (edition !== this.#shown) this.#tiles.clear();
    this.#shown = edition;
    const fresh = new ImageryLayer(this.#provider(address, this.#brush(view)));
    replacePicture(this.stage.widget.scene, this.#layer, fresh);
    this.#layer = fresh;
    this.stage.report(id, "ready");
  }

  #brush({ hidden, filter, style }: LayerView): Paint {
    const { by, legend } = drawOf(this.summary.draw, style);
    const entry = (properties: Record<string, unknown>) =>
      entryOf(legend, by, by ? properties[by] : undefined);
    const passes = (properties: Record<string, unknown>) => {
      if (!filter) return true;
      const value = properties[filter.column];
      if (value === undefined || value === null) return false;
      return Number(value) >= (filter.min ?? -Infinity) && Number(value) <= (filter.max ?? Infinity);
    };
    const shown = (properties: Record<string, unknown>) =>
      !hidden.includes(classKey(entry(properties)?.value)) && passes(properties);
    return { entry, shown, plain: this.stage.palette().accent };
  }

  #provider(address: string, paint: Paint): ImageryProvider {
    const [west, south, east, north] = this.summary.bbox ?? [-180, -85, 180, 85];
    const provider = {
      tileWidth: size,
      tileHeight: size,
      minimumLevel: firstLevel(east - west),
      maximumLevel: deepest,
      tilingScheme: new WebMercatorTilingScheme(),
      rectangle: Rectangle.fromDegrees(west, south, east, north),
      errorEvent: new CesiumEvent(),
      hasAlphaChannel: true,
      tileDiscardPolicy: undefined,
      credit: undefined,
      proxy: undefined,
      getTileCredits: () => [],
      pickFeatures: () => undefined,
      requestImage: (x: number, y: number, level: number, request?: Request) => {
        const tile = this.#tile(address, x, y, level, request);
        const pixel = metresPerPixel(y, level);
        return tile?.then((found) => picture(found, this.summary.id, paint, pixel));
      },
    };
    provider.errorEvent.addEventListener(({ message }: { message: string }) => {
      this.stage.report(this.summary.id, "failed", message);
    });
    return provider as unknown as ImageryProvider;
  }

  #tile(
    address: string,
    x: number,
    y: number,
    level: number,
    request?: Request,
  ): Promise<VectorTile | null> | undefined {
    const url = address.replace("{z}", String(level)).replace("{x}", String(x)).replace("{y}", String(y));
    const known = this.#tiles.get(url);
    if (known) return known;
    // Undefined when Cesium has too much under way: it will ask again.
    const asked = new Resource({ url, request }).fetchArrayBuffer();
    const tile = asked?.then((bytes) =>
      bytes && bytes.byteLength > 0 ? new VectorTile(new PbfReader(bytes)) : null,
    );
    if (!tile) return undefined;
    this.#tiles.set(url, tile);
    tile.catch(() => this.#tiles.delete(url));
    const oldest = this.#tiles.size > kept ? this.#tiles.keys().next().value : undefined;
    if (oldest !== undefined) this.#tiles.delete(oldest);
    return tile;
  }
}

/** Metres for one pixel of a picture. */
function metresPerPixel(y: number, level: number): number {
  const count = 2 ** level;
  const north = Math.PI * (1 - (2 * (y + 0.5)) / count);
  return 40_075_017 / Math.cosh(north) / count / size;
}

function picture(tile: VectorTile | null, layer: string, paint: Paint, pixel: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  const found = tile?.layers[layer] ?? Object.values(tile?.layers ?? {})[0];
  const pen = canvas.getContext("2d");
  if (!found || !pen) return canvas;
  pen.lineJoin = "round";
  pen.lineCap = "round";
  for (let i = 0; i < found.length; i += 1) {
    const feature = found.feature(i);
    const { properties } = feature;
    if (!paint.shown(properties)) continue;
    const metres = Number(properties.width) || 0;
    stroke(pen, feature, paint.entry(properties)?.color ?? paint.plain, metres / pixel);
  }
  return canvas;
}

function stroke(
  pen: CanvasRenderingContext2D,
  feature: VectorTileFeature,
  color: string,
  width: number,
): void {
  const scale = size / feature.extent;
  const path = new Path2D();
  for (const ring of feature.loadGeometry()) {
    ring.forEach(({ x, y }, i) => {
      if (feature.type === 1) {
        path.moveTo(x * scale + 5, y * scale);
        path.arc(x * scale, y * scale, 5, 0, 7);
      } else if (i === 0) path.moveTo(x * scale, y * scale);
      else path.lineTo(x * scale, y * scale);
    });
    if (feature.type === 3) path.closePath();
  }
  pen.strokeStyle = color;
  pen.fillStyle = color;
  if (feature.type !== 2) {
    pen.globalAlpha = feature.type === 3 ? 0.18 : 1;
    pen.fill(path, "evenodd");
  }
  pen.globalAlpha = 0.95;
  pen.lineWidth = feature.type === 2 ? Math.max(2, width) : 2;
  pen.stroke(path);
}
