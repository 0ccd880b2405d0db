/** Plays clips by Web Audio. A browser lets a page sound only after a gesture: the first one unlocks it. */
import { CLIPS, type Clip, renderClip } from "./clips";

/**
 * Everything is made this long after the first gesture, in ms: later than its own frame, which it would
 * hold up, and soon enough that browsers still count it as the gesture's.
 */
const PREPARE_MS = 50;

/** Plays sounds; a test or an embedding app may bring its own. */
export interface SoundPlayer {
  /** Starts a clip now. `volume` is 0..1. Silent while the browser does not allow sound yet. */
  play(clip: Clip, volume: number): void;
}

/**
 * A player over one lazily made `AudioContext`. Each start is counted in `data-sound-starts` of the
 * document's root, since a browser test cannot listen.
 */
export function createPlayer(root: HTMLElement = document.documentElement): SoundPlayer {
  let context: AudioContext | undefined;
  /** What the first gesture itself was to play. */
  let due: Parameters<SoundPlayer["play"]>[] | undefined;
  const buffers = new Map<Clip, AudioBuffer>();

  function bufferOf(clip: Clip, context: AudioContext): AudioBuffer {
    const known = buffers.get(clip);
    if (known) return known;
    const samples = renderClip(clip, context.sampleRate);
    const buffer = context.createBuffer(1, samples.length, context.sampleRate);
    buffer.copyToChannel(samples, 0);
    buffers.set(clip, buffer);
    return buffer;
  }

  function unlock() {
    if (context || due) return;
    due = [];
    setTimeout(() => {
      const made = new AudioContext({ latencyHint: "interactive" });
      context = made;
      if (made.state === "suspended") void made.resume();
      for (const [clip, volume] of due ?? []) start(clip, volume, made);
      // Ahead of the next message, so that its task need not; a task each, since none should be long.
      for (const clip of CLIPS) setTimeout(() => bufferOf(clip, made));
    }, PREPARE_MS);
  }

  function start(clip: Clip, volume: number, context: AudioContext) {
    const source = new AudioBufferSourceNode(context, { buffer: bufferOf(clip, context) });
    source.connect(new GainNode(context, { gain: volume ** 2 })).connect(context.destination);
    source.start();
    root.dataset.soundStarts = String(Number(root.dataset.soundStarts ?? 0) + 1);
  }
  if (typeof AudioContext === "function") {
    for (const gesture of ["pointerdown", "keydown"]) {
      addEventListener(gesture, unlock, { capture: true, once: true, passive: true });
    }
  }

  return {
    play(clip, volume) {
      // Before the first gesture there is no context; a sound kept for later would be a lie.
      if (!context) return void due?.push([clip, volume]);
      // A phone suspends the context of a page that was away.
      if (context.state !== "running") void context.resume();
      start(clip, volume, context);
    },
  };
}
