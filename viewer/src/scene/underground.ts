/** Looking into the ground: near ground is glass, far ground stays ground, and the eye may go below. */
import { NearFarScalar, type Scene } from "cesium";

const glass = new NearFarScalar(150, 0.35, 1500, 0.9);
/** From straight above everything is equally far. */
const evenGlass = 0.45;

export function setUnderground(scene: Scene, on: boolean, flat: boolean): void {
  const { translucency } = scene.globe;
  scene.screenSpaceCameraController.enableCollisionDetection = !on;
  translucency.enabled = on;
  translucency.frontFaceAlphaByDistance = flat ? (undefined as unknown as NearFarScalar) : glass;
  translucency.frontFaceAlpha = flat ? evenGlass : 1;
  translucency.backFaceAlpha = 0.4;
  scene.requestRender();
}
