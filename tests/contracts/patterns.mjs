// Prints the patterns of a document that RE2 does not compile, and so neither does Go: node patterns.mjs FILE
import { readFile } from "node:fs/promises";
import { RE2JS } from "re2js";

const patterns = new Set();
JSON.parse(await readFile(process.argv[2], "utf8"), (name, value) => {
  if (name === "pattern" && typeof value === "string") patterns.add(value);
  return value;
});
for (const pattern of patterns) {
  try {
    RE2JS.compile(pattern);
  } catch (error) {
    console.error(`${pattern}: ${error.message}`);
    process.exitCode = 1;
  }
}
console.log(`${patterns.size} patterns`);
