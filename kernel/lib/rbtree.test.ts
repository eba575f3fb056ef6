import { expect, test } from "vitest";
import { RbNode, RbTree } from "./rbtree.ts";

class Item extends RbNode {
  constructor(readonly key: number) {
    super();
  }
}

/** Black height, or throws where a rule is broken. */
function check(node: Item | null): number {
  if (!node) return 1;
  if (node.isRed && (node.left?.isRed || node.right?.isRed)) throw new Error("red child of red");
  if ((node.left && node.left.parent !== node) || (node.right && node.right.parent !== node))
    throw new Error("parent");
  const left = check(node.left);
  if (left !== check(node.right)) throw new Error("black height");
  return left + (node.isRed ? 0 : 1);
}

test("random insertions and removals keep order, colours and the leftmost", () => {
  const tree = new RbTree<Item>((a, b) => a.key < b.key);
  const items: Item[] = [];
  let seed = 1;
  const random = (n: number): number => (seed = (seed * 48271) % 0x7fffffff) % n;
  for (let step = 0; step < 4000; step++) {
    if (items.length === 0 || random(5) < 3 - (step > 2000 ? 1 : 0)) {
      const item = new Item(random(500));
      items.push(item);
      tree.insert(item);
    } else {
      tree.remove(items.splice(random(items.length), 1)[0]);
    }
    if (step % 16 !== 0) continue;
    check(tree.root);
    const keys: number[] = [];
    for (let at = tree.first; at; at = tree.next(at)) keys.push(at.key);
    expect(keys).toEqual(items.map((item) => item.key).sort((a, b) => a - b));
    expect(tree.size).toBe(items.length);
  }
});
