import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defaultClientConditions, type Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Where `zas serve` listens while one works on the page. */
const SERVER = "http://127.0.0.1:8000";

/** Writes `FILE.gz` beside every text asset: the binary serves those as they are. */
function packed(): Plugin {
  return {
    name: "zas-packed",
    apply: "build",
    async writeBundle({ dir }) {
      const names = await readdir(dir ?? "dist", { recursive: true });
      const texts = names.filter((name) => /\.(js|css|svg|webmanifest)$/.test(name));
      const pack = async (name: string) => {
        const path = join(dir ?? "dist", name);
        await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: 9 }));
      };
      await Promise.all(texts.map(pack));
    },
  };
}

export default defineConfig({
  plugins: [react(), tailwindcss(), packed()],
  resolve: {
    conditions: ["zas-source", ...defaultClientConditions],
    alias: {
      // A shim for React 17; every React that this app can have has the hook itself.
      "use-sync-external-store/shim/index.js": "react",
      // What every icon of lucide-react is made with: theirs weighs as much as all the icons of the first load.
      "../createLucideIcon.mjs": join(import.meta.dirname, "src/ui/icon.ts"),
    },
  },
  build: {
    // Parts are fetched ahead of their use as it is, and with what they need.
    modulePreload: {
      polyfill: false,
      resolveDependencies: (_file, needed, { hostType }) => (hostType === "html" ? needed : []),
    },
    manifest: true,
    target: ["chrome111", "firefox114", "safari16.4"],
    assetsInlineLimit: 0,
  },
  server: {
    proxy: { "/v1": { target: SERVER, ws: true }, "/api": SERVER, "/ws": { target: SERVER, ws: true } },
  },
  test: { include: ["test/**/*.test.{ts,tsx}"] },
});
