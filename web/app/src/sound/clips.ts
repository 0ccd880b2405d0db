/**
 * The two sounds of Zas, made here: nothing to download, nothing to license. To add one, add its
 * name and its wave.
 */

/** `out`: one's own message leaves, a dry tick. `in`: another's arrives, a drop. */
export type Clip = "out" | "in";

/** No clip lasts longer, in seconds. */
export const CLIP_SECONDS = 0.14;

/** Each clip as a function of time in seconds, within -1..1. */
const WAVES: Record<Clip, (t: number) => number> = {
  // A tap on wood: a short knock with a brighter click on its edge.
  out: (t) =>
    0.5 * Math.sin(2 * Math.PI * (620 + 500 * Math.exp(-t * 90)) * t) * Math.exp(-t * 62) +
    0.22 * Math.sin(2 * Math.PI * 2_350 * t) * Math.exp(-t * 190),
  // A drop: the pitch rises as the bubble closes, with its fifth above it.
  in: (t) =>
    0.46 * Math.sin(2 * Math.PI * (540 * t + 1_900 * t * t)) * Math.exp(-t * 26) +
    0.16 * Math.sin(2 * Math.PI * (810 * t + 2_850 * t * t)) * Math.exp(-t * 40),
};

/** All clips. */
export const CLIPS = Object.keys(WAVES) as Clip[];

/** A clip's samples, from silence to silence. */
export function renderClip(clip: Clip, sampleRate: number): Float32Array<ArrayBuffer> {
  const samples = new Float32Array(Math.floor(CLIP_SECONDS * sampleRate));
  const attack = 0.002 * sampleRate;
  const release = 0.02 * sampleRate;
  for (let i = 0; i < samples.length; i++) {
    const edge = Math.min(1, i / attack, (samples.length - 1 - i) / release);
    samples[i] = WAVES[clip](i / sampleRate) * edge;
  }
  return samples;
}
