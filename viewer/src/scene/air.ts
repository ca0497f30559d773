/**
 * Sky and distance: the ground fades into the haze, and the haze is the colour of the sky at the horizon.
 *
 * Cesium's fog takes its colour from a computed atmosphere, which draws a dark band along the horizon. Here the ground's own
 * material fades with distance and the sky is the page's, seen through the empty part of the picture; neither costs a pass.
 */
import { type CesiumWidget, Color, Material, type PerspectiveFrustum } from "cesium";
import type { Palette } from "./palette";

const source = /* glsl */ `
czm_material czm_getMaterial(czm_materialInput materialInput) {
  czm_material material = czm_getDefaultMaterial(materialInput);
  float far = length(materialInput.positionToEyeEC) / reach;
  material.diffuse = haze.rgb;
  material.alpha = 1.0 - exp(-far * far);
  return material;
}
`;

/** Metres at which about two thirds of the ground have faded, seen from near the ground. */
const nearReach = 26_000;

export interface Air {
  palette(palette: Palette): void;
  show(on: boolean): void;
  close(): void;
}

export function createAir({ scene, container }: CesiumWidget): Air {
  const { camera, globe } = scene;
  if (scene.skyAtmosphere) scene.skyAtmosphere.show = false;
  // Fog that is not drawn still spares the tiles that nobody would see.
  scene.fog.renderable = false;
  scene.backgroundColor = Color.TRANSPARENT;
  const haze = new Material({ fabric: { uniforms: { haze: Color.WHITE, reach: nearReach }, source } });
  const sky = container as HTMLElement;
  let drawn = "";
  const stop = scene.preRender.addEventListener(() => {
    // From high above one sees far: the haze must not swallow what one looks at.
    haze.uniforms.reach = Math.max(nearReach, camera.positionCartographic.height * 10);
    const line = `${horizon(camera.pitch, camera.frustum as PerspectiveFrustum, camera.positionCartographic.height)}%`;
    if (line === drawn) return;
    drawn = line;
    sky.style.setProperty("--horizon", line);
  });
  return {
    palette(palette) {
      haze.uniforms.haze = Color.fromCssColorString(palette.haze);
      sky.style.setProperty("--sky", palette.sky);
      sky.style.setProperty("--haze", palette.haze);
    },
    show(on) {
      globe.material = on ? haze : undefined;
    },
    close: stop,
  };
}

/** How far down the picture the horizon lies; percent. */
function horizon(pitch: number, frustum: PerspectiveFrustum, height: number): number {
  const dip = Math.sqrt((2 * Math.max(height, 0)) / 6_371_000);
  const half = Math.tan((frustum.fovy ?? 1) / 2);
  const angle = Math.max(-1.4, Math.min(1.4, -pitch - dip));
  return Math.round(50 - (50 * Math.tan(angle)) / half);
}
