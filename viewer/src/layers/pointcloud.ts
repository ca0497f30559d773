/** Point clouds: coloured by class, height, intensity or their own colour. */
import { Cesium3DTileStyle, type Cesium3DTileset, PointCloudShading } from "cesium";
import { coloursOf, pointStyle } from "../scene/points";
import type { Drawing } from "../scene/stage";
import type { LayerView } from "../state/app";
import { Tiles } from "./tileset";

export const DRAWING: Drawing = {
  mode: "pointcloud",
  draw: (stage, summary) => new Points(stage, summary),
};

class Points extends Tiles {
  protected override options(): Cesium3DTileset.ConstructorOptions {
    return {
      show: false,
      preloadWhenHidden: true,
      maximumScreenSpaceError: this.stage.modest ? 24 : 12,
      enableCollision: false,
      pointCloudShading: new PointCloudShading({
        attenuation: true,
        maximumAttenuation: 4,
        eyeDomeLighting: !this.stage.modest,
      }),
    };
  }

  /** A point is no feature of ours: a click goes through to what lies under it. */
  protected override watch(tileset: Cesium3DTileset): void {
    tileset.tileFailed.addEventListener(({ message }: { message: string }) => {
      this.stage.report(this.summary.id, "failed", message);
    });
  }

  protected override dress(tileset: Cesium3DTileset, view: LayerView): void {
    const { legend, points } = this.summary.draw;
    const by = view.colour ?? (coloursOf(points).includes("rgb") ? "rgb" : "class");
    tileset.style = new Cesium3DTileStyle(
      pointStyle({ by, legend, hidden: view.hidden, ranges: points, opacity: view.opacity, size: 3 }),
    );
  }
}
