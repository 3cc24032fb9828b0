/**
 * Holds what was built to its promises: at most 300 KB gzipped, nothing inline, nothing from another host, no
 * eval.
 */
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const SIZE_MAX_BYTES = 300_000;
const dist = new URL("../dist/", import.meta.url);

const found = [];
let total = 0;
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) {
    continue;
  }
  const path = `${entry.parentPath}/${entry.name}`;
  const data = readFileSync(path);
  const size = gzipSync(data, { level: 9 }).length;
  total += size;
  process.stdout.write(`${String(size).padStart(8)} bytes gzipped  ${entry.name}\n`);
  const text = data.toString("utf8");
  if (entry.name.endsWith(".html")) {
    if (/<script(?![^>]*\bsrc=)/i.test(text) || /<style/i.test(text) || /\s(?:style|on\w+)=/i.test(text)) {
      found.push(`${entry.name}: has an inline script or style, which the policy refuses`);
    }
  }
  if (/\beval\(|\bnew Function\(/.test(text)) {
    found.push(`${entry.name}: evaluates text`);
  }
  for (const [address] of text.matchAll(/(?:https?:)?\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)+/gi)) {
    if (!address.endsWith("//www.w3.org")) {
      found.push(`${entry.name}: names another host: ${address}`);
    }
  }
}
if (total > SIZE_MAX_BYTES) {
  found.push(`${total} bytes gzipped, more than ${SIZE_MAX_BYTES}`);
}
process.stdout.write(`${String(total).padStart(8)} bytes gzipped of ${SIZE_MAX_BYTES}\n`);
if (found.length > 0) {
  process.stderr.write(`${found.join("\n")}\n`);
  process.exit(1);
}
