import type { NextConfig } from "next";

const config: NextConfig = {
  // Else it looks for its packages where the repository around it has its own.
  turbopack: { root: import.meta.dirname },
};

export default config;
