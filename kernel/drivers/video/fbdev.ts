/**
 * /dev/fb0: the linear framebuffer that the setup code switched on (boot_params.screen), for programs that draw
 * themselves: read, write, mmap of the video memory, and its description. tty/fbcon.ts draws the consoles on the same
 * memory. Linux: drivers/video/fbdev/vesafb.c, core/fbmem.c.
 */
import { VIDEO_TYPE_VLFB, type ScreenInfo } from "../../arch/x86/boot_params.ts";
import type { IoMemory } from "../../arch/x86/machine.ts";
import type { FileOperations } from "../../fs/file.ts";
import type { Kernel } from "../../kernel.ts";
import { copyFromUser, copyToUser } from "../../mm/usercopy.ts";
import { VM_DONTDUMP, VM_DONTEXPAND, VM_IO, VM_PFNMAP } from "../../mm/vma.ts";
import { EFAULT, EFBIG, EINVAL, ENOSPC, ENOTTY } from "../../uapi/errno.ts";
import * as F from "../../uapi/fb.ts";
import { SEEK_CUR, SEEK_END, SEEK_SET } from "../../uapi/fcntl.ts";
import { makeDev } from "../../uapi/stat.ts";

const FB_MAJOR = 29;
const NR_FBS = 32;
const VAR_BYTES = 160;
const FIX_BYTES = 80;
const PAGE_SIZE = 4096;
const CHUNK_BYTES = 4096;

export class Framebuffer {
  readonly memory: IoMemory;
  /** Bytes that the picture takes. */
  readonly size_bytes: number;

  constructor(
    readonly kernel: Kernel,
    readonly screen: ScreenInfo,
  ) {
    this.size_bytes = roundUp(screen.lfb_linelength * screen.lfb_height, 0x10000);
    this.memory = kernel.machine.ioremap(screen.lfb_base, this.size_bytes);
  }

  /** struct fb_var_screeninfo. */
  packVar(): Uint8Array {
    const { screen } = this;
    const bytes = new Uint8Array(VAR_BYTES);
    const view = new DataView(bytes.buffer);
    const set = (offset: number, value: number) => view.setUint32(offset, value, true);
    set(0, screen.lfb_width);
    set(4, screen.lfb_height);
    set(8, screen.lfb_width);
    set(12, screen.lfb_height);
    set(24, screen.lfb_depth);
    [screen.red, screen.green, screen.blue, screen.rsvd].forEach((field, i) => {
      set(32 + 12 * i, field.position);
      set(36 + 12 * i, field.size);
    });
    set(88, 0xffffffff); // size in mm: unknown
    set(92, 0xffffffff);
    // As vesafb: a made-up pixel clock of 10 MHz per 1 ms of line, margins in proportion.
    set(100, Math.floor((10_000_000 / screen.lfb_width) * (1000 / screen.lfb_height)));
    set(104, (screen.lfb_width >> 3) & 0xf8);
    set(108, 32);
    set(112, 16);
    set(116, 4);
    set(120, (screen.lfb_width >> 3) & 0xf8);
    set(124, 4);
    set(132, F.FB_VMODE_NONINTERLACED);
    return bytes;
  }

  /** struct fb_fix_screeninfo. */
  packFix(): Uint8Array {
    const { screen } = this;
    const bytes = new Uint8Array(FIX_BYTES);
    const view = new DataView(bytes.buffer);
    for (const [i, c] of [..."VESA VGA"].entries()) bytes[i] = c.charCodeAt(0);
    view.setUint32(16, screen.lfb_base, true);
    view.setUint32(24, this.size_bytes, true);
    view.setUint32(28, F.FB_TYPE_PACKED_PIXELS, true);
    view.setUint32(36, F.FB_VISUAL_TRUECOLOR, true);
    view.setUint32(48, screen.lfb_linelength, true);
    view.setUint32(68, F.FB_ACCEL_NONE, true);
    return bytes;
  }
}

/** The framebuffer of the boot screen; null in text mode. Linux: vesafb_probe(). */
export function probeFramebuffer(kernel: Kernel): Framebuffer | null {
  const { screen } = kernel.boot;
  if (screen.type !== VIDEO_TYPE_VLFB || screen.lfb_depth !== 32) return null;
  const { printk, devices } = kernel;
  const fb = new Framebuffer(kernel, screen);
  const kib = (bytes: number) => `${Math.floor(bytes / 1024)}k`;
  devices.requestMemRegion(screen.lfb_base, screen.lfb_base + fb.size_bytes - 1, "vesafb");
  printk.info(
    `vesafb: mode is ${screen.lfb_width}x${screen.lfb_height}x${screen.lfb_depth}, linelength=${screen.lfb_linelength}, pages=0`,
  );
  printk.info("vesafb: scrolling: redraw");
  const { rsvd, red, green, blue } = screen;
  printk.info(
    `vesafb: Truecolor: size=${rsvd.size}:${red.size}:${green.size}:${blue.size}, ` +
      `shift=${rsvd.position}:${red.position}:${green.position}:${blue.position}`,
  );
  printk.info(
    `vesafb: framebuffer at 0x${screen.lfb_base.toString(16).padStart(8, "0")}, ` +
      `using ${kib(fb.size_bytes)}, total ${kib(screen.lfb_size || fb.size_bytes)}`,
  );
  return fb;
}

/** Registers fb0. Linux: register_framebuffer(). */
export function registerFramebuffer(kernel: Kernel, fb: Framebuffer): void {
  kernel.devices.registerChrdev(FB_MAJOR, 0, NR_FBS, "fb", fbOperations(fb));
  kernel.devices.addNode("fb0", "char", makeDev(FB_MAJOR, 0), 0o660);
  kernel.printk.info("fb0: VESA VGA frame buffer device");
}

function fbOperations(fb: Framebuffer): FileOperations {
  const { memory, size_bytes } = fb;
  return {
    read(_task, _file, to, pos) {
      let done = 0;
      const total = Math.min(to.count, Math.max(0, size_bytes - pos));
      while (done < total) {
        const bytes = new Uint8Array(Math.min(CHUNK_BYTES, total - done));
        for (let i = 0; i < bytes.length; i++) bytes[i] = memory.read8(pos + done + i);
        const copied = to.copyTo(bytes);
        done += copied;
        if (copied < bytes.length) return done || -EFAULT;
      }
      return done;
    },

    /** Beyond the end there is no space: what fits is written, nothing fitting is an error. */
    write(_task, _file, from, pos) {
      if (pos > size_bytes) return -EFBIG;
      const wanted = from.count;
      const total = Math.min(wanted, size_bytes - pos);
      let done = 0;
      while (done < total) {
        const bytes = new Uint8Array(Math.min(CHUNK_BYTES, total - done));
        const copied = from.copyFrom(bytes);
        memory.set(pos + done, copied === bytes.length ? bytes : bytes.subarray(0, copied));
        done += copied;
        if (copied < bytes.length) return done || -EFAULT;
      }
      if (done === 0 && wanted > 0) return wanted > size_bytes ? -EFBIG : -ENOSPC;
      return done;
    },

    llseek(_task, file, offset, whence) {
      const bases: Record<number, number> = { [SEEK_SET]: 0, [SEEK_CUR]: file.f_pos, [SEEK_END]: size_bytes };
      const base = bases[whence];
      if (base === undefined || base + offset < 0) return -EINVAL;
      file.f_pos = base + offset;
      return file.f_pos;
    },

    mmap(_task, _file, vma) {
      const nr_pages = Math.ceil(size_bytes / PAGE_SIZE);
      if (vma.pgoff + (vma.end - vma.start) / PAGE_SIZE > nr_pages) return -EINVAL;
      const first_pfn = fb.screen.lfb_base / PAGE_SIZE;
      vma.flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
      vma.ops = { fault: (_vma, index) => (index < nr_pages ? first_pfn + index : -EINVAL) };
      return 0;
    },

    ioctl(task, _file, cmd, arg) {
      switch (cmd) {
        case F.FBIOGET_VSCREENINFO:
          return copyToUser(task, arg, fb.packVar()) ? -EFAULT : 0;
        case F.FBIOGET_FSCREENINFO:
          return copyToUser(task, arg, fb.packFix()) ? -EFAULT : 0;
        case F.FBIOPUT_VSCREENINFO: {
          // The mode was set at boot and stays: only asking for it again succeeds.
          const bytes = new Uint8Array(VAR_BYTES);
          if (copyFromUser(task, arg, bytes)) return -EFAULT;
          const view = new DataView(bytes.buffer);
          const { lfb_width, lfb_height, lfb_depth } = fb.screen;
          const isSame = [lfb_width, lfb_height, lfb_width, lfb_height, 0, 0, lfb_depth].every(
            (value, i) => view.getUint32(4 * i, true) === value,
          );
          if (!isSame) return -EINVAL;
          return copyToUser(task, arg, fb.packVar()) ? -EFAULT : 0;
        }
        case F.FBIOPAN_DISPLAY: {
          const bytes = new Uint8Array(VAR_BYTES);
          if (copyFromUser(task, arg, bytes)) return -EFAULT;
          const view = new DataView(bytes.buffer);
          return view.getUint32(16, true) || view.getUint32(20, true) ? -EINVAL : 0;
        }
        case F.FBIOBLANK:
        case F.FBIOGETCMAP:
        case F.FBIOPUTCMAP:
          return -EINVAL;
        default:
          return -ENOTTY;
      }
    },
  };
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
