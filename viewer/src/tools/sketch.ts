/** Drawing with a tool: points come by clicks, the line to the pointer follows, results stay until they are cleared. */
import {
  ArcType,
  type BillboardCollection,
  BillboardCollection as Billboards,
  Cartesian2,
  Cartesian3,
  ClassificationType,
  Color,
  ColorGeometryInstanceAttribute,
  GeometryInstance,
  GroundPolylineGeometry,
  GroundPolylinePrimitive,
  GroundPrimitive,
  HorizontalOrigin,
  type LabelCollection,
  LabelStyle,
  LabelCollection as Labels,
  Material,
  PolygonGeometry,
  PolygonHierarchy,
  PolylineCollection,
  PolylineColorAppearance,
  PrimitiveCollection,
  VerticalOrigin,
} from "cesium";
import { spot } from "../layers/symbols";
import { placeOf } from "../scene/camera";
import { positionAt } from "../scene/picking";
import type { Stage } from "../scene/stage";
import type { ToolId } from "../state/app";
import { boxOf } from "./box";
import type { Point } from "./measure";
import type { Tool } from "./tool";

const files = import.meta.glob<{ TOOL?: Tool }>(["./*.ts", "!./*.test.ts"], { eager: true });

export interface Sketch {
  active(): boolean;
  start(id: Exclude<ToolId, null>): void;
  click(x: number, y: number): void;
  move(x: number, y: number): void;
  /** Done with this shape; the tool is ready for the next one. */
  finish(): void;
  /** Take the last point back. */
  undo(): void;
  stop(): void;
  clear(): void;
}

function tools(): Tool[] {
  return Object.values(files).flatMap(({ TOOL }) => (TOOL ? [TOOL] : []));
}

const isSame = (p: Point | undefined, q: Point) =>
  p !== undefined && Math.abs(p.lon - q.lon) < 1e-8 && Math.abs(p.lat - q.lat) < 1e-8;

export function createSketch(stage: Stage): Sketch {
  const { app, widget } = stage;
  let tool: Tool | null = null;
  let points: Point[] = [];
  let drawing: Drawing | null = null;
  const results: Drawing[] = [];
  void GroundPolylinePrimitive.initializeTerrainHeights();

  const tell = (shown: Point[], done: boolean) => {
    if (!tool) return;
    app.toolResult = { tool: tool.id, ...tool.figures(shown), points: shown, done };
  };
  const redraw = (shown: Point[], done: boolean) => {
    if (!tool) return;
    drawing ??= new Drawing(stage);
    drawing.show(tool, shown, done);
    tell(shown, done);
  };
  const pointAt = (x: number, y: number): Point | null => {
    const position = positionAt(widget, x, y, tool?.onThings ?? false);
    return position ? placeOf(position) : null;
  };
  const drop = () => {
    drawing?.destroy();
    drawing = null;
    points = [];
  };
  const finish = () => {
    if (!tool || !drawing) return;
    const least = tool.points ?? (tool.shape === "area" ? 3 : 2);
    if (points.length < least) {
      drop();
      return;
    }
    redraw(points, true);
    results.push(drawing);
    drawing = null;
    points = [];
  };
  return {
    active: () => tool !== null,
    start(id) {
      drop();
      tool = tools().find((known) => known.id === id) ?? null;
      widget.canvas.style.cursor = tool ? "crosshair" : "";
    },
    click(x, y) {
      const point = pointAt(x, y);
      if (!tool || !point || isSame(points.at(-1), point)) return;
      // A point of the last result marks where the next begins: one incident at a time.
      if (tool.shape === "point") this.clear();
      points = [...points, point];
      redraw(points, false);
      if (points.length === tool.points) finish();
    },
    move(x, y) {
      if (!tool || points.length === 0) return;
      const point = pointAt(x, y);
      if (point) redraw([...points, point], false);
    },
    finish,
    undo() {
      points = points.slice(0, -1);
      if (points.length > 0) redraw(points, false);
      else drop();
      stage.draw();
    },
    stop() {
      drop();
      tool = null;
      widget.canvas.style.cursor = "";
      stage.draw();
    },
    clear() {
      for (const result of results.splice(0)) result.destroy();
      drop();
      app.toolResult = null;
      stage.draw();
    },
  };
}

/** One shape on the map: a line over the ground, its points, its figure. */
class Drawing {
  readonly #all = new PrimitiveCollection();
  readonly #dots: BillboardCollection;
  readonly #texts: LabelCollection;
  #shape: { destroy(): void }[] = [];

  constructor(readonly stage: Stage) {
    const { scene } = stage.widget;
    scene.primitives.add(this.#all);
    this.#dots = this.#all.add(new Billboards({ scene }));
    this.#texts = this.#all.add(new Labels({ scene }));
  }

  show(tool: Tool, points: Point[], done: boolean): void {
    for (const part of this.#shape) this.#all.remove(part);
    this.#shape = [];
    this.#dots.removeAll();
    this.#texts.removeAll();
    const positions = points.map(({ lon, lat, height }) => Cartesian3.fromDegrees(lon, lat, height ?? 0));
    if (tool.shape === "rise") this.#rise(points, positions);
    else if (tool.shape === "box") this.#line(ringOf(cornersOf(points)));
    else if (tool.shape !== "point") this.#line(tool.shape === "area" ? ringOf(positions) : positions);
    if (tool.shape === "area" && done) this.#fill(positions);
    for (const position of positions) this.#dot(position);
    this.#text(positions.at(-1), tool.label(points));
    this.stage.draw();
  }

  destroy(): void {
    this.stage.widget.scene.primitives.remove(this.#all);
  }

  #color(): Color {
    return Color.fromCssColorString(this.stage.palette().accent);
  }

  #line(positions: Cartesian3[]): void {
    if (positions.length < 2) return;
    const outline = this.#band(positions, 6, Color.fromCssColorString(this.stage.palette().halo));
    const line = this.#band(positions, 3, this.#color());
    this.#shape.push(outline, line);
  }

  #band(positions: Cartesian3[], width: number, color: Color): GroundPolylinePrimitive {
    return this.#all.add(
      new GroundPolylinePrimitive({
        asynchronous: false,
        allowPicking: false,
        classificationType: ClassificationType.TERRAIN,
        appearance: new PolylineColorAppearance(),
        geometryInstances: new GeometryInstance({
          geometry: new GroundPolylineGeometry({ positions, width, arcType: ArcType.GEODESIC }),
          attributes: { color: ColorGeometryInstanceAttribute.fromColor(color) },
        }),
      }),
    );
  }

  #fill(positions: Cartesian3[]): void {
    const fill = new GroundPrimitive({
      asynchronous: false,
      allowPicking: false,
      classificationType: ClassificationType.TERRAIN,
      geometryInstances: new GeometryInstance({
        geometry: new PolygonGeometry({ polygonHierarchy: new PolygonHierarchy(positions) }),
        attributes: { color: ColorGeometryInstanceAttribute.fromColor(this.#color().withAlpha(0.18)) },
      }),
    });
    this.#shape.push(this.#all.add(fill));
  }

  /** Up, and then across: the two sides of what was clicked. */
  #rise([low, high]: Point[], positions: Cartesian3[]): void {
    if (!low || !high || positions.length < 2) return;
    const corner = Cartesian3.fromDegrees(low.lon, low.lat, high.height ?? 0);
    const lines = new PolylineCollection();
    const solid = Material.fromType("Color", { color: this.#color() });
    const dashed = Material.fromType("PolylineDash", { color: this.#color(), dashLength: 12 });
    lines.add({ positions: [positions[0], corner] as Cartesian3[], width: 3, material: solid });
    lines.add({ positions: [corner, positions[1]] as Cartesian3[], width: 2, material: dashed });
    this.#shape.push(this.#all.add(lines));
  }

  #dot(position: Cartesian3): void {
    this.#dots.add({
      position,
      image: spot(this.stage.palette().accent, this.stage.palette().halo),
      width: 12,
      height: 12,
      disableDepthTestDistance: Number.POSITIVE_INFINITY,
    });
  }

  #text(position: Cartesian3 | undefined, text: string): void {
    if (!position || !text) return;
    const palette = this.stage.palette();
    this.#texts.add({
      position,
      text,
      font: '600 15px "Segoe UI", "Helvetica Neue", Arial, sans-serif',
      style: LabelStyle.FILL_AND_OUTLINE,
      fillColor: Color.fromCssColorString(palette.text),
      outlineColor: Color.fromCssColorString(palette.halo),
      outlineWidth: 5,
      pixelOffset: new Cartesian2(12, -14),
      horizontalOrigin: HorizontalOrigin.LEFT,
      verticalOrigin: VerticalOrigin.BOTTOM,
      disableDepthTestDistance: Number.POSITIVE_INFINITY,
    });
  }
}

function cornersOf(points: Point[]): Cartesian3[] {
  return boxOf(points).map(([lon, lat]) => Cartesian3.fromDegrees(lon, lat));
}

function ringOf(positions: Cartesian3[]): Cartesian3[] {
  return positions.length > 2 ? [...positions, positions[0] as Cartesian3] : positions;
}
