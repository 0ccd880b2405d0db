import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LINES, OUTPUT } from "./measures.ts";

/** Gathers what the workers measured into one file. */
export default async function teardown(): Promise<void> {
  const lines = await readFile(LINES, "utf8").catch(() => "");
  const rows = lines
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { what: string; project: string });
  rows.sort((a, b) => `${a.what} ${a.project}`.localeCompare(`${b.what} ${b.project}`));
  if (rows.length > 0) await writeFile(join(OUTPUT, "measures.json"), `${JSON.stringify(rows, null, 2)}\n`);
  await rm(LINES, { force: true });
}
