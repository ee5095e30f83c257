// Reads flowcharts with Mermaid's own parser and prints what it found, as JSON.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [packages, ...files] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${packages}/`));
const { JSDOM } = require('jsdom');
const page = new JSDOM('<!DOCTYPE html><body></body>');
globalThis.window = page.window;
globalThis.document = page.window.document;
const found = require.resolve('mermaid');
const { default: mermaid } = await import(pathToFileURL(found).href);
mermaid.initialize({ startOnLoad: false });

// Mermaid hides entities from its grammar in this way, and shows them as characters in the end.
const shown = (text) => text.replace(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCodePoint(Number(code)));

const charts = [];
for (const file of files) {
  const text = readFileSync(file, 'utf8');
  await mermaid.parse(text);
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
  const nodes = [...db.getVertices().values()];
  charts.push({
    nodes: Object.fromEntries(nodes.map((node) => [node.id, shown(node.text)])),
    boxes: db.getSubGraphs().map((box) => shown(box.title)),
    edges: db.getEdges().map((edge) => [edge.start, edge.end, shown(edge.text), edge.stroke]),
  });
}
console.log(JSON.stringify(charts));
