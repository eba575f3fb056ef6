/**
 * Everything between the reset vector and startKernel(), assembled: the images that host/build/main.ts writes to dist/images/.
 */
import { buildBootCode, buildFirmware } from "./firmware.ts";
import type { MachineImages } from "./images.ts";
import { buildKernelImage } from "./kernel_image.ts";

/** Assembles all images from the sources below `root`, the repository. Throws AssemblyError. */
export function buildMachineImages(root: string): MachineImages {
  const { bzImage, symbols } = buildKernelImage(root);
  return { firmware: buildFirmware(root), ...buildBootCode(root), kernel: bzImage, symbols };
}
