/** What is selected in a flat layer, and the circle of an impact: drawn on the ground above everything else. */
import {
  ArcType,
  Cartesian3,
  ClassificationType,
  Color,
  ColorMaterialProperty,
  type Entity,
  PolygonHierarchy,
} from "cesium";
import { watch } from "vue";
import { server } from "../api/client";
import type { Feature, Geometry } from "../api/types";
import type { Stage } from "./stage";

type Position = [number, number, ...number[]];

/** Of a flat layer, at most so many are lit up at once: each is a drawing of its own. */
const mostLit = 100;

const onGround = (positions: Position[]) => positions.map(([lon, lat]) => Cartesian3.fromDegrees(lon, lat));

/** Lines and rings of a geometry; what is a ring can be filled. */
export function parts(geometry: Geometry | null): { lines: Position[][]; polygons: Position[][][] } {
  const none = { lines: [], polygons: [] };
  if (!geometry) return none;
  const { type, coordinates } = geometry;
  if (type === "LineString") return { ...none, lines: [coordinates as Position[]] };
  if (type === "MultiLineString") return { ...none, lines: coordinates as Position[][] };
  if (type === "Polygon") return { ...none, polygons: [coordinates as Position[][]] };
  if (type === "MultiPolygon") return { ...none, polygons: coordinates as Position[][][] };
  const each = (geometry.geometries ?? []).map(parts);
  return { lines: each.flatMap(({ lines }) => lines), polygons: each.flatMap(({ polygons }) => polygons) };
}

/** Positions on a circle; degrees, radius in metres. */
export function circle(lon: number, lat: number, radius: number, steps = 96): Position[] {
  const across = 111_320 * Math.cos((lat * Math.PI) / 180);
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = (2 * Math.PI * i) / steps;
    return [lon + (radius * Math.sin(angle)) / across, lat + (radius * Math.cos(angle)) / 110_950];
  });
}

export function createMarks(stage: Stage): () => void {
  const { app, widget } = stage;
  const drawnFor = { selected: [] as Entity[], ring: [] as Entity[], drawn: [] as Entity[] };
  const clear = (which: keyof typeof drawnFor) => {
    for (const entity of drawnFor[which]) widget.entities.remove(entity);
    drawnFor[which] = [];
    stage.draw();
  };
  const line = (positions: Position[], color: Color, width: number) =>
    widget.entities.add({
      polyline: {
        positions: onGround(positions),
        width,
        clampToGround: true,
        arcType: ArcType.GEODESIC,
        classificationType: ClassificationType.TERRAIN,
        material: new ColorMaterialProperty(color),
      },
    });
  const area = ([outer = [], ...holes]: Position[][], color: Color) =>
    widget.entities.add({
      polygon: {
        hierarchy: new PolygonHierarchy(
          onGround(outer),
          holes.map((hole) => new PolygonHierarchy(onGround(hole))),
        ),
        classificationType: ClassificationType.TERRAIN,
        material: new ColorMaterialProperty(color),
      },
    });
  const showRing = () => {
    clear("ring");
    if (!app.ring) return;
    const color = Color.fromCssColorString(stage.palette().accent);
    const around = circle(app.ring.lon, app.ring.lat, app.ring.radius);
    drawnFor.ring = [area([around], color.withAlpha(0.12)), line(around, color, 2.5)];
    stage.draw();
  };
  const showDrawn = () => {
    clear("drawn");
    const color = Color.fromCssColorString(stage.palette().accent);
    for (const ring of [app.area, app.clip]) {
      if (!ring || ring.length < 3) continue;
      const closed = [...ring, ...ring.slice(0, 1)];
      drawnFor.drawn.push(line(closed, color, 2.5));
      if (ring === app.area) drawnFor.drawn.push(area([closed], color.withAlpha(0.1)));
    }
    if (app.profile) drawnFor.drawn.push(line(app.profile, color, 4));
    stage.draw();
  };
  /** Features of flat layers that are lit up, a few of each: their layer's picture knows nothing of it. */
  const lit = async (): Promise<Feature[]> => {
    const flat = app.catalogue.filter(({ id, draw }) => draw.mode === "flat" && stage.lit(id).length > 0);
    const found = flat.map(async ({ id }) => {
      const ids = stage
        .lit(id)
        .slice(0, mostLit)
        .map((one) => `'${one.replace(/'/gu, "''")}'`);
      const filter = `id IN (${ids.join(",")})`;
      const query = {
        filter,
        "filter-lang": "cql2-text",
        datetime: app.at,
        known: app.known,
        limit: mostLit,
      };
      return (await server.items(id, query)).features;
    });
    return (await Promise.all(found)).flat();
  };
  let run = 0;
  const showSelected = async () => {
    clear("selected");
    run += 1;
    const mine = run;
    const features = await lit();
    if (mine !== run) return;
    const color = Color.fromCssColorString(stage.palette().selected);
    for (const { geometry } of features) {
      const { lines, polygons } = parts(geometry);
      drawnFor.selected.push(
        ...polygons.map((rings) => area(rings, color.withAlpha(0.25))),
        ...[...polygons.flat(), ...lines].map((positions) => line(positions, color, 4)),
      );
    }
    stage.draw();
  };
  const stops = [
    watch(() => [app.ring, app.dark], showRing, { immediate: true, deep: true }),
    watch(
      () => [app.selected?.layer, app.selected?.id, app.highlighted, app.at, app.known, app.dark],
      () => void showSelected(),
      { immediate: true, deep: true },
    ),
    watch(() => [app.area, app.clip, app.profile, app.dark], showDrawn, { immediate: true }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
