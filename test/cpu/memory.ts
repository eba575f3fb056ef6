/** The page that cannot be written: the same for all cases. */
import { PAGE } from "./case.ts";
import { Random, putFloat32, putFloat64, putInteger64 } from "./random.ts";

function makeReadonlyPage(): Uint8Array {
  const random = new Random(0x7265_6164);
  const bytes = new Uint8Array(PAGE);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < PAGE; at += 8) {
    const kind = (at >> 6) % 3;
    if (kind === 0) putInteger64(random, view, at);
    else if (kind === 1) putFloat64(random, view, at);
    else for (let i = 0; i < 8; i += 4) putFloat32(random, view, at + i);
  }
  return bytes;
}

export const readonlyPage = makeReadonlyPage();
