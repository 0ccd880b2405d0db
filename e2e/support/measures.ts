/** Figures are kept, with the size they were taken at, and never asserted: machines differ. */
import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestInfo } from "@playwright/test";

export const OUTPUT = fileURLToPath(new URL("../output", import.meta.url));
/** One JSON object a line, while tests run; `teardown.ts` makes `measures.json` of it. */
export const LINES = join(OUTPUT, "measures.jsonl");

/** How often a measure is taken: what it takes to trust it, or to see it. */
export const often = (full: number, quick: number): number =>
  process.env.ZAS_MEASURE === "full" ? full : quick;

export async function record(info: TestInfo, what: string, figures: Record<string, number>): Promise<void> {
  const rounded = Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, Math.round(value * 10) / 10]),
  );
  info.annotations.push({ type: "measured", description: `${what}: ${JSON.stringify(rounded)}` });
  await mkdir(OUTPUT, { recursive: true });
  await appendFile(LINES, `${JSON.stringify({ project: info.project.name, what, ...rounded })}\n`);
}

/** The 50th and 99th of a hundred, and the largest. */
export function spread(values: number[]): Record<string, number> {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { n: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
