/** Another version of a tileset comes in without a flicker: loaded beside the old one, then both flip in one frame. */
import type { Cesium3DTileset, Scene } from "cesium";

const patience = 20_000;

/** Resolves when a (hidden) tileset has all that the view wants, or patience ends. */
export function whenLoaded(scene: Scene, tileset: Cesium3DTileset): Promise<void> {
  return new Promise((resolve) => {
    const giveUp = performance.now() + patience;
    let calm = 0;
    const stop = scene.postRender.addEventListener(() => {
      // Two pictures in a row: in the first one nothing has been asked for yet.
      calm = tileset.tilesLoaded ? calm + 1 : 0;
      if (tileset.isDestroyed() || calm > 2 || performance.now() > giveUp) {
        stop();
        resolve();
        return;
      }
      requestAnimationFrame(() => scene.requestRender());
    });
    scene.requestRender();
  });
}

/** Show the new one and hide the old one in the same frame, then take the old one away. */
export function flip(scene: Scene, old: Cesium3DTileset, fresh: Cesium3DTileset): void {
  const stop = scene.preUpdate.addEventListener(() => {
    stop();
    fresh.show = old.show;
    old.show = false;
    requestAnimationFrame(() => {
      if (!scene.isDestroyed()) scene.primitives.remove(old);
    });
  });
  scene.requestRender();
}
