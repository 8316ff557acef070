import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

test("the client is smaller than 8 KB, minified and gzipped", async () => {
  const entryPoints = [new URL("../src/index.js", import.meta.url).pathname];
  const made = await build({ entryPoints, bundle: true, minify: true, format: "esm", write: false });

  const bytes = gzipSync(made.outputFiles[0]?.contents ?? "").length;

  assert.ok(bytes > 1000 && bytes < 8192, `${bytes} bytes`);
});

test("it needs no other package", async () => {
  const file = new URL("../package.json", import.meta.url);
  assert.equal(JSON.parse(await readFile(file, "utf8")).dependencies, undefined);
});
