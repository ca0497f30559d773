/** A map of somebody else on the ground, in the place of the drawn map and below all layers. */
import {
  GeographicTilingScheme,
  ImageryLayer,
  Rectangle,
  type Scene,
  UrlTemplateImageryProvider,
  WebMercatorTilingScheme,
} from "cesium";
import { watch } from "vue";
import type { Background } from "../api/types";
import { background, failed } from "../state/background";
import type { Ground } from "./globe";

/** Degrees at which Web Mercator ends. */
const pole = 85.0511287;

/** Keep the background as it is chosen until the answer is called. */
export function createBackground(scene: Scene, ground: Ground): () => void {
  let shown: ImageryLayer | null = null;
  const clear = () => {
    if (shown && !scene.isDestroyed()) scene.imageryLayers.remove(shown);
    shown = null;
  };
  const stop = watch(
    () => [background.list.find(({ name }) => name === background.chosen), background.tries] as const,
    ([wanted]) => {
      clear();
      if (wanted) {
        shown = made(wanted);
        scene.imageryLayers.add(shown, ground.above());
      }
      scene.requestRender();
    },
    { immediate: true },
  );
  return () => {
    stop();
    clear();
  };
}

function made({ url, tiling, minimum, maximum, size, bbox, attribution }: Background): ImageryLayer {
  const flat = tiling === "mercator";
  const [west, south, east, north] = bbox ?? [-180, -90, 180, 90];
  const provider = new UrlTemplateImageryProvider({
    url,
    tilingScheme: flat ? new WebMercatorTilingScheme() : new GeographicTilingScheme(),
    rectangle: flat
      ? Rectangle.fromDegrees(west, Math.max(south, -pole), east, Math.min(north, pole))
      : Rectangle.fromDegrees(west, south, east, north),
    minimumLevel: minimum,
    maximumLevel: maximum,
    tileWidth: size,
    tileHeight: size,
    credit: attribution,
  });
  provider.errorEvent.addEventListener((error: { error?: { statusCode?: number } }) =>
    failed(error.error?.statusCode),
  );
  return new ImageryLayer(provider);
}
