/** Looking into the ground: near ground is glass, far ground stays ground, and the eye may go below. */
import { Color, NearFarScalar, type Scene } from "cesium";

const glass = new NearFarScalar(200, 0.24, 3000, 0.7);
/** From straight above everything is equally far. */
const evenGlass = 0.35;

export function setUnderground(scene: Scene, on: boolean, flat: boolean, depth: string): void {
  const { translucency } = scene.globe;
  scene.screenSpaceCameraController.enableCollisionDetection = !on;
  translucency.enabled = on;
  translucency.frontFaceAlphaByDistance = flat ? (undefined as unknown as NearFarScalar) : glass;
  translucency.frontFaceAlpha = flat ? evenGlass : 1;
  translucency.backFaceAlpha = 0.4;
  // Glass needs something behind it: the page's sky would shine through as white.
  scene.backgroundColor = on ? Color.fromCssColorString(depth) : Color.TRANSPARENT;
  scene.requestRender();
}
