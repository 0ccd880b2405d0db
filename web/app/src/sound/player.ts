/** Plays clips by Web Audio. A browser lets a page sound only after a gesture: the first one unlocks it. */
import { CLIPS, type Clip, renderClip } from "./clips";

/** The clips are made this long after the first gesture, in ms: later than its own frame. */
const PREPARE_MS = 200;

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
    if (!context) {
      const made = new AudioContext({ latencyHint: "interactive" });
      context = made;
      // Ahead of the first message, so that its task need not.
      setTimeout(() => CLIPS.forEach((clip) => void bufferOf(clip, made)), PREPARE_MS);
    }
    if (context.state === "suspended") void context.resume();
  }
  if (typeof AudioContext === "function") {
    for (const gesture of ["pointerdown", "keydown"]) {
      addEventListener(gesture, unlock, { capture: true, once: true, passive: true });
    }
  }

  return {
    play(clip, volume) {
      // Before the first gesture there is no context; a sound kept for later would be a lie.
      if (!context) return;
      // A phone suspends the context of a page that was away.
      if (context.state !== "running") void context.resume();
      const source = new AudioBufferSourceNode(context, { buffer: bufferOf(clip, context) });
      source.connect(new GainNode(context, { gain: volume ** 2 })).connect(context.destination);
      source.start();
      root.dataset.soundStarts = String(Number(root.dataset.soundStarts ?? 0) + 1);
    },
  };
}
