/**
 * The real binary in a real browser. `everywhere` runs at three sizes, `desktop` at one: what does
 * not depend on the size need not be asked three times. Nothing is retried; figures are recorded
 * in `output/measures.json` and never asserted. `npm run measure` takes the figures one by one, on a
 * machine that does nothing else; `npm run measure:quick` takes fewer of each, in a minute.
 */
import { defineConfig } from "@playwright/test";

/** `quick`, `full`, or `proof`: only the measures run, by themselves. */
const measuring = process.env.ZAS_MEASURE !== undefined;

const touch = { hasTouch: true, isMobile: true };

const DESKTOP = { viewport: { width: 1280, height: 800 } };

export default defineConfig({
  testDir: "tests",
  outputDir: "output/results",
  globalTeardown: "./support/teardown.ts",
  fullyParallel: true,
  workers: measuring ? 1 : 2,
  retries: 0,
  forbidOnly: true,
  // Deadlines of what is waited for; a machine may be shared and slow.
  timeout: 240_000,
  expect: { timeout: 20_000 },
  reporter: "list",
  use: {
    locale: "es-ES",
    timezoneId: "Europe/Madrid",
    actionTimeout: 20_000,
    // It looks at the document after each step, which a measure would measure.
    trace: measuring ? "off" : "retain-on-failure",
    launchOptions: {
      executablePath: process.env.ZAS_CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--autoplay-policy=user-gesture-required",
        // A name that is this machine and, unlike localhost, no secure context.
        "--host-resolver-rules=MAP zas.lan 127.0.0.1",
      ],
    },
  },
  projects: measuring
    ? [
        process.env.ZAS_MEASURE === "proof"
          ? { name: "proof", testMatch: /proof/, use: DESKTOP }
          : { name: "measure", testMatch: /measure/, use: DESKTOP },
      ]
    : [
        {
          name: "phone",
          testMatch: /everywhere|phone/,
          use: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, ...touch },
        },
        {
          name: "tablet",
          testMatch: /everywhere/,
          use: { viewport: { width: 820, height: 1180 }, ...touch },
        },
        { name: "desktop", testMatch: /everywhere|desktop/, use: DESKTOP },
        // Each installs, builds and serves an app of its own; what is not installed may be left out.
        { name: "examples", testMatch: /example-/, use: DESKTOP },
      ],
});
