/** The clip box: bodies outside a ring are not drawn; the ground stays, so that one knows where one is. */
import {
  Cartesian3,
  Cesium3DTileset,
  type CesiumWidget,
  ClippingPolygon,
  ClippingPolygonCollection,
} from "cesium";
import { watch } from "vue";
import type { Area } from "../state/app";
import type { Stage } from "./stage";

/** A collection belongs to what it cuts, so each gets one of its own. */
function outside(ring: Area): ClippingPolygonCollection {
  const positions = Cartesian3.fromDegreesArray(ring.flat());
  return new ClippingPolygonCollection({ polygons: [new ClippingPolygon({ positions })], inverse: true });
}

function tilesets({ scene }: CesiumWidget): Cesium3DTileset[] {
  const { primitives } = scene;
  return Array.from({ length: primitives.length }, (_, i) => primitives.get(i) as unknown).filter(
    (one): one is Cesium3DTileset => one instanceof Cesium3DTileset,
  );
}

export function createClip({ widget, app, draw }: Stage): () => void {
  const { primitives } = widget.scene;
  const cut = new WeakSet<Cesium3DTileset>();
  const one = (tileset: Cesium3DTileset) => {
    // What a mesh has cut out already stays: it has holes where models stand.
    if (tileset.clippingPolygons && !cut.has(tileset)) return;
    if (!app.clip) {
      if (cut.delete(tileset) && tileset.clippingPolygons) tileset.clippingPolygons.enabled = false;
      return;
    }
    tileset.clippingPolygons = outside(app.clip);
    cut.add(tileset);
  };
  const apply = () => {
    for (const tileset of tilesets(widget)) one(tileset);
    draw();
  };
  const stops = [
    watch(() => app.clip, apply, { immediate: true }),
    // A layer that comes later, or again, is cut as the others are.
    primitives.primitiveAdded.addEventListener((added: unknown) => {
      if (app.clip && added instanceof Cesium3DTileset) one(added);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
