// Has AsyncAPI's own parser read a document; prints what it finds, exit code 1 for anything but hints.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, path] = process.argv.slice(2);
const { Parser } = createRequire(`${folder}/`)("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(path, "utf-8"));
const wrong = diagnostics.filter((each) => each.severity <= 1);
for (const each of wrong) console.error(`${each.path.join(".")}: ${each.message} (${each.code})`);
if (!document || wrong.length) process.exit(1);
const messages = document.allMessages().all();
const without = messages.filter((each) => each.examples().isEmpty()).map((each) => each.name());
console.log(`${document.channels().all().length} channels, ${messages.length} messages, without an example: ${without.join(", ") || "none"}`);
