// npm fhirpath under the same work as bench_fhirpath; the output is described in peers/README.md.
const fs = require('fs');
const fhirpath = require('fhirpath');
const r4 = require('fhirpath/fhir-context/r4');

const [file, expressionFile, warmText, measureText] = process.argv.slice(2);
const warm = Number(warmText), measure = Number(measureText);
const lines = fs.readFileSync(file, 'utf8').split('\n').filter(Boolean);
const all = lines.map((line) => JSON.parse(line));
const expressions = fs.readFileSync(expressionFile, 'utf8').split('\n')
  .filter((line) => line && !line.startsWith('#'))
  .map((line) => { const [type, text] = line.split('\t'); return { type, run: fhirpath.compile(text, r4) }; });

const seconds = () => Number(process.hrtime.bigint()) / 1e9;
let sink = 0;

function run(e, resources, limit) {
  const start = seconds();
  let evaluations = 0;
  for (;;) {
    for (const r of resources) sink += e.run(r).length;
    evaluations += resources.length;
    const spent = seconds() - start;
    if (spent >= limit) return evaluations / spent;
  }
}

// FNV-1a of 64 bits in two halves.
let high = 0, low = 0;
function mix(byte) {
  low = (low ^ byte) >>> 0;
  const product = low * 0x1b3;
  const carried = Math.floor(product / 4294967296);
  high = (Math.imul(high, 0x1b3) + carried + ((low << 8) >>> 0)) >>> 0;
  low = product >>> 0;
}
function text(value) {
  if (value !== null && typeof value === 'object' && value.constructor === Object) return '{}';
  return String(value);
}

expressions.forEach((e, i) => {
  const mine = all.filter((r) => r.resourceType === e.type);
  let count = 0;
  high = 0xcbf29ce4; low = 0x84222325;
  for (const r of mine) for (const v of e.run(r)) {
    count++;
    for (const byte of Buffer.from(text(v), 'utf8')) mix(byte);
    mix(0xff);
  }
  const hash = high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
  run(e, mine, warm);
  console.log(['expression', i, run(e, mine, measure).toFixed(0), count, hash, mine.length].join('\t'));
});

const bytes = fs.statSync(file).size;
for (const last of [false, true]) {
  const limit = (last ? measure : warm) * 4;
  const start = seconds();
  let evaluations = 0, rounds = 0, spent = 0;
  do {
    for (const line of lines) {
      const r = JSON.parse(line);
      for (const e of expressions) if (e.type === r.resourceType) { sink += e.run(r).length; evaluations++; }
    }
    rounds++;
    spent = seconds() - start;
  } while (spent < limit);
  if (last) console.log(['parsed', (evaluations / spent).toFixed(0), (rounds * bytes / spent / 1e6).toFixed(1)].join('\t'));
}
