/**
 * How much JavaScript a first visit loads: the entry of the built page and all it imports statically,
 * each file as it travels (gzip). Ends with 1 when that is over the budget.
 *
 *     npm run build -w web/app && npm run size -w web/app [-- FOLDER]
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET_KIB = 130;

const folder = process.argv[2] ?? join(import.meta.dirname, "../dist");
const manifest = JSON.parse(await readFile(join(folder, ".vite/manifest.json"), "utf8"));
const files = new Set();

function visit(name) {
  const { file, imports = [] } = manifest[name];
  if (files.has(file)) return;
  files.add(file);
  for (const next of imports) visit(next);
}
for (const [name, { isEntry }] of Object.entries(manifest)) if (isEntry) visit(name);

let total = 0;
for (const file of files) {
  const { length } = gzipSync(await readFile(join(folder, file)), { level: 9 });
  total += length;
  console.log(`${kib(length)}  ${file}`);
}
console.log(`${kib(total)}  of ${BUDGET_KIB} KiB`);
if (total > BUDGET_KIB * 1024) {
  console.error("The first load is over its budget.");
  process.exitCode = 1;
}

function kib(bytes) {
  return (bytes / 1024).toFixed(1).padStart(7);
}
