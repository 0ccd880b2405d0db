import { defineConfig } from "vite";

/** One script and one sheet, where Django's `static` finds them. */
export default defineConfig({
  base: "/static/people/",
  build: {
    outDir: "../people/static/people",
    emptyOutDir: true,
    rolldownOptions: {
      input: "main.tsx",
      output: { entryFileNames: "chat.js", assetFileNames: "chat.[ext]" },
    },
  },
});
