import { defineConfig } from "vitest/config";

import { sampleServer } from "./dev/server.ts";

/** Sample pages, or those of a console that runs: `CONSOLE=http://127.0.0.1:8085 npm run dev`. */
const running = process.env["CONSOLE"];
const proxy = running === undefined ? {} : { "/api": { target: running, changeOrigin: true } };

export default defineConfig({
  plugins: running === undefined ? [sampleServer()] : [],
  server: { proxy },
  preview: { proxy },
  build: {
    target: "es2022",
    modulePreload: false,
    // One file of each kind: a page needs all of it, and a data: address would need a wider policy.
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: false,
    rolldownOptions: { output: { codeSplitting: false } },
  },
  test: {
    environment: "jsdom",
    // Few, so that a busy machine starts each in time.
    maxWorkers: 2,
    include: ["tests/**/*.test.{ts,tsx}"],
    testTimeout: 120_000,
    setupFiles: ["tests/setup.ts"],
  },
});
