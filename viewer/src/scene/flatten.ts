/**
 * 2D is the same scene seen straight from above without perspective.
 *
 * Cesium's own 2D mode asks for a second set of positions in every tile (`projectTo2D`), knows no underground and loses
 * clamped labels; seen from above, all layers, filters, tools and picking are the very same code, and the place is kept.
 */
import {
  BoundingSphere,
  Cartesian3,
  Cartographic,
  Math as CesiumMath,
  type CesiumWidget,
  HeadingPitchRange,
  OrthographicFrustum,
} from "cesium";
import type { Mode } from "../state/app";
import { centre } from "./camera";

/** Widest view from above, metres: beyond it the earth would be seen to be round. */
const widest = 1_500_000;

export function setMode(widget: CesiumWidget, mode: Mode): void {
  const { scene, camera } = widget;
  const { screenSpaceCameraController: hand, globe } = scene;
  const flat = mode === "2d";
  const isFlat = camera.frustum instanceof OrthographicFrustum;
  hand.enableTilt = !flat;
  hand.enableLook = !flat;
  hand.maximumZoomDistance = flat ? widest : Number.POSITIVE_INFINITY;
  // From above, what lies in the ground is part of the map.
  globe.depthTestAgainstTerrain = !flat;
  if (flat === isFlat) return;
  const middle = centre(widget);
  const range = middle ? Cartesian3.distance(middle, camera.positionWC) : 3000;
  if (flat) {
    lookDown(widget, middle, range);
    camera.switchToOrthographicFrustum();
  } else {
    camera.switchToPerspectiveFrustum();
    if (middle) tilt(widget, middle, range);
  }
  scene.requestRender();
}

/** Keep the width of the view from above what the height of the eye says: Cesium forgets it when the eye is set. */
export function keepWidth(widget: CesiumWidget): () => void {
  return widget.scene.preUpdate.addEventListener(() => {
    const { frustum, positionWC } = widget.camera;
    if (!(frustum instanceof OrthographicFrustum)) return;
    const middle = centre(widget);
    if (middle) frustum.width = Cartesian3.distance(middle, positionWC);
  });
}

function lookDown({ camera }: CesiumWidget, middle: Cartesian3 | null, range: number): void {
  const { longitude, latitude, height } = Cartographic.fromCartesian(middle ?? camera.positionWC);
  camera.setView({
    destination: Cartesian3.fromRadians(longitude, latitude, (middle ? height : 0) + range),
    orientation: { heading: 0, pitch: -CesiumMath.PI_OVER_TWO, roll: 0 },
  });
}

function tilt({ camera }: CesiumWidget, middle: Cartesian3, range: number): void {
  const offset = new HeadingPitchRange(0, CesiumMath.toRadians(-45), range);
  camera.flyToBoundingSphere(new BoundingSphere(middle, 1), { offset, duration: 0 });
}
