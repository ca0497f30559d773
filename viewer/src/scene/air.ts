/** Sky and distance: the ground fades into the haze, the haze into the sky, without a seam at the horizon. */
import { Color, PostProcessStage, type Scene } from "cesium";
import type { Palette } from "./palette";

// Sky pixels have no depth: for them the height of the view ray above the horizon decides.
const shader = /* glsl */ `
uniform sampler2D colorTexture;
uniform sampler2D depthTexture;
uniform vec3 haze;
uniform vec3 sky;
uniform float reach;
in vec2 v_textureCoordinates;

void main() {
  vec4 color = texture(colorTexture, v_textureCoordinates);
  float depth = czm_readDepth(depthTexture, v_textureCoordinates);
  vec4 eye = czm_windowToEyeCoordinates(gl_FragCoord.xy, min(depth, 0.9999999));
  vec3 ray = normalize(eye.xyz / eye.w);
  if (depth >= 1.0) {
    vec3 up = normalize(czm_viewerPositionWC);
    float above = dot((czm_inverseView * vec4(ray, 0.0)).xyz, up);
    float dip = -sqrt(max(0.0, 2.0 * max(czm_eyeHeight, 0.0) / 6371000.0));
    out_FragColor = vec4(mix(haze, sky, smoothstep(dip, dip + 0.35, above)), 1.0);
    return;
  }
  float far = length(eye.xyz / eye.w);
  float amount = 1.0 - exp(-pow(far / reach, 2.0));
  out_FragColor = vec4(mix(color.rgb, haze, amount), color.a);
}
`;

export interface Air {
  palette(palette: Palette): void;
  show(on: boolean): void;
}

const vector = (css: string) => {
  const color = Color.fromCssColorString(css);
  return { x: color.red, y: color.green, z: color.blue };
};

export function createAir(scene: Scene): Air {
  if (scene.skyAtmosphere) scene.skyAtmosphere.show = false;
  scene.fog.enabled = true;
  scene.fog.renderable = false;
  const uniforms = { haze: vector("#ffffff"), sky: vector("#ffffff"), reach: 30000 };
  const stage = scene.postProcessStages.add(
    new PostProcessStage({
      name: "air",
      fragmentShader: shader,
      uniforms: {
        haze: () => uniforms.haze,
        sky: () => uniforms.sky,
        // From high above one sees far: the haze must not swallow what one looks at.
        reach: () => Math.max(28000, scene.camera.positionCartographic.height * 12),
      },
    }),
  );
  return {
    palette(palette) {
      uniforms.haze = vector(palette.haze);
      uniforms.sky = vector(palette.sky);
    },
    show(on) {
      stage.enabled = on;
    },
  };
}
