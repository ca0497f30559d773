/** Pictures draped on the ground: one takes another's place without a bare moment between. */
import type { ImageryLayer, Scene } from "cesium";

const patience = 12_000;

/** Add `fresh` right above `old` and take `old` away when everything in view has come. */
export function replacePicture(
  scene: Scene,
  old: ImageryLayer | null,
  fresh: ImageryLayer,
  at?: number,
): void {
  const layers = scene.imageryLayers;
  layers.add(fresh, old ? layers.indexOf(old) + 1 : at);
  scene.requestRender();
  if (!old) return;
  const done = () => {
    stop();
    clearTimeout(timer);
    if (scene.isDestroyed()) return;
    layers.remove(old);
    scene.requestRender();
  };
  let asked = false;
  const stop = scene.globe.tileLoadProgressEvent.addEventListener((waiting: number) => {
    asked ||= waiting > 0;
    if (asked && waiting === 0) done();
  });
  const timer = setTimeout(done, patience);
}

/** The level at which an extent (degrees wide) is a tile or two across: from further away nothing is to be seen of it. */
export function firstLevel(width: number): number {
  return Math.max(0, Math.min(18, Math.floor(Math.log2(360 / Math.max(width, 1e-3)))));
}
