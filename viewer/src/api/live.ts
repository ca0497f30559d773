/**
 * What changes, as it changes: one event stream for all tabs of a browser.
 *
 * HTTP/1.1 allows six connections to a server, so tabs share one. They elect a leader with the Web Locks API
 * (the lock is free again when its tab closes); where that is missing, as on a plain-HTTP intranet, they elect by
 * heartbeat over a BroadcastChannel. The leader holds the EventSource and tells the others what it hears.
 */
import type { ChangeEvent, ObservationEvent } from "./types";

export interface Events {
  change: ChangeEvent;
  observation: ObservationEvent;
  alarm: ChangeEvent;
  job: { id: string; status: string; progress?: number };
  /** The feed does not go back far enough: read everything again. */
  gap: { version?: number };
  state: LiveState;
}

export type LiveState = "connecting" | "open" | "lost";

type Listener<K extends keyof Events> = (event: Events[K]) => void;
type Message = { [K in keyof Events]: { kind: K; data: Events[K] } }[keyof Events];
type Wire = Message | { kind: "beat"; tab: string } | { kind: "hello" };

const heard = ["change", "observation", "alarm", "job", "gap"] as const;
const beatEvery = 1000;
const silence = 2600;

const listeners: { [K in keyof Events]?: Set<Listener<K>> } = {};
let state: LiveState = "connecting";

/** Call `listener` for each event of one kind; returns what stops it. */
export function onLive<K extends keyof Events>(kind: K, listener: Listener<K>): () => void {
  const all = (listeners[kind] as Set<Listener<K>> | undefined) ?? new Set<Listener<K>>();
  all.add(listener);
  (listeners as Record<string, unknown>)[kind] = all;
  return () => all.delete(listener);
}

export function liveState(): LiveState {
  return state;
}

function tell(message: Message): void {
  if (message.kind === "state") state = message.data;
  const all = listeners[message.kind] as Set<(data: unknown) => void> | undefined;
  for (const listener of all ?? []) listener(message.data);
}

/** Open the stream; `say` passes on what is heard. Returns what closes it. */
function listen(say: (message: Message) => void): () => void {
  let source: EventSource | null = null;
  let again: ReturnType<typeof setTimeout> | undefined;
  let last = "";
  const open = () => {
    // A new EventSource knows no Last-Event-ID, hence the parameter; the browser's own reconnection sends the header.
    source = new EventSource(last ? `/live?last-event-id=${encodeURIComponent(last)}` : "/live");
    source.onopen = () => say({ kind: "state", data: "open" });
    source.onerror = () => {
      say({ kind: "state", data: "lost" });
      if (source?.readyState === EventSource.CLOSED) again = setTimeout(open, 3000);
    };
    for (const kind of heard) {
      source.addEventListener(kind, (event) => {
        if (event.lastEventId) last = event.lastEventId;
        say({ kind, data: JSON.parse(event.data) } as Message);
      });
    }
  };
  open();
  return () => {
    clearTimeout(again);
    source?.close();
  };
}

/** Start hearing; call once a tab. Returns what ends it. */
export function startLive(): () => void {
  if (typeof BroadcastChannel === "undefined") return listen(tell);
  const channel = new BroadcastChannel("onemap-twin-live");
  const tab = Math.random().toString(36).slice(2);
  let close: (() => void) | null = null;
  const say = (message: Message) => {
    tell(message);
    channel.postMessage(message);
  };
  const lead = () => {
    close ??= listen(say);
  };
  const end = navigator.locks ? leadByLock(lead) : leadByBeat(channel, tab, lead, () => close !== null);
  channel.addEventListener("message", ({ data }: MessageEvent<Wire>) => {
    if (data.kind === "hello") {
      if (close) channel.postMessage({ kind: "state", data: state } satisfies Wire);
    } else if (data.kind !== "beat") tell(data);
  });
  channel.postMessage({ kind: "hello" } satisfies Wire);
  return () => {
    end();
    close?.();
    channel.close();
  };
}

function leadByLock(lead: () => void): () => void {
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const stop = new AbortController();
  navigator.locks
    .request("onemap-twin-live", { signal: stop.signal }, () => {
      lead();
      return held;
    })
    .catch((reason: unknown) => {
      // Only our own `stop` ends the waiting.
      if (!stop.signal.aborted) throw reason;
    });
  return () => {
    stop.abort();
    release();
  };
}

/** Without locks: whoever beats first leads; two leaders resolve to the smaller name only at the next start. */
function leadByBeat(
  channel: BroadcastChannel,
  tab: string,
  lead: () => void,
  leading: () => boolean,
): () => void {
  let heardAt = performance.now();
  const hear = ({ data }: MessageEvent<Wire>) => {
    if (data.kind === "beat" && data.tab !== tab) heardAt = performance.now();
  };
  channel.addEventListener("message", hear);
  const beat = setInterval(() => {
    if (!leading() && performance.now() - heardAt > silence) lead();
    if (leading()) channel.postMessage({ kind: "beat", tab } satisfies Wire);
  }, beatEvery);
  return () => {
    clearInterval(beat);
    channel.removeEventListener("message", hear);
  };
}
