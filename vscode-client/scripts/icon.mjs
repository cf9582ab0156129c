// Draws icon.png with nothing but Node, so that the picture can be changed on any machine:
// a roofline (slanted memory roof, flat compute roof) with a spark of energy below it.
import { writeFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';

const size = 128;
const background = [18, 32, 47];
const roof = [94, 214, 160];
const spark = [255, 196, 61];
const roofLine = [
  [20, 92],
  [58, 36],
  [108, 36],
];
const bolt = [
  [82, 48],
  [58, 82],
  [75, 82],
  [66, 112],
  [97, 72],
  [79, 72],
  [90, 48],
];

const clamp = (value) => Math.min(1, Math.max(0, value));

function segmentDistance(x, y, [ax, ay], [bx, by]) {
  const along = clamp(
    ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2),
  );
  return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
}

function inside(x, y, polygon) {
  let odd = false;
  polygon.forEach(([ax, ay], index) => {
    const [bx, by] = polygon[(index + 1) % polygon.length];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  });
  return odd;
}

function polygonDistance(x, y, polygon) {
  const edges = polygon.map((corner, index) =>
    segmentDistance(x, y, corner, polygon[(index + 1) % polygon.length]),
  );
  return inside(x, y, polygon) ? -Math.min(...edges) : Math.min(...edges);
}

function cardDistance(x, y) {
  const radius = 26;
  const reach = size / 2 - 2 - radius;
  const dx = Math.abs(x - size / 2) - reach;
  const dy = Math.abs(y - size / 2) - reach;
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - radius;
}

function over(under, colour, distance) {
  const cover = clamp(0.5 - distance);
  return under.map((value, index) => value + (colour[index] - value) * cover);
}

function pixel(x, y) {
  const line = Math.min(
    segmentDistance(x, y, roofLine[0], roofLine[1]),
    segmentDistance(x, y, roofLine[1], roofLine[2]),
  );
  let colour = over(background, roof, line - 5);
  // A rim of background keeps the spark apart from the roof at 16 pixels.
  colour = over(colour, background, polygonDistance(x, y, bolt) - 6);
  colour = over(colour, spark, polygonDistance(x, y, bolt) - 1.5);
  return [...colour.map(Math.round), Math.round(255 * clamp(0.5 - cardDistance(x, y)))];
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8 + body.length);
  frame.writeUInt32BE(data.length, 0);
  body.copy(frame, 4);
  frame.writeUInt32BE(crc32(body), 4 + body.length);
  return frame;
}

const header = Buffer.alloc(13);
header.writeUInt32BE(size, 0);
header.writeUInt32BE(size, 4);
header.set([8, 6, 0, 0, 0], 8);
const rows = [];
for (let y = 0; y < size; y++) {
  rows.push(0);
  for (let x = 0; x < size; x++) rows.push(...pixel(x + 0.5, y + 0.5));
}
writeFileSync(
  new URL('../icon.png', import.meta.url),
  Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.from(rows), { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]),
);
