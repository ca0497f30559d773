/** The eye: where it is, and every way of moving it. One easing, under a second, none for those who want none. */
import {
  BoundingSphere,
  Cartesian2,
  Cartesian3,
  Cartographic,
  Math as CesiumMath,
  type CesiumWidget,
  EasingFunction,
  Ellipsoid,
  HeadingPitchRange,
  IntersectionTests,
  OrthographicFrustum,
  type PerspectiveFrustum,
  Plane,
  Rectangle,
  SceneTransforms,
} from "cesium";
import type { BBox, Site } from "../api/types";
import type { AppState, Camera, Place } from "../state/app";
import type { Target } from "./contract";

const { toDegrees, toRadians } = CesiumMath;

export function readCamera({ camera }: CesiumWidget): Camera {
  const { longitude, latitude, height } = camera.positionCartographic;
  return {
    lon: toDegrees(longitude),
    lat: toDegrees(latitude),
    height,
    heading: toDegrees(camera.heading) % 360,
    pitch: toDegrees(camera.pitch),
  };
}

export function look({ camera }: CesiumWidget, { lon, lat, height, heading, pitch }: Camera): void {
  camera.setView({
    destination: Cartesian3.fromDegrees(lon, lat, height),
    orientation: { heading: toRadians(heading), pitch: toRadians(pitch), roll: 0 },
  });
}

/** Where the middle of the view meets the ground; null when it looks into the sky. */
export function centre(widget: CesiumWidget): Cartesian3 | null {
  const { clientWidth, clientHeight } = widget.canvas;
  return groundUnder(widget, new Cartesian2(clientWidth / 2, clientHeight / 2));
}

/** The ground under a pixel, without asking the graphics card. */
export function groundUnder({ camera, scene }: CesiumWidget, pixel: Cartesian2): Cartesian3 | null {
  const ray = camera.getPickRay(pixel);
  if (!ray) return null;
  return scene.globe.pick(ray, scene) ?? camera.pickEllipsoid(pixel, Ellipsoid.WGS84) ?? null;
}

export function placeOf(position: Cartesian3): Place {
  const { longitude, latitude, height } = Cartographic.fromCartesian(position);
  return { lon: toDegrees(longitude), lat: toDegrees(latitude), height };
}

/** Metres on the ground for one CSS pixel in the middle of the view. */
export function metresPerPixel(widget: CesiumWidget): number | null {
  const { frustum } = widget.camera;
  const { clientHeight, clientWidth } = widget.canvas;
  if (frustum instanceof OrthographicFrustum) return (frustum.width ?? 0) / clientWidth;
  const middle = centre(widget);
  if (!middle) return null;
  const distance = Cartesian3.distance(middle, widget.camera.positionWC);
  return (2 * distance * Math.tan(((frustum as PerspectiveFrustum).fovy ?? 1) / 2)) / clientHeight;
}

const floors = new WeakMap<CesiumWidget, number>();

/** No ground lies below this (metres): what is computed lower comes from terrain that is still too coarse. */
export function setFloor(widget: CesiumWidget, height: number): void {
  floors.set(widget, height);
}

/** Metres of the ground that is drawn; 0 where none is there yet. The first triangles cut kilometres through the earth. */
export function groundHeight(widget: CesiumWidget, lon: number, lat: number): number {
  const height = widget.scene.globe.getHeight(Cartographic.fromDegrees(lon, lat)) ?? 0;
  return height < (floors.get(widget) ?? -450) ? 0 : height;
}

function sphereOf(widget: CesiumWidget, [west, south, east, north]: BBox, height = 0): BoundingSphere {
  const rectangle = Rectangle.fromDegrees(west, south, east, north);
  const base = groundHeight(widget, (west + east) / 2, (south + north) / 2);
  const sphere = BoundingSphere.fromRectangle3D(rectangle, Ellipsoid.WGS84, base + height / 2);
  // A point has an extent too: enough around it to know where one is.
  return new BoundingSphere(sphere.center, Math.max(sphere.radius, 60));
}

export interface Eye {
  flyTo(target: Target): Promise<void>;
  look(camera: Camera): void;
  home(): Promise<void>;
  back(): Promise<void>;
  north(): Promise<void>;
  zoom(factor: number): Promise<void>;
  uncover(place: Place, free: { right: number; bottom: number }): Promise<void>;
}

const homePitch = -38;
const nowhere: Camera = { lon: 105, lat: 34, height: 9e6, heading: 0, pitch: -90 };

export function createEye(widget: CesiumWidget, app: AppState, modest: boolean): Eye {
  const still = modest || matchMedia("(prefers-reduced-motion: reduce)").matches;
  const duration = still ? 0 : 0.9;
  const views: Camera[] = [];
  const remember = () => {
    const here = readCamera(widget);
    views.push(here);
    if (views.length > 50) views.shift();
  };
  const flat = () => app.mode === "2d";
  const toSphere = (sphere: BoundingSphere, heading: number, pitch: number, range: number) =>
    new Promise<void>((resolve) => {
      widget.camera.flyToBoundingSphere(sphere, {
        offset: new HeadingPitchRange(
          toRadians(flat() ? 0 : heading),
          toRadians(flat() ? -89.99 : pitch),
          range,
        ),
        duration,
        maximumHeight: undefined,
        easingFunction: EasingFunction.CUBIC_IN_OUT,
        complete: resolve,
        cancel: resolve,
      });
      widget.scene.requestRender();
    });
  const toCamera = (camera: Camera) =>
    new Promise<void>((resolve) => {
      widget.camera.flyTo({
        destination: Cartesian3.fromDegrees(camera.lon, camera.lat, camera.height),
        orientation: { heading: toRadians(camera.heading), pitch: toRadians(camera.pitch), roll: 0 },
        duration,
        easingFunction: EasingFunction.CUBIC_IN_OUT,
        complete: resolve,
        cancel: resolve,
      });
      widget.scene.requestRender();
    });
  const flyTo = (target: Target) => {
    remember();
    const now = readCamera(widget);
    if ("bbox" in target) {
      const sphere = sphereOf(widget, target.bbox, target.height);
      return toSphere(sphere, now.heading, homePitch, reachOf(widget, sphere.radius));
    }
    const height = target.height ?? groundHeight(widget, target.lon, target.lat);
    const sphere = new BoundingSphere(Cartesian3.fromDegrees(target.lon, target.lat, height), 1);
    const pitch = target.pitch ?? Math.min(Math.max(now.pitch, -60), -25);
    return toSphere(sphere, target.heading ?? now.heading, pitch, target.range ?? 420);
  };
  return {
    flyTo,
    look: (camera) => {
      look(widget, camera);
      widget.scene.requestRender();
    },
    home: () => {
      remember();
      return goHome(widget, app.site, flat(), toCamera, toSphere);
    },
    back: () => {
      const last = views.pop();
      return last ? toCamera(flat() ? { ...last, heading: 0, pitch: -89.99 } : last) : Promise.resolve();
    },
    north: () => {
      const middle = centre(widget);
      const now = readCamera(widget);
      if (!middle) return toCamera({ ...now, heading: 0 });
      const range = Cartesian3.distance(middle, widget.camera.positionWC);
      return toSphere(new BoundingSphere(middle, 1), 0, now.pitch, range);
    },
    uncover: (place, free) => {
      const moved = aside(widget, place, free);
      return moved ? toCamera(moved) : Promise.resolve();
    },
    zoom: (factor) => {
      const middle = centre(widget);
      if (!middle) return Promise.resolve();
      const now = readCamera(widget);
      const range = Cartesian3.distance(middle, widget.camera.positionWC) * factor;
      return toSphere(new BoundingSphere(middle, 1), now.heading, now.pitch, Math.max(range, 12));
    },
  };
}

/** The eye moved along the level plane of a place so that the place comes to lie in a part of the picture. */
function aside(
  widget: CesiumWidget,
  { lon, lat, height }: Place,
  { right, bottom }: { right: number; bottom: number },
): Camera | null {
  const { scene, camera, canvas } = widget;
  const position = Cartesian3.fromDegrees(lon, lat, height ?? groundHeight(widget, lon, lat));
  const pixel = SceneTransforms.worldToWindowCoordinates(scene, position);
  if (!pixel || pixel.x < 0 || pixel.y < 0 || pixel.x > canvas.clientWidth || pixel.y > canvas.clientHeight)
    return null;
  const wanted = new Cartesian2(Math.min(pixel.x, right), Math.min(pixel.y, bottom));
  if (wanted.x === pixel.x && wanted.y === pixel.y) return null;
  const ray = camera.getPickRay(wanted);
  const up = Ellipsoid.WGS84.geodeticSurfaceNormal(position);
  const under = ray && IntersectionTests.rayPlane(ray, Plane.fromPointNormal(position, up));
  // A pixel of the sky has no such place.
  if (!under) return null;
  const step = Cartesian3.subtract(position, under, new Cartesian3());
  const {
    longitude,
    latitude,
    height: above,
  } = Cartographic.fromCartesian(Cartesian3.add(camera.positionWC, step, step));
  return { ...readCamera(widget), lon: toDegrees(longitude), lat: toDegrees(latitude), height: above };
}

/** The distance at which a sphere fills the smaller side of the window. */
function reachOf(widget: CesiumWidget, radius: number): number {
  const { clientWidth, clientHeight } = widget.canvas;
  return (radius * 1.75 * Math.max(clientWidth, clientHeight)) / Math.max(1, clientWidth);
}

function goHome(
  widget: CesiumWidget,
  site: Site | null,
  flat: boolean,
  toCamera: (camera: Camera) => Promise<void>,
  toSphere: (sphere: BoundingSphere, heading: number, pitch: number, range: number) => Promise<void>,
): Promise<void> {
  if (site?.view && !flat) return toCamera(site.view);
  if (!site?.bbox) return toCamera(nowhere);
  const sphere = sphereOf(widget, site.bbox);
  return toSphere(sphere, 0, homePitch, reachOf(widget, sphere.radius) * (flat ? 1 : 0.62));
}
