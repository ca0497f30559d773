/** Two eyes as one: whichever is moved, the other goes along in the same picture. */
import { Cartesian3, type CesiumWidget, OrthographicFrustum } from "cesium";

interface Pose {
  position: Cartesian3;
  direction: Cartesian3;
  up: Cartesian3;
  width: number;
}

function poseOf({ camera }: CesiumWidget): Pose {
  const { frustum } = camera;
  return {
    position: Cartesian3.clone(camera.positionWC),
    direction: Cartesian3.clone(camera.directionWC),
    up: Cartesian3.clone(camera.upWC),
    width: frustum instanceof OrthographicFrustum ? (frustum.width ?? 0) : 0,
  };
}

function isSame(one: Pose, other: Pose): boolean {
  return (
    Cartesian3.equalsEpsilon(one.position, other.position, 0, 1e-4) &&
    Cartesian3.equalsEpsilon(one.direction, other.direction, 0, 1e-9) &&
    Math.abs(one.width - other.width) < 1e-3
  );
}

function take({ camera, scene }: CesiumWidget, { position, direction, up }: Pose): void {
  camera.cancelFlight();
  camera.setView({ destination: position, orientation: { direction, up } });
  scene.requestRender();
}

export function tie(one: CesiumWidget, other: CesiumWidget): () => void {
  let last = poseOf(one);
  take(other, last);
  const follow = (leader: CesiumWidget, follower: CesiumWidget) => () => {
    if (leader.isDestroyed() || follower.isDestroyed()) return;
    const now = poseOf(leader);
    if (isSame(now, last)) return;
    last = now;
    take(follower, now);
    // What the follower makes of it, rounded, is no move of its own.
    last = poseOf(follower);
  };
  const stops = [
    one.scene.preRender.addEventListener(follow(one, other)),
    other.scene.preRender.addEventListener(follow(other, one)),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
