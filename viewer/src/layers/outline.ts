/**
 * Outlines (CESIUM_primitive_outline) of a tile that two tilesets hold at once, as an exchange always does.
 *
 * Cesium keeps the bytes of a GLB for whoever asks for the same address, and its outlines write into the
 * triangles in place: the second to load the tile finds corners that only the first one has, and comes out torn.
 * A copy for each load keeps the shared bytes as they came.
 */
import * as cesium from "cesium";

type Indices = Uint8Array | Uint16Array | Uint32Array;

/** Not among Cesium's types. */
interface IndexLoader {
  _typedArray?: Indices;
}

const { prototype } = (cesium as unknown as { GltfIndexBufferLoader: { prototype: IndexLoader } })
  .GltfIndexBufferLoader;

/** From now on whoever reads the triangles of a tile gets them for himself. */
export function ownTriangles(): void {
  Object.defineProperty(prototype, "typedArray", {
    get(this: IndexLoader) {
      return this._typedArray?.slice();
    },
  });
}
