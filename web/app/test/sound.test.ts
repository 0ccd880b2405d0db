import { describe, expect, it } from "vitest";
import { CLIP_SECONDS, type Clip, renderClip } from "../src/sound/clips.js";

const RATE = 48_000;

describe.each<Clip>(["out", "in"])("the clip %s", (clip) => {
  const samples = renderClip(clip, RATE);

  it("is shorter than 150 ms", () => {
    expect(samples.length / RATE).toBeLessThanOrEqual(CLIP_SECONDS);
    expect(CLIP_SECONDS).toBeLessThan(0.15);
  });

  it("is heard, and never clipped", () => {
    const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    expect(peak).toBeGreaterThan(0.2);
    expect(peak).toBeLessThanOrEqual(1);
  });

  it("starts and ends in silence, so that nothing clicks", () => {
    expect(samples[0]).toBe(0);
    expect(Math.abs(samples.at(-1) ?? 1)).toBe(0);
  });
});

it("the two clips differ", () => {
  expect(renderClip("out", RATE)).not.toEqual(renderClip("in", RATE));
});
