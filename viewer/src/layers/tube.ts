/** Pipes keep their true size, and never get thinner on the screen than can be seen. */
import { CustomShader, LightingModel, UniformType } from "cesium";

/** Half of the least width on the screen; device pixels. */
const least = 1.6;

const grow = /* glsl */ `
void vertexMain(VertexInput vsInput, inout czm_modelVertexOutput vsOutput) {
  vec3 position = vsInput.attributes.positionMC;
  // A hidden feature is drawn together into the origin: leave it there.
  if (dot(position, position) < 1e-12) return;
  vec3 eye = (czm_modelView * vec4(position, 1.0)).xyz;
  // Far ground is coarser than the pipes are deep: what would only poke out of it is left out.
  if (u_least == 0.0 && length(eye) > u_far) {
    vsOutput.positionMC = vec3(0.0);
    return;
  }
  float wanted = u_least * czm_metersPerPixel(vec4(eye, 1.0));
  vsOutput.positionMC = position + vsInput.attributes.normalMC * max(0.0, wanted - u_thin);
}
`;

// Class colours must come out as the legend says: a little shade for roundness, no light from elsewhere.
const paint = /* glsl */ `
void fragmentMain(FragmentInput fsInput, inout czm_modelMaterial material) {
  float facing = clamp(dot(normalize(fsInput.attributes.normalEC), normalize(-fsInput.attributes.positionEC)), 0.0, 1.0);
  material.diffuse *= mix(0.72, 1.0, facing);
}
`;

/** Seen through opaque ground a wide pipe would only poke out of it: then it keeps its true size. */
export function widen(shader: CustomShader, on: boolean): void {
  shader.setUniform("u_least", on ? least * window.devicePixelRatio : 0);
}

export function tubeShader(): CustomShader {
  return new CustomShader({
    lightingModel: LightingModel.UNLIT,
    uniforms: {
      u_least: { type: UniformType.FLOAT, value: 0 },
      u_far: { type: UniformType.FLOAT, value: 700 },
      // Most pipes are thicker than this radius (metres); thinner ones come out a hair wider.
      u_thin: { type: UniformType.FLOAT, value: 0.1 },
    },
    vertexShaderText: grow,
    fragmentShaderText: paint,
  });
}
