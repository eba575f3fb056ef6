import { test } from "vitest";
import { readFileSync } from "node:fs";
import { Guest } from "./harness/guest.ts";
import { Session } from "node:inspector/promises";
test("x", {timeout: 300000}, async () => {
  const g = await Guest.start({files: {"test/hog": readFileSync("test/guest/bin/fuzz_hog")}, config: {memory_bytes: 64<<20}});
  const s = new Session(); s.connect(); await s.post("Profiler.enable"); await s.post("Profiler.start");
  try { const r = await g.exec("mkdir -m 777 -p /tmp/fuzz; cd /tmp/fuzz; /test/hog forks", 20000); console.log(r.output.slice(-60)); } catch (e) { console.log(String(e).slice(0, 1000)); }
  const { profile } = await s.post("Profiler.stop");
  const self = new Map<string, number>();
  const dt = profile.timeDeltas!; const byId = new Map(profile.nodes.map(n => [n.id, n]));
  profile.samples!.forEach((id, i) => { const n = byId.get(id)!; const k = `${n.callFrame.functionName} ${n.callFrame.url.split("/").slice(-3).join("/")}:${n.callFrame.lineNumber+1}`; self.set(k, (self.get(k) ?? 0) + dt[i]); });
  console.log([...self].sort((a, b) => b[1] - a[1]).slice(0, 25).map(([k, v]) => `${(v/1000).toFixed(0)} ms ${k}`).join("\n"));
  const log = await g.kernelLog(); console.log("oom", log.split("invoked oom").length, "lines", log.split("\n").length, log.slice(-1500));
  await g.stop();
});
