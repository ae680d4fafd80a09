// Prints what the AsyncAPI project's own parser finds in a document: node asyncapi.mjs FILE
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const ACCEPTED = new Set(["asyncapi-info-contact", "asyncapi-latest-version"]); // reasons: spectral.yaml

const { document, diagnostics } = await new Parser().parse(await readFile(process.argv[2], "utf8"));
const found = diagnostics.filter(({ code }) => !ACCEPTED.has(code));
for (const { code, message, path } of found) console.error(`${path.join(".")}: ${message} (${code})`);
process.exitCode = document && found.length === 0 ? 0 : 1;
