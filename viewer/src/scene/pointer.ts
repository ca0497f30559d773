/** Mouse, finger and pen: click picks, double click goes there, moving tells where one is. */
import { type Cartesian2, type CesiumWidget, ScreenSpaceEventHandler, ScreenSpaceEventType } from "cesium";

export interface Hand {
  click(x: number, y: number): void;
  doubleClick(x: number, y: number): void;
  /** At most once a picture. */
  move(x: number, y: number): void;
  /** The pointer has come to rest. */
  rest(x: number, y: number): void;
}

const restAfter = 110;

export function listen(widget: CesiumWidget, hand: Hand): () => void {
  const events = new ScreenSpaceEventHandler(widget.canvas);
  let frame = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  events.setInputAction(({ position }: { position: Cartesian2 }) => {
    hand.click(position.x, position.y);
  }, ScreenSpaceEventType.LEFT_CLICK);
  events.setInputAction(({ position }: { position: Cartesian2 }) => {
    hand.doubleClick(position.x, position.y);
  }, ScreenSpaceEventType.LEFT_DOUBLE_CLICK);
  events.setInputAction(({ endPosition }: { endPosition: Cartesian2 }) => {
    const { x, y } = endPosition;
    clearTimeout(timer);
    timer = setTimeout(() => hand.rest(x, y), restAfter);
    if (frame) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      hand.move(x, y);
    });
  }, ScreenSpaceEventType.MOUSE_MOVE);
  return () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    events.destroy();
  };
}

/** Arrow keys pan, shift with arrows turns and tilts, plus and minus zoom; the map must have the focus. */
export function keys(
  widget: CesiumWidget,
  act: {
    pan(right: number, up: number): void;
    turn(degrees: number): void;
    tilt(degrees: number): void;
    zoom(factor: number): void;
  },
): () => void {
  const step = 0.18;
  const press = (event: KeyboardEvent) => {
    const plain: Record<string, () => void> = {
      ArrowLeft: () => act.pan(-step, 0),
      ArrowRight: () => act.pan(step, 0),
      ArrowUp: () => act.pan(0, step),
      ArrowDown: () => act.pan(0, -step),
      "+": () => act.zoom(0.6),
      "=": () => act.zoom(0.6),
      "-": () => act.zoom(1.6),
    };
    const shifted: Record<string, () => void> = {
      ArrowLeft: () => act.turn(-15),
      ArrowRight: () => act.turn(15),
      ArrowUp: () => act.tilt(10),
      ArrowDown: () => act.tilt(-10),
    };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = (event.shiftKey ? shifted[event.key] : undefined) ?? plain[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  widget.canvas.addEventListener("keydown", press);
  return () => widget.canvas.removeEventListener("keydown", press);
}
