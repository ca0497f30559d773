/** Pictures from above: draped on the ground above the drawn map. */
import { ImageryLayer, Rectangle, UrlTemplateImageryProvider, WebMercatorTilingScheme } from "cesium";
import type { LayerSummary } from "../api/types";
import type { Drawing, Drawn, Stage } from "../scene/stage";
import type { LayerView } from "../state/app";

export const DRAWING: Drawing = { mode: "imagery", draw };

function make({ id, bbox }: LayerSummary): ImageryLayer {
  const [west, south, east, north] = bbox ?? [-180, -85, 180, 85];
  return new ImageryLayer(
    new UrlTemplateImageryProvider({
      url: `/tiles/${id}/{z}/{x}/{y}.png`,
      tilingScheme: new WebMercatorTilingScheme(),
      rectangle: Rectangle.fromDegrees(west, south, east, north),
      maximumLevel: 21,
    }),
  );
}

function draw(stage: Stage, summary: LayerSummary): Drawn {
  const { imageryLayers } = stage.widget.scene;
  let layer = make(summary);
  let version = summary.version;
  let shown: LayerView | null = null;
  imageryLayers.add(layer);
  layer.show = false;
  const restyle = (view: LayerView) => {
    shown = view;
    // The base "imagery" asks for all pictures; in the drawn map they appear when they are asked for by name.
    layer.show = view.visible || stage.app.base === "imagery";
    layer.alpha = view.opacity;
    stage.draw();
  };
  stage.report(summary.id, "ready");
  return {
    restyle,
    refetch(next) {
      if (next.version === version) return;
      version = next.version;
      const old = layer;
      layer = make(next);
      imageryLayers.add(layer, imageryLayers.indexOf(old));
      imageryLayers.remove(old);
      if (shown) restyle(shown);
    },
    destroy: () => imageryLayers.remove(layer),
  };
}
