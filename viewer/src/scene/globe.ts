/** The ground: relief of the whole earth below, the county's terrain, and the map that the server draws on it. */
import {
  buildModuleUrl,
  CesiumTerrainProvider,
  Color,
  EllipsoidTerrainProvider,
  type Globe,
  ImageryLayer,
  Rectangle,
  type Scene,
  TileMapServiceImageryProvider,
  UrlTemplateImageryProvider,
  WebMercatorTilingScheme,
} from "cesium";
import type { BBox } from "../api/types";
import { atMoment, type Moment, momentQuery } from "./moment";
import type { Palette } from "./palette";
import { firstLevel, replacePicture } from "./picture";

export interface Ground {
  /** Draw the map anew when any of this has changed. */
  map(wanted: MapWanted): void;
  terrain(wanted: { bbox: BBox | null; there: boolean; moment: Moment }): Promise<void>;
  palette(palette: Palette, dark: boolean): void;
  /** The place among the pictures right above the map. */
  above(): number;
}

export interface MapWanted {
  bbox: BBox | null;
  moment: Moment;
  lang: string;
  dark: boolean;
  labels: boolean;
  /** Another number asks for the picture again; what has not changed is answered by 304. */
  version: number;
}

/** Kinds that lie on the map and are no part of its picture: what changes in them leaves the picture as it is. */
export const upon: ReadonlySet<string> = new Set([
  "bim",
  "cameras",
  "imagery",
  "incidents",
  "networks",
  "parcels",
  "pointcloud",
  "sensors",
]);

/** Room around the county, so that the map does not end where the last house stands; degrees. */
const margin = 0.03;

export async function createGround(scene: Scene): Promise<Ground> {
  const { globe, imageryLayers } = scene;
  globe.enableLighting = false;
  globe.showGroundAtmosphere = false;
  globe.depthTestAgainstTerrain = true;
  const relief = imageryLayers.addImageryProvider(
    await TileMapServiceImageryProvider.fromUrl(buildModuleUrl("Assets/Textures/NaturalEarthII")),
  );
  let picture: ImageryLayer | null = null;
  let drawn = "";
  let landed = "";
  return {
    map(wanted) {
      const url = mapUrl(wanted);
      const picked = `${wanted.version} ${url}`;
      if (!wanted.bbox || picked === drawn) return;
      drawn = picked;
      const fresh = mapLayer(url, wanted.bbox, wanted.labels);
      replacePicture(scene, picture, fresh, 1);
      picture = fresh;
    },
    async terrain({ bbox, there, moment }) {
      const url = there && bbox ? atMoment("/tiles/ground/layer.json", { at: moment.at, known: null }) : "";
      // The ground changes seldom: as long as its tiles are the same ones, they stay.
      const tiles = url ? await tilesOf(url) : "none";
      if (tiles === landed) return;
      landed = tiles;
      scene.terrainProvider = url
        ? await CesiumTerrainProvider.fromUrl(url.replace(/\/layer\.json$/, ""), {
            requestVertexNormals: true,
          })
        : new EllipsoidTerrainProvider();
      scene.requestRender();
    },
    above: () => (picture && imageryLayers.contains(picture) ? imageryLayers.indexOf(picture) : 0) + 1,
    palette(palette, dark) {
      tint(globe, relief, palette, dark);
      scene.requestRender();
    },
  };
}

/** Where a terrain's tiles come from: the address carries their state. */
async function tilesOf(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${answer.status} ${url}`);
  return String(((await answer.json()) as { tiles: string[] }).tiles[0]);
}

function mapUrl({ moment, lang, dark, labels }: MapWanted): string {
  const query = new URLSearchParams({ ...momentQuery(moment), lang });
  if (dark) query.set("dark", "1");
  if (!labels) query.set("labels", "0");
  return `/tiles/map/{z}/{x}/{y}.png?${query}`;
}

/** The pictures are drawn for two device pixels a point: names come out in their size only when that is what they get. */
function mapLayer(url: string, [west, south, east, north]: BBox, labels: boolean): ImageryLayer {
  const size = labels && devicePixelRatio < 1.5 ? 256 : 512;
  const provider = new UrlTemplateImageryProvider({
    url,
    tilingScheme: new WebMercatorTilingScheme(),
    rectangle: Rectangle.fromDegrees(west - margin, south - margin, east + margin, north + margin),
    tileWidth: size,
    tileHeight: size,
    minimumLevel: firstLevel(east - west),
    maximumLevel: 19,
  });
  return new ImageryLayer(provider);
}

/** The relief is there so that the earth is not blank; it must not outshine the map. */
function tint(globe: Globe, relief: ImageryLayer, palette: Palette, dark: boolean): void {
  globe.baseColor = Color.fromCssColorString(palette.globe);
  globe.undergroundColor = Color.fromCssColorString(palette.underground);
  relief.alpha = dark ? 0.2 : 0.22;
  relief.saturation = 0.35;
  relief.brightness = dark ? 0.7 : 1.3;
}
