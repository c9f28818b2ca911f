// Loads a package from where dev/test installed it (NODE_PACKAGES): svix 2 is a module, the others are not.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export async function load(name) {
  const require = createRequire(`${process.env.NODE_PACKAGES}/`);
  const manifest = require(`${name}/package.json`);
  const entry = manifest.exports?.["."] ?? manifest.main;
  const file = join(process.env.NODE_PACKAGES, "node_modules", name, typeof entry === "string" ? entry : entry.import);
  const loaded = await import(pathToFileURL(file));
  return manifest.type === "module" ? loaded : loaded.default;
}
