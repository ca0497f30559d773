/** 3D Tiles: buildings and pipes. */
import {
  Cesium3DTileColorBlendMode,
  Cesium3DTileStyle,
  Cesium3DTileset,
  ClassificationType,
  Color,
  type ImageBasedLighting,
  ShadowMode,
} from "cesium";
import type { ChangeEvent, LayerSummary } from "../api/types";
import { ambient } from "../scene/light";
import { atMoment } from "../scene/moment";
import { claim } from "../scene/picking";
import type { Drawing, Drawn, Stage } from "../scene/stage";
import { tileStyle } from "../scene/style";
import { flip, whenLoaded } from "../scene/swap";
import type { LayerView } from "../state/app";
import { drawOf } from "../state/styling";
import { ownTriangles } from "./outline";
import { tubeShader, widen } from "./tube";

/** The material that the server gives to buildings, as it is seen. */
const clay = "#E9E1DA";
const ghost = 0.22;
/** Pipes on the map from above: there, but not before the streets. */
const seenFromAbove = 0.35;
const nightShade = 0.42;
/** On the mesh: there for the pointer only, and how a lit one looks. */
const unseen = 0.005;
const glow = 0.55;

const edge = Color.fromCssColorString("#3B4046").withAlpha(0.3);

ownTriangles();

let light: ImageBasedLighting | null = null;

export const DRAWING: Drawing = {
  mode: "3dtiles",
  draw: (stage, summary) => new Tiles(stage, summary),
};

/** The key of a tileset's state; an object of its own where the server gives none, so that it equals no other. */
function versionOf({ asset }: Cesium3DTileset): unknown {
  return (asset as { tilesetVersion?: string }).tilesetVersion ?? asset;
}

export class Tiles implements Drawn {
  protected tileset: Cesium3DTileset | null = null;
  #view: LayerView | null = null;
  #address = "";
  #version: number;
  #run = 0;
  #gone = false;

  constructor(
    readonly stage: Stage,
    protected summary: LayerSummary,
  ) {
    this.#version = summary.version;
    void this.#load();
  }

  restyle(view: LayerView): void {
    const turned = (this.#view?.onMesh ?? false) !== (view.onMesh ?? false);
    this.#view = view;
    if (turned && this.tileset) this.#afresh();
    if (this.tileset) {
      this.dress(this.tileset, view);
      this.tileset.show = view.visible;
    }
    // A layer that was never wanted is not fetched before it is.
    else if (view.visible && !this.#address) void this.#load();
    this.stage.draw();
  }

  refetch(summary: LayerSummary): void {
    const newer = summary.version !== this.#version;
    this.summary = summary;
    this.#version = summary.version;
    if (newer || this.#wanted() !== this.#address) void this.#load();
  }

  changed(_event: ChangeEvent): void {
    if (!this.stage.app.at) void this.#load();
  }

  destroy(): void {
    this.#gone = true;
    if (this.tileset) this.stage.widget.scene.primitives.remove(this.tileset);
  }

  /** Cesium decides how a tileset is drawn (as a body, or as a colour on others) when it is made. */
  #afresh(): void {
    if (this.tileset) this.stage.widget.scene.primitives.remove(this.tileset);
    this.tileset = null;
    void this.#load();
  }

  #wanted(): string {
    return atMoment(
      this.summary.draw.tileset ?? `/tiles/${this.summary.id}/tileset.json`,
      this.stage.moment(),
    );
  }

  /** Fetch what is wanted now; a tileset that is there stays until the new one can take its place. */
  async #load(): Promise<void> {
    if (!this.#view?.visible && !this.tileset) {
      this.#address = "";
      return;
    }
    this.#run += 1;
    const run = this.#run;
    this.#address = this.#wanted();
    this.stage.report(this.summary.id, "pending");
    try {
      const fresh = await Cesium3DTileset.fromUrl(this.#address, this.options());
      if (this.#stale(run)) fresh.destroy();
      else if (this.tileset && versionOf(fresh) === versionOf(this.tileset)) {
        // The same state under another address: nothing to exchange.
        fresh.destroy();
        this.stage.report(this.summary.id, "ready");
      } else await this.#bring(fresh, run);
    } catch (cause) {
      if (!this.#stale(run)) this.stage.report(this.summary.id, "failed", (cause as Error).message);
    }
  }

  /** Put a tileset into the scene: at once when it is the first, behind the scenes when it replaces another. */
  async #bring(fresh: Cesium3DTileset, run: number): Promise<void> {
    const { scene } = this.stage.widget;
    this.watch(fresh);
    if (this.#view) this.dress(fresh, this.#view);
    const old = this.tileset;
    if (!old) this.tileset = fresh;
    fresh.show = !old && (this.#view?.visible ?? false);
    scene.primitives.add(fresh);
    this.stage.draw();
    await whenLoaded(scene, fresh);
    if (this.#stale(run)) {
      if (old && !fresh.isDestroyed()) scene.primitives.remove(fresh);
      return;
    }
    if (old) {
      if (this.#view) this.dress(fresh, this.#view);
      this.tileset = fresh;
      flip(scene, old, fresh);
    }
    if (this.stage.app.loading[this.summary.id]?.state === "pending")
      this.stage.report(this.summary.id, "ready");
  }

  #stale(run: number): boolean {
    return this.#gone || run !== this.#run;
  }

  protected options(): Cesium3DTileset.ConstructorOptions {
    light ??= ambient();
    return {
      show: false,
      preloadWhenHidden: true,
      maximumScreenSpaceError: this.stage.modest ? 24 : 12,
      imageBasedLighting: light,
      environmentMapOptions: { enabled: false },
      shadows: this.summary.kind === "networks" ? ShadowMode.DISABLED : ShadowMode.ENABLED,
      enableCollision: false,
      outlineColor: edge,
      ...(this.#view?.onMesh ? { classificationType: ClassificationType.CESIUM_3D_TILE } : {}),
    };
  }

  protected watch(tileset: Cesium3DTileset): void {
    claim(tileset, this.summary.id, this.summary.kind);
    if (this.summary.kind === "networks") tileset.customShader = tubeShader();
    tileset.colorBlendMode = Cesium3DTileColorBlendMode.HIGHLIGHT;
    tileset.tileFailed.addEventListener(({ message }: { message: string }) => {
      this.stage.report(this.summary.id, "failed", message);
    });
  }

  protected dress(tileset: Cesium3DTileset, view: LayerView): void {
    const { app } = this.stage;
    const { id, kind } = this.summary;
    const draw = drawOf(this.summary.draw, view.style);
    const palette = this.stage.palette();
    const building = kind !== "networks";
    if (tileset.customShader) widen(tileset.customShader, app.underground || app.mode === "2d");
    const below = app.underground || app.mode === "3d";
    const faded = building ? (app.underground ? ghost : 1) : below ? 1 : seenFromAbove;
    tileset.style = new Cesium3DTileStyle(
      tileStyle({
        legend: draw.legend,
        by: draw.by,
        hidden: view.hidden,
        filter: view.filter,
        // Nothing is picked that is wholly transparent.
        opacity: view.onMesh ? unseen : view.opacity * faded,
        litOpacity: view.onMesh ? glow : 1,
        lit: this.stage.lit(id),
        litColor: palette.selected,
        plain: building ? palette.building : palette.accent,
        moment: app.scrub ? Date.parse(app.scrub) / 1000 : null,
        base: building ? clay : undefined,
        shade: building && app.dark ? nightShade : 1,
      }),
    );
  }
}
