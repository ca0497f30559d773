/** Meshes that were baked elsewhere (实景三维): drawn as they are, cut out where a model stands in their place. */
import {
  Cartesian3,
  Cesium3DTileStyle,
  type Cesium3DTileset,
  ClippingPolygon,
  ClippingPolygonCollection,
} from "cesium";
import { server } from "../api/client";
import type { BBox, Feature, LayerSummary } from "../api/types";
import type { Drawing, Stage } from "../scene/stage";
import type { LayerView } from "../state/app";
import { widened } from "../state/widened";
import { Tiles } from "./tileset";

/** Metres by which the cut is wider than the footprint: walls of a mesh stand on its outline, and eaves hang over it. */
const eaves = 0.6;
/** Footprints that are cut out at most: each costs a picture of distances. */
const most = 400;

export const DRAWING: Drawing = {
  mode: "mesh",
  draw: (stage, summary) => new Mesh(stage, summary),
};

class Mesh extends Tiles {
  #cutting = "";

  protected override options(): Cesium3DTileset.ConstructorOptions {
    // Its own light is in its pictures.
    return {
      show: false,
      preloadWhenHidden: true,
      maximumScreenSpaceError: this.stage.modest ? 32 : 16,
      enableCollision: false,
    };
  }

  /** Its own ids mean nothing here, so a click goes through to what lies on it. */
  protected override watch(tileset: Cesium3DTileset): void {
    tileset.tileFailed.addEventListener(({ message }: { message: string }) => {
      this.stage.report(this.summary.id, "failed", message);
    });
    this.#cutting = "";
  }

  protected override dress(tileset: Cesium3DTileset, view: LayerView): void {
    tileset.style = new Cesium3DTileStyle({ color: `color('#ffffff', ${view.opacity})` });
    void this.#cut(tileset, view);
  }

  /** Cut the mesh where buildings that are drawn as bodies stand. */
  async #cut(tileset: Cesium3DTileset, view: LayerView): Promise<void> {
    const { app } = this.stage;
    const layers = view.cut
      ? modelsOver(this.stage, this.summary).map((layer) => `${layer.id}@${layer.version}`)
      : [];
    const wanted = JSON.stringify([layers, app.at, app.known]);
    if (wanted === this.#cutting) return;
    this.#cutting = wanted;
    const rings: number[][] = [];
    for (const layer of layers) {
      const id = layer.slice(0, layer.lastIndexOf("@"));
      rings.push(...(await footprints(id, this.summary.bbox, app.at, app.known)));
    }
    if (this.#cutting !== wanted || tileset.isDestroyed()) return;
    const polygons = rings
      .slice(0, most)
      .map((ring) => new ClippingPolygon({ positions: Cartesian3.fromDegreesArray(ring) }));
    if (polygons.length > 0) tileset.clippingPolygons = new ClippingPolygonCollection({ polygons });
    else if (tileset.clippingPolygons) tileset.clippingPolygons.removeAll();
    this.stage.draw();
  }
}

/** Layers of buildings that are drawn as bodies now. */
function modelsOver({ app }: Stage, { id }: LayerSummary): LayerSummary[] {
  return app.catalogue.filter((layer) => {
    const view = app.layers[layer.id];
    return layer.id !== id && layer.kind === "buildings" && view?.visible && !view.onMesh;
  });
}

/** The outer rings of a layer's areas in a box, degrees one after the other. */
async function footprints(
  layer: string,
  bbox: BBox | null,
  at: string | null,
  known: string | null,
): Promise<number[][]> {
  const query = { bbox: bbox?.join(",") ?? null, datetime: at, known, limit: most };
  const { features } = await server.items(layer, query);
  return features.flatMap(ringsOf);
}

type Ring = [number, number, ...number[]][];

export function ringsOf({ geometry }: Feature): number[][] {
  const coordinates = geometry?.coordinates as unknown;
  const areas =
    geometry?.type === "Polygon"
      ? [coordinates as Ring[]]
      : geometry?.type === "MultiPolygon"
        ? (coordinates as Ring[][])
        : [];
  // The first corner comes again at the end, which Cesium does not want.
  return areas.map(([outer]) =>
    widened(
      (outer ?? []).slice(0, -1).map(([lon, lat]) => [lon, lat]),
      eaves,
    ).flat(),
  );
}
