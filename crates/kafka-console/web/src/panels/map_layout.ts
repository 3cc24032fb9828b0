/**
 * Where everything on the map stands: three columns of boxes and the ribbons between them.
 *
 * Pure. What was drawn before keeps its scale and heights as long as the new numbers fit them, so that a live
 * update changes numbers and not the places that eyes have learnt.
 */

import type { MapEdge, MapNode, MapPanel } from "../api";
import { textWidth } from "../parts/text_width";

export type Side = "writers" | "topics" | "readers";

export interface Box {
  node: MapNode;
  side: Side;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Ribbon {
  /** `from|to`. */
  id: string;
  edge: MapEdge;
  path: string;
  width: number;
  /** A group's reading: it has lag, and no bytes of its own. */
  dashed: boolean;
  /** The lower error share of its ends, null when neither knows. */
  errorShare: number | null;
}

export interface Layout {
  width: number;
  height: number;
  boxes: Box[];
  ribbons: Ribbon[];
  /** Bytes per second that a ribbon of 10 pixels stands for. */
  bytesAtTenPixels: number;
  /** Pixels of ribbon for a byte per second. */
  scale: number;
  columns: { side: Side; x: number; width: number }[];
}

export const WIDTH_MIN_PX = 620;
const LABEL_MIN_PX = 156;
const LABEL_MAX_PX = 300;
const RIBBON_MAX_PX = 72;
const RIBBON_MIN_PX = 1.5;
const LINE_PX = 16;
const PAD_PX = 14;
const BADGE_PX = 20;
/** The word "group" before a name. */
const KIND_PX = 44;
const NUMBER_PX = 92;
const GAP_PX = 7;
const STEP_PX = 6;
export const SIDES: readonly Side[] = ["writers", "topics", "readers"];

/** The order of a column's ids from top to bottom; a layout keeps the one it is given. */
export type Order = Readonly<Record<Side, readonly string[]>>;

export function layout(
  panel: MapPanel,
  available: number,
  order: Order,
  before: Layout | null = null,
): Layout {
  const width = Math.max(available, WIDTH_MIN_PX);
  const label = Math.min(LABEL_MAX_PX, Math.max(LABEL_MIN_PX, width * 0.25));
  const links = linked(panel);
  const busiest = Math.max(1, ...totals(links, ({ edge }) => edge.bytes_per_second ?? 0).values());
  const scale = scaleFor(busiest, before);
  const same = before?.width === width ? before.boxes : [];
  const heights = new Map(same.map((box) => [key(box.side, box.node.id), box.height]));
  const thickness = ({ edge }: Link): number => Math.max(RIBBON_MIN_PX, (edge.bytes_per_second ?? 0) * scale);

  const columns = SIDES.map((side, index) => ({ side, x: (index * (width - label)) / 2, width: label }));
  const stacks = totals(links, thickness);
  const boxes = columns.flatMap(({ side, x }) => {
    const nodes = new Map(panel[side].map((node) => [node.id, node]));
    let y = 0;
    return order[side].flatMap((id): Box[] => {
      const node = nodes.get(id);
      if (node === undefined) {
        return [];
      }
      const flow = Math.max(stacks.get(`${key(side, id)} in`) ?? 0, stacks.get(`${key(side, id)} out`) ?? 0);
      const need = Math.max(textHeight(node, label), flow + 6);
      const height = kept(heights.get(key(side, id)), need) ?? stepped(need);
      const box = { node, side, x, y, width: label, height };
      y += height + GAP_PX;
      return [box];
    });
  });
  const height = Math.max(0, ...boxes.map((box) => box.y + box.height));
  return {
    width,
    height,
    boxes,
    ribbons: ribbons(links, boxes, thickness),
    bytesAtTenPixels: 10 / scale,
    scale,
    columns,
  };
}

/** The busiest box has at most `RIBBON_MAX_PX` of ribbons, and a good part of that. */
function scaleFor(busiest: number, before: Layout | null): number {
  const pixels = busiest * (before?.scale ?? 0);
  const fits = pixels <= RIBBON_MAX_PX && pixels >= RIBBON_MAX_PX * 0.3;
  return fits && before !== null ? before.scale : RIBBON_MAX_PX / 2 ** Math.ceil(Math.log2(busiest));
}

/** The height from before while it is enough and not far too much. */
function kept(height: number | undefined, need: number): number | null {
  return height !== undefined && need <= height && need > height * 0.55 ? height : null;
}

/**
 * Most bytes first among the topics, writers and readers beside the topics they talk to, the rest at the end.
 */
export function arrange(panel: MapPanel): Order {
  const topics = ranked(panel.topics, (node) => -(node.bytes_per_second ?? 0));
  const place = new Map(topics.map((id, index) => [id, index]));
  const beside = (node: MapNode): number => {
    let weights = 0;
    let sum = 0;
    for (const edge of panel.edges) {
      const other = edge.from === node.id ? edge.to : edge.to === node.id ? edge.from : null;
      const at = other === null ? undefined : place.get(other);
      if (at !== undefined) {
        const weight = (edge.bytes_per_second ?? 0) + 1;
        weights += weight;
        sum += weight * at;
      }
    }
    return weights === 0 ? topics.length : sum / weights;
  };
  return { writers: ranked(panel.writers, beside), topics, readers: ranked(panel.readers, beside) };
}

/** The order to draw in: what was there stays, unless something came or went. */
export function keepOrder(before: Order | null, panel: MapPanel): Order {
  if (before === null || SIDES.some((side) => !sameIds(before[side], panel[side]))) {
    return arrange(panel);
  }
  return before;
}

/**
 * What belongs to one box or ribbon: everything that flows into it or out of it, as keys of boxes and ids of
 * ribbons.
 */
export function connected(panel: MapPanel, at: string): ReadonlySet<string> {
  const links = linked(panel);
  const link = links.find((candidate) => candidate.id === at);
  const found = new Set<string>([at]);
  walk(links, link?.from ?? at, "to", "from", found);
  walk(links, link?.to ?? at, "from", "to", found);
  return found;
}

export function ribbonId(edge: MapEdge): string {
  return `${edge.from}|${edge.to}`;
}

/** A box: a client that writes and reads has one in either column, under the same id. */
export function key(side: Side, id: string): string {
  return `${side} ${id}`;
}

/** An edge between two boxes that are there. */
interface Link {
  id: string;
  edge: MapEdge;
  from: string;
  to: string;
}

function linked(panel: MapPanel): Link[] {
  const ids = (nodes: MapNode[]): Set<string> => new Set(nodes.map((node) => node.id));
  const [writers, topics, readers] = [ids(panel.writers), ids(panel.topics), ids(panel.readers)];
  return panel.edges.flatMap((edge): Link[] => {
    const id = ribbonId(edge);
    if (topics.has(edge.from) && readers.has(edge.to)) {
      return [{ id, edge, from: key("topics", edge.from), to: key("readers", edge.to) }];
    }
    if (writers.has(edge.from) && topics.has(edge.to)) {
      return [{ id, edge, from: key("writers", edge.from), to: key("topics", edge.to) }];
    }
    return [];
  });
}

function walk(
  links: Link[],
  start: string,
  here: "from" | "to",
  there: "from" | "to",
  found: Set<string>,
): void {
  const open = [start];
  const reached = new Set(open);
  found.add(start);
  for (let box = open.pop(); box !== undefined; box = open.pop()) {
    for (const link of links) {
      if (link[here] === box) {
        found.add(link.id);
        found.add(link[there]);
        if (!reached.has(link[there])) {
          reached.add(link[there]);
          open.push(link[there]);
        }
      }
    }
  }
}

/** Of each box, by `<key> in` and `<key> out`. */
function totals(links: Link[], measure: (link: Link) => number): Map<string, number> {
  const sums = new Map<string, number>();
  for (const link of links) {
    for (const side of [`${link.from} out`, `${link.to} in`]) {
      sums.set(side, (sums.get(side) ?? 0) + measure(link));
    }
  }
  return sums;
}

function ribbons(links: Link[], boxes: Box[], thickness: (link: Link) => number): Ribbon[] {
  const at = new Map(boxes.map((box) => [key(box.side, box.node.id), box]));
  const starts = spread(links, boxes, "from", "to", at, thickness);
  const ends = spread(links, boxes, "to", "from", at, thickness);
  return links.flatMap((link): Ribbon[] => {
    const [from, to] = [at.get(link.from), at.get(link.to)];
    if (from === undefined || to === undefined) {
      return [];
    }
    const [left, right] = [from.x + from.width, to.x];
    const middle = (left + right) / 2;
    const [y1, y2] = [round(starts.get(link.id) ?? 0), round(ends.get(link.id) ?? 0)];
    return [
      {
        id: link.id,
        edge: link.edge,
        path: `M${round(left)} ${y1}C${round(middle)} ${y1} ${round(middle)} ${y2} ${round(right)} ${y2}`,
        width: thickness(link),
        dashed: to.node.of === "group",
        errorShare: lower(from.node.error_share, to.node.error_share),
      },
    ];
  });
}

/** Lays the ribbons of one side of each box below each other, in the order of what they lead to. */
function spread(
  links: Link[],
  boxes: Box[],
  here: "from" | "to",
  there: "from" | "to",
  at: ReadonlyMap<string, Box>,
  thickness: (link: Link) => number,
): Map<string, number> {
  const found = new Map<string, number>();
  const of = new Map<string, Link[]>();
  for (const link of links) {
    of.set(link[here], [...(of.get(link[here]) ?? []), link]);
  }
  for (const box of boxes) {
    const own = of.get(key(box.side, box.node.id)) ?? [];
    const sorted = own.toSorted((a, b) => (at.get(a[there])?.y ?? 0) - (at.get(b[there])?.y ?? 0));
    let y = box.y + (box.height - sorted.reduce((sum, link) => sum + thickness(link), 0)) / 2;
    for (const link of sorted) {
      found.set(link.id, y + thickness(link) / 2);
      y += thickness(link);
    }
  }
  return found;
}

function lower(a: number | null, b: number | null): number | null {
  if (a === null || b === null) {
    return a ?? b;
  }
  return Math.min(a, b);
}

/** Names wrap: as many lines as their characters need, wide scripts counted twice. */
function textHeight(node: MapNode, width: number): number {
  const lines = Math.max(
    1,
    Math.ceil(
      (textWidth(node.name) + (node.kind === "group" ? KIND_PX : 0)) /
        Math.max(40, width - NUMBER_PX - 2 * PAD_PX),
    ),
  );
  return lines * LINE_PX + PAD_PX + (hasErrors(node) ? BADGE_PX : 0);
}

/** Whether the share of errors is worth a line of its own. */
export function hasErrors(node: MapNode): boolean {
  return errorStep(node.error_share ?? 0) > 0;
}

/** How bad a share of errors is: 0 below 0.1 %, 1 below 1 %, 2 below 5 %, 3 from there. */
export function errorStep(share: number): 0 | 1 | 2 | 3 {
  return share < 0.001 ? 0 : share < 0.01 ? 1 : share < 0.05 ? 2 : 3;
}

function ranked(nodes: MapNode[], rank: (node: MapNode) => number): string[] {
  const ranks = new Map(nodes.map((node) => [node.id, rank(node)]));
  const sorted = nodes.toSorted(
    (a, b) =>
      Number(a.kind === "rest") - Number(b.kind === "rest") ||
      (ranks.get(a.id) ?? 0) - (ranks.get(b.id) ?? 0) ||
      (a.id < b.id ? -1 : 1),
  );
  return sorted.map((node) => node.id);
}

function sameIds(ids: readonly string[], nodes: MapNode[]): boolean {
  const wanted = new Set(nodes.map((node) => node.id));
  return ids.length === wanted.size && ids.every((id) => wanted.has(id));
}

function stepped(height: number): number {
  return Math.ceil(height / STEP_PX) * STEP_PX;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
