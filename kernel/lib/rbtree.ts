/**
 * A red-black tree whose elements are its nodes, with the leftmost one at hand. Linux: lib/rbtree.c, rb_root_cached.
 * Elements that compare equal keep the order in which they came. Algorithms: Cormen et al., "Red-Black Trees".
 */
export class RbNode {
  left: this | null = null;
  right: this | null = null;
  parent: this | null = null;
  isRed = false;
}

export class RbTree<T extends RbNode> {
  root: T | null = null;
  /** The least element. */
  first: T | null = null;
  size = 0;

  /** `isLess(a, b)`: a belongs before b. */
  constructor(private readonly isLess: (a: T, b: T) => boolean) {}

  insert(node: T): void {
    let parent: T | null = null;
    let at = this.root;
    let isLeftmost = true;
    while (at !== null) {
      parent = at;
      if (this.isLess(node, at)) {
        at = at.left;
      } else {
        at = at.right;
        isLeftmost = false;
      }
    }
    node.parent = parent;
    node.left = null;
    node.right = null;
    node.isRed = true;
    if (parent === null) this.root = node;
    else if (this.isLess(node, parent)) parent.left = node;
    else parent.right = node;
    if (isLeftmost) this.first = node;
    this.size++;
    this.#fixInsert(node);
  }

  remove(node: T): void {
    if (this.first === node) this.first = this.next(node);
    this.size--;
    let child: T | null;
    let parent: T | null;
    let wasRed = node.isRed;
    if (node.left === null) {
      child = node.right;
      parent = node.parent;
      this.#replace(node, child);
    } else if (node.right === null) {
      child = node.left;
      parent = node.parent;
      this.#replace(node, child);
    } else {
      let successor: T = node.right;
      while (successor.left !== null) successor = successor.left;
      wasRed = successor.isRed;
      child = successor.right;
      if (successor.parent === node) {
        parent = successor;
      } else {
        parent = successor.parent;
        this.#replace(successor, child);
        successor.right = node.right;
        successor.right!.parent = successor;
      }
      this.#replace(node, successor);
      successor.left = node.left;
      successor.left!.parent = successor;
      successor.isRed = node.isRed;
    }
    node.left = null;
    node.right = null;
    node.parent = null;
    if (!wasRed) this.#fixRemove(child, parent);
  }

  /** The element behind `node`, or null. */
  next(node: T): T | null {
    if (node.right !== null) {
      let at: T = node.right;
      while (at.left !== null) at = at.left;
      return at;
    }
    let at: T = node;
    while (at.parent !== null && at === at.parent.right) at = at.parent;
    return at.parent;
  }

  #replace(node: T, other: T | null): void {
    const { parent } = node;
    if (parent === null) this.root = other;
    else if (parent.left === node) parent.left = other;
    else parent.right = other;
    if (other !== null) other.parent = parent;
  }

  #rotateLeft(node: T): void {
    const right = node.right!;
    node.right = right.left;
    if (right.left !== null) right.left.parent = node;
    this.#replace(node, right);
    right.left = node;
    node.parent = right;
  }

  #rotateRight(node: T): void {
    const left = node.left!;
    node.left = left.right;
    if (left.right !== null) left.right.parent = node;
    this.#replace(node, left);
    left.right = node;
    node.parent = left;
  }

  #fixInsert(node: T): void {
    while (node.parent?.isRed) {
      let parent: T = node.parent;
      const grandparent: T = parent.parent!;
      const parentIsLeft = parent === grandparent.left;
      const uncle: T | null = parentIsLeft ? grandparent.right : grandparent.left;
      if (uncle?.isRed) {
        parent.isRed = false;
        uncle.isRed = false;
        grandparent.isRed = true;
        node = grandparent;
        continue;
      }
      if (parentIsLeft) {
        if (node === parent.right) {
          this.#rotateLeft(parent);
          [node, parent] = [parent, node];
        }
        parent.isRed = false;
        grandparent.isRed = true;
        this.#rotateRight(grandparent);
      } else {
        if (node === parent.left) {
          this.#rotateRight(parent);
          [node, parent] = [parent, node];
        }
        parent.isRed = false;
        grandparent.isRed = true;
        this.#rotateLeft(grandparent);
      }
    }
    this.root!.isRed = false;
  }

  /** `node`, possibly null, stands where a black node was missing one. */
  #fixRemove(node: T | null, parent: T | null): void {
    while (node !== this.root && !node?.isRed && parent !== null) {
      const isLeft = node === parent.left;
      let sibling: T = (isLeft ? parent.right : parent.left)!;
      if (sibling.isRed) {
        sibling.isRed = false;
        parent.isRed = true;
        if (isLeft) this.#rotateLeft(parent);
        else this.#rotateRight(parent);
        sibling = (isLeft ? parent.right : parent.left)!;
      }
      const near: T | null = isLeft ? sibling.left : sibling.right;
      const far: T | null = isLeft ? sibling.right : sibling.left;
      if (!near?.isRed && !far?.isRed) {
        sibling.isRed = true;
        node = parent;
        parent = node.parent;
        continue;
      }
      if (!far?.isRed) {
        near!.isRed = false;
        sibling.isRed = true;
        if (isLeft) this.#rotateRight(sibling);
        else this.#rotateLeft(sibling);
        sibling = (isLeft ? parent.right : parent.left)!;
      }
      sibling.isRed = parent.isRed;
      parent.isRed = false;
      const outer: T | null = isLeft ? sibling.right : sibling.left;
      outer!.isRed = false;
      if (isLeft) this.#rotateLeft(parent);
      else this.#rotateRight(parent);
      node = this.root;
    }
    if (node !== null) node.isRed = false;
  }
}
