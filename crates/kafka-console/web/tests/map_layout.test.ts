import { describe, expect, it } from "vitest";

import { samplePage } from "../dev/sample";
import type { MapEdge, MapNode, MapPanel } from "../src/api";
import { arrange, connected, errorStep, keepOrder, key, layout } from "../src/panels/map_layout";

function node(id: string, more: Partial<MapNode> = {}): MapNode {
  const [kind = "client", name = ""] = id.split(":");
  return {
    id,
    name,
    kind: kind as MapNode["kind"],
    of: kind === "rest" ? "client" : (kind as MapNode["of"]),
    bytes_per_second: kind === "group" ? null : 0,
    records_per_second: kind === "group" ? null : 0,
    error_share: null,
    lag_records: null,
    count: 1,
    promql: "",
    lag_promql: null,
    error_promql: null,
    ...more,
  };
}

function edge(from: string, to: string, bytes: number | null): MapEdge {
  return { from, to, bytes_per_second: bytes, records_per_second: 0, lag_records: null, promql: "" };
}

/** a writes x and y, b writes y and reads x; the group reads y. */
function small(): MapPanel {
  return {
    kind: "map",
    id: "map",
    title: "Map",
    help: "",
    writers: [node("client:b", { error_share: 0.5 }), node("client:a", { error_share: 0.002 })],
    topics: [
      node("topic:y", { bytes_per_second: 5, error_share: 0.02 }),
      node("topic:x", { bytes_per_second: 900, error_share: null }),
    ],
    readers: [
      node("client:b"),
      node("group:g", { lag_records: 4 }),
      node("rest:readers", { kind: "rest", count: 9 }),
    ],
    edges: [
      edge("client:a", "topic:x", 800),
      edge("client:a", "topic:y", 3),
      edge("client:b", "topic:y", 2),
      edge("topic:x", "client:b", 100),
      edge("topic:y", "group:g", null),
      edge("topic:gone", "group:g", 7),
    ],
    left_out: { writers: 0, topics: 0, readers: 9, bytes_per_second: 0 },
  };
}

function drawn(panel: MapPanel, width = 1000): ReturnType<typeof layout> {
  return layout(panel, width, arrange(panel));
}

describe("the order", () => {
  it("is by bytes, with writers beside their topics and the rest at the end", () => {
    expect(arrange(small())).toEqual({
      writers: ["client:a", "client:b"],
      topics: ["topic:x", "topic:y"],
      readers: ["client:b", "group:g", "rest:readers"],
    });
  });

  it("stays while the same things are there, whatever their numbers", () => {
    const before = arrange(small());
    const later = small();
    later.topics = later.topics.map((topic) => ({
      ...topic,
      bytes_per_second: 905 - (topic.bytes_per_second ?? 0),
    }));
    expect(keepOrder(before, later)).toBe(before);
    later.topics.push(node("topic:z", { bytes_per_second: 1e6 }));
    expect(keepOrder(before, later).topics[0]).toBe("topic:z");
  });
});

describe("the picture", () => {
  it("has three columns within its width, and boxes that do not overlap", () => {
    for (const width of [300, 620, 1000, 2400]) {
      const { boxes, width: whole, height } = drawn(small(), width);
      expect(whole).toBe(Math.max(width, 620));
      for (const side of ["writers", "topics", "readers"] as const) {
        let bottom = 0;
        for (const box of boxes.filter((candidate) => candidate.side === side)) {
          expect(box.y).toBeGreaterThanOrEqual(bottom);
          expect(box.x).toBeGreaterThanOrEqual(0);
          expect(box.x + box.width).toBeLessThanOrEqual(whole);
          bottom = box.y + box.height;
        }
        expect(bottom).toBeLessThanOrEqual(height);
      }
    }
  });

  it("draws a ribbon for each flow between boxes that are there, and none to nowhere", () => {
    const { ribbons } = drawn(small());
    expect(ribbons.map((ribbon) => ribbon.id)).toEqual([
      "client:a|topic:x",
      "client:a|topic:y",
      "client:b|topic:y",
      "topic:x|client:b",
      "topic:y|group:g",
    ]);
  });

  it("makes ribbons as wide as their bytes, and none too thin to see", () => {
    const { ribbons, bytesAtTenPixels } = drawn(small());
    const width = new Map(ribbons.map((ribbon) => [ribbon.id, ribbon.width]));
    expect(width.get("client:a|topic:x")).toBeCloseTo(8 * (width.get("topic:x|client:b") ?? 0));
    expect(width.get("client:a|topic:x")).toBeCloseTo((800 * 10) / bytesAtTenPixels);
    expect(Math.min(...width.values())).toBe(1.5);
  });

  it("keeps ribbons within the boxes they end at", () => {
    const page = samplePage("map", null, 1_800_000_000);
    const panel = page.panels[0] as MapPanel;
    const { ribbons, boxes } = drawn(panel);
    const at = new Map(boxes.map((box) => [key(box.side, box.node.id), box]));
    for (const { edge: flow, path, width } of ribbons) {
      const [start = 0, end = 0] = [/^M\S+ (\S+?)C/, / (\S+)$/].map((part) => Number(part.exec(path)?.[1]));
      const left = at.get(key("writers", flow.from)) ?? at.get(key("topics", flow.from));
      const right =
        flow.from.startsWith("topic:") || flow.from === "rest:topics"
          ? at.get(key("readers", flow.to))
          : at.get(key("topics", flow.to));
      for (const [box, y] of [
        [left, start],
        [right, end],
      ] as const) {
        expect(box).toBeDefined();
        expect(y - width / 2).toBeGreaterThanOrEqual((box?.y ?? 0) - 0.1);
        expect(y + width / 2).toBeLessThanOrEqual((box?.y ?? 0) + (box?.height ?? 0) + 0.1);
      }
    }
    expect(ribbons).toHaveLength(panel.edges.length);
  });

  it("keeps its scale while rates move a little, so that nothing jumps", () => {
    const later = small();
    const before = drawn(small());
    for (const factor of [0.8, 0.95, 1.1]) {
      later.edges = small().edges.map((flow) => ({
        ...flow,
        bytes_per_second: (flow.bytes_per_second ?? 0) * factor,
      }));
      const after = layout(later, 1000, arrange(later), before);
      expect(after.scale).toBe(before.scale);
      for (const [index, box] of after.boxes.entries()) {
        expect(Math.abs(box.y - (before.boxes[index]?.y ?? -99))).toBeLessThan(10);
      }
    }
    later.edges = small().edges.map((flow) => ({
      ...flow,
      bytes_per_second: (flow.bytes_per_second ?? 0) * 50,
    }));
    expect(layout(later, 1000, arrange(later), before).scale).toBeLessThan(before.scale);
  });

  it("marks a group's reading, and colours by the lower share of both ends", () => {
    const ribbons = new Map(drawn(small()).ribbons.map((ribbon) => [ribbon.id, ribbon]));
    expect(ribbons.get("topic:y|group:g")?.dashed).toBe(true);
    expect(ribbons.get("topic:x|client:b")?.dashed).toBe(false);
    expect(ribbons.get("client:b|topic:y")?.errorShare).toBe(0.02);
    expect(ribbons.get("client:a|topic:y")?.errorShare).toBe(0.002);
    expect(ribbons.get("client:a|topic:x")?.errorShare).toBe(0.002);
    expect([0, 0.0009, 0.001, 0.01, 0.05, 1].map(errorStep)).toEqual([0, 0, 1, 2, 3, 3]);
  });

  it("does not take errors that nobody knows for none", () => {
    const panel = small();
    for (const each of [...panel.topics, ...panel.readers]) {
      each.error_share = null;
    }
    expect(drawn(panel).ribbons.map((ribbon) => ribbon.errorShare)).not.toContain(0);
  });

  it("gives long names the height they need", () => {
    const panel = small();
    panel.topics = [node(`topic:${"n".repeat(249)}`), node(`topic:${"名".repeat(249)}`), node("topic:short")];
    const [latin = 0, wide = 0, short = 0] = panel.topics.map(
      (topic) => drawn(panel).boxes.find((box) => box.node.id === topic.id)?.height ?? 0,
    );
    expect(latin).toBeGreaterThan(6 * short);
    expect(wide).toBeGreaterThan(latin);
  });

  it("is empty for nothing", () => {
    const nothing = { ...small(), writers: [], topics: [], readers: [], edges: [] };
    expect(drawn(nothing)).toMatchObject({ boxes: [], ribbons: [], height: 0 });
  });
});

describe("what belongs together", () => {
  it("is everything a topic's bytes come from and go to", () => {
    expect([...connected(small(), key("topics", "topic:y"))].sort()).toEqual(
      [
        "client:a|topic:y",
        "client:b|topic:y",
        "readers group:g",
        "topic:y|group:g",
        "topics topic:y",
        "writers client:a",
        "writers client:b",
      ].sort(),
    );
  });

  it("does not go on through a client that reads and writes", () => {
    const found = connected(small(), key("readers", "client:b"));
    expect(found.has("topic:x|client:b")).toBe(true);
    expect(found.has("client:b|topic:y")).toBe(false);
  });

  it("of a ribbon is what leads to it and from it", () => {
    const found = connected(small(), "client:a|topic:x");
    expect(found.has("topic:x|client:b")).toBe(true);
    expect(found.has("client:a|topic:y")).toBe(false);
  });
});
