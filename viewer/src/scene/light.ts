/** One fixed afternoon sun: the wall clock's sun would leave half of the city in dark blue. */
import {
  Cartesian2,
  Cartesian3,
  Math as CesiumMath,
  Color,
  DirectionalLight,
  ImageBasedLighting,
  Matrix4,
  type Scene,
  Transforms,
} from "cesium";

const azimuth = CesiumMath.toRadians(238);
const altitude = CesiumMath.toRadians(46);

/** Light from the south-west onto the place; degrees. */
export function sun(lon: number, lat: number): DirectionalLight {
  const toEarth = Transforms.eastNorthUpToFixedFrame(Cartesian3.fromDegrees(lon, lat));
  const away = new Cartesian3(
    -Math.sin(azimuth) * Math.cos(altitude),
    -Math.cos(azimuth) * Math.cos(altitude),
    -Math.sin(altitude),
  );
  return new DirectionalLight({
    direction: Cartesian3.normalize(Matrix4.multiplyByPointAsVector(toEarth, away, new Cartesian3()), away),
    color: Color.fromCssColorString("#fff6e8"),
    intensity: 2.5,
  });
}

/** Ambient light: a pale sky, a little more from above. Coefficients set later would have no effect. */
export function ambient(): ImageBasedLighting {
  const none = Cartesian3.ZERO;
  // The typings know no options; the coefficients work only when they are given here.
  const Lighting = ImageBasedLighting as unknown as new (options: object) => ImageBasedLighting;
  return new Lighting({
    sphericalHarmonicCoefficients: [
      new Cartesian3(0.5, 0.53, 0.575),
      new Cartesian3(0.16, 0.15, 0.13),
      none,
      none,
      none,
      none,
      none,
      none,
      none,
    ],
    imageBasedLightingFactor: new Cartesian2(1, 0),
  });
}

/** Shadows without moiré: Cesium's own biases stripe every wall. */
export function shadows(scene: Scene, wanted: boolean): void {
  const map = scene.shadowMap;
  map.enabled = wanted;
  if (!wanted) return;
  map.size = 4096;
  map.softShadows = true;
  map.maximumDistance = 2200;
  map.darkness = 0.7;
  const biases = map as unknown as {
    _primitiveBias: { depthBias: number; normalShadingSmooth: number };
    _terrainBias: { depthBias: number };
  };
  biases._primitiveBias.depthBias = 8e-4;
  biases._primitiveBias.normalShadingSmooth = 0.3;
  biases._terrainBias.depthBias = 4e-4;
}
