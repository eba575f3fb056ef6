/**
 * Open files and directories of the 9p file system. Linux: fs/9p/vfs_file.c, fs/9p/vfs_dir.c.
 *
 * read(2) and write(2) go to the server each time. Only mapped files (programs, mostly) have pages in memory: they are
 * brought in when the mapping is made, for a page fault cannot wait. Shared mappings for writing do not exist, as in Linux
 * with cache=none.
 */
import { generic_file_vm_ops } from "../../mm/filemap.ts";
import { PAGE_SHIFT, PAGE_SIZE } from "../../mm/page_alloc.ts";
import { VM_MAYWRITE, VM_SHARED, type VmArea } from "../../mm/vma.ts";
import { finish, type Sleep } from "../../sched/wait.ts";
import type { Task } from "../../task/task.ts";
import { EINVAL, EISDIR, ENOMEM } from "../../uapi/errno.ts";
import { O_ACCMODE, O_APPEND, O_DIRECTORY, SEEK_CUR, SEEK_END, SEEK_SET } from "../../uapi/fcntl.ts";
import { isDirectory } from "../../uapi/stat.ts";
import type { DirContext, File, FileOperations } from "../file.ts";
import type { Inode } from "../inode.ts";
import { genericLlseek, seekPosition } from "../libfs.ts";
import { fidOf, infoOf, refresh } from "./inode.ts";
import { sessionOf } from "./super.ts";

/** Pages of files that are not open are dropped from this share of RAM on. */
const CACHE_SHARE = 8;

const openFid = (file: File): number => file.private_data as number;
const clientOf = (file: File) => sessionOf(file.inode.sb).client;

/** Linux: v9fs_file_open(). */
function* open(task: Task, inode: Inode, file: File): Sleep<number> {
  const { client } = sessionOf(inode.sb);
  const info = infoOf(inode);
  let fid = info.created_fid;
  info.created_fid = -1;
  if (fid < 0) {
    const own = yield* finish(fidOf(task, inode));
    if (own < 0) return own;
    fid = client.newFid();
    const cloned = yield* client.walk(task, own, fid, []);
    if (cloned) return cloned;
    const directory = isDirectory(inode.mode) ? O_DIRECTORY : 0;
    const error = yield* client.open(task, fid, (file.f_flags & (O_ACCMODE | O_APPEND)) | directory);
    if (error) {
      client.clunk(fid);
      return error;
    }
  }
  file.private_data = fid;
  info.open_fids.push(fid);
  // Where O_APPEND writes is the size as it is now.
  if (file.f_flags & O_APPEND) yield* refresh(task, inode);
  return 0;
}

function release(file: File): void {
  const fid = openFid(file);
  const { open_fids } = infoOf(file.inode);
  open_fids.splice(open_fids.indexOf(fid), 1);
  clientOf(file).clunk(fid);
}

export const v9fsFileOperations: FileOperations = {
  open,
  release,

  *read(task, file, to, pos): Sleep<number> {
    const client = clientOf(file);
    let done = 0;
    while (to.count > 0) {
      const wanted = Math.min(to.count, client.iounit);
      const count = yield* client.read(task, openFid(file), to, pos + done);
      if (count < 0) return done || count;
      done += count;
      if (count < wanted) break;
    }
    return done;
  },

  *write(task, file, from, pos): Sleep<number> {
    const { inode } = file;
    let done = 0;
    while (from.count > 0) {
      const at = pos + done;
      const keep = (pa: number, count: number) => updatePages(inode, pa, count, at);
      const count = yield* clientOf(file).write(task, openFid(file), from, at, keep);
      if (count <= 0) {
        if (done === 0) return count;
        break;
      }
      done += count;
      inode.size = Math.max(inode.size, pos + done);
    }
    inode.touchModified();
    return done;
  },

  /** Brings the pages of the mapped part in. */
  *mmap(task, file, vma): Sleep<number> {
    // Nothing would write the pages back.
    if (vma.flags & VM_SHARED && vma.flags & VM_MAYWRITE) return -EINVAL;
    const error = yield* loadPages(task, file, vma);
    if (error) return error;
    vma.ops = generic_file_vm_ops;
    return 0;
  },

  *llseek(task, file, offset, whence): Sleep<number> {
    if (whence !== SEEK_SET && whence !== SEEK_CUR) yield* refresh(task, file.inode);
    return genericLlseek(task, file, offset, whence);
  },

  *fsync(task, file, datasync): Sleep<number> {
    return yield* clientOf(file).fsync(task, openFid(file), datasync);
  },
};

export const v9fsDirOperations: FileOperations = {
  open,
  release,
  read: () => -EISDIR,

  *iterate(task: Task, file: File, context: DirContext): Sleep<number> {
    for (;;) {
      const entries = yield* clientOf(file).readdir(task, openFid(file), context.pos);
      if (typeof entries === "number") return entries;
      if (entries.length === 0) return 0;
      for (const { name, qid, type, offset } of entries) {
        if (!context.emit(name, qid.path, type, offset)) return 0;
        context.pos = offset;
      }
    }
  },

  llseek(_task, file, offset, whence): number {
    if (whence === SEEK_END) return -EINVAL;
    return seekPosition(file, offset, whence, 0, Number.MAX_SAFE_INTEGER);
  },

  *fsync(task, file, datasync): Sleep<number> {
    return yield* clientOf(file).fsync(task, openFid(file), datasync);
  },
};

/** Makes pages that are in memory agree with `count` bytes at `pa` that were written at `pos`. */
function updatePages(inode: Inode, pa: number, count: number, pos: number): void {
  const mapping = inode.mapping!;
  if (mapping.nrpages === 0) return;
  const { ram } = inode.sb.kernel.machine;
  for (let at = pos; at < pos + count;) {
    const offset = at % PAGE_SIZE;
    const length = Math.min(PAGE_SIZE - offset, pos + count - at);
    const pfn = mapping.findPage(Math.floor(at / PAGE_SIZE));
    if (pfn >= 0) ram.copy((pfn << PAGE_SHIFT) + offset, pa + (at - pos), length);
    at += length;
  }
}

/** Reads the pages of the file that `vma` shows and that are not in memory. 0 or -errno. */
function* loadPages(task: Task, file: File, vma: VmArea): Sleep<number> {
  const { inode } = file;
  const mapping = inode.mapping!;
  const info = infoOf(inode);
  yield* refresh(task, inode);
  const version = `${inode.mtime.sec}.${inode.mtime.nsec} ${inode.size}`;
  if (version !== info.pages_version && mapping.i_mmap.size === 0) mapping.destroy();
  info.pages_version = version;
  const session = sessionOf(inode.sb);
  session.cached.delete(inode);
  session.cached.add(inode);
  const first = vma.pgoff;
  const end = Math.min(first + vma.nr_pages, Math.ceil(inode.size / PAGE_SIZE));
  const per_read = Math.floor(session.client.iounit / PAGE_SIZE);
  for (let index = first; index < end;) {
    if (mapping.findPage(index) >= 0) {
      index++;
      continue;
    }
    const nr_pages = Math.min(per_read, end - index);
    const error = yield* loadCluster(task, file, index, nr_pages);
    if (error) return error;
    index += nr_pages;
  }
  return 0;
}

function* loadCluster(task: Task, file: File, first: number, nr_pages: number): Sleep<number> {
  const { inode } = file;
  const mapping = inode.mapping!;
  const { kernel } = inode.sb;
  const { ram } = kernel.machine;
  trimCache(inode, nr_pages);
  const pfns: number[] = [];
  for (let n = 0; n < nr_pages; n++) {
    const pfn = kernel.pages.allocZeroedPage();
    if (pfn < 0) {
      for (const each of pfns) kernel.pages.putPage(each);
      return -ENOMEM;
    }
    pfns.push(pfn);
  }
  let done = 0;
  const length = nr_pages * PAGE_SIZE;
  let result = 0;
  while (done < length) {
    const take = (pa: number, count: number) => {
      for (let at = 0; at < count;) {
        const offset = (done + at) % PAGE_SIZE;
        const part = Math.min(PAGE_SIZE - offset, count - at);
        ram.copy((pfns[Math.floor((done + at) / PAGE_SIZE)] << PAGE_SHIFT) + offset, pa + at, part);
        at += part;
      }
    };
    result = yield* clientOf(file).readPages(
      task,
      openFid(file),
      length - done,
      first * PAGE_SIZE + done,
      take,
    );
    if (result <= 0) break;
    done += result;
  }
  for (let n = 0; n < nr_pages; n++) {
    // Someone else may have brought the page in while we waited.
    if (result < 0 || mapping.findPage(first + n) >= 0) kernel.pages.putPage(pfns[n]);
    else mapping.insertPage(first + n, pfns[n]);
  }
  return Math.min(result, 0);
}

/** Keeps the pages of files nobody uses within a share of RAM. */
function trimCache(wanted: Inode, nr_pages: number): void {
  const session = sessionOf(wanted.sb);
  const { pages } = wanted.sb.kernel;
  let total = nr_pages;
  for (const inode of session.cached) total += inode.mapping!.nrpages;
  const limit = Math.floor(pages.totalram_pages / CACHE_SHARE);
  if (total <= limit && pages.nr_available > nr_pages * 2) return;
  for (const inode of session.cached) {
    if (inode === wanted || inode.nr_files > 0) continue;
    total -= inode.mapping!.nrpages;
    inode.mapping!.destroy();
    session.cached.delete(inode);
    if (total <= limit && pages.nr_available > nr_pages * 2) return;
  }
}
