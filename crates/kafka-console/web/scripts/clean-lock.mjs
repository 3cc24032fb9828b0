/**
 * Takes out of package-lock.json what is not needed to install the same bytes: funding links and deprecation
 * texts.
 *
 * What is left has versions and integrity hashes and names no host, so that any registry serves.
 */
import { readFileSync, writeFileSync } from "node:fs";

const path = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));
for (const entry of Object.values(lock.packages)) {
  delete entry.funding;
  delete entry.deprecated;
  delete entry.resolved;
}
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
