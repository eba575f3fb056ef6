/** File types, mode bits, statx masks. Linux: include/uapi/linux/stat.h; man 7 inode, man 2 statx. */
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;
export const S_ISUID = 0o004000;
export const S_ISGID = 0o002000;
export const S_ISVTX = 0o001000;
export const S_IRWXU = 0o700;
export const S_IRUSR = 0o400;
export const S_IWUSR = 0o200;
export const S_IXUSR = 0o100;
export const S_IRWXG = 0o070;
export const S_IXGRP = 0o010;
export const S_IRWXO = 0o007;
export const S_IALLUGO = 0o7777;
export const S_IRWXUGO = 0o777;
export const S_IRUGO = 0o444;
export const S_IWUGO = 0o222;
export const S_IXUGO = 0o111;

export const isRegular = (mode: number): boolean => (mode & S_IFMT) === S_IFREG;
export const isDirectory = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR;
export const isSymlink = (mode: number): boolean => (mode & S_IFMT) === S_IFLNK;
export const isFifo = (mode: number): boolean => (mode & S_IFMT) === S_IFIFO;
export const isCharDevice = (mode: number): boolean => (mode & S_IFMT) === S_IFCHR;
export const isBlockDevice = (mode: number): boolean => (mode & S_IFMT) === S_IFBLK;
export const isSocket = (mode: number): boolean => (mode & S_IFMT) === S_IFSOCK;

/** d_type of getdents64: the file type bits of a mode. */
export const modeToDtype = (mode: number): number => (mode & S_IFMT) >> 12;
export const DT_UNKNOWN = 0;
export const DT_FIFO = 1;
export const DT_CHR = 2;
export const DT_DIR = 4;
export const DT_BLK = 6;
export const DT_REG = 8;
export const DT_LNK = 10;
export const DT_SOCK = 12;

export const STATX_TYPE = 0x0001;
export const STATX_MODE = 0x0002;
export const STATX_NLINK = 0x0004;
export const STATX_UID = 0x0008;
export const STATX_GID = 0x0010;
export const STATX_ATIME = 0x0020;
export const STATX_MTIME = 0x0040;
export const STATX_CTIME = 0x0080;
export const STATX_INO = 0x0100;
export const STATX_SIZE = 0x0200;
export const STATX_BLOCKS = 0x0400;
export const STATX_BASIC_STATS = 0x07ff;
export const STATX_BTIME = 0x0800;
export const STATX_MNT_ID = 0x1000;
export const STATX__RESERVED = 0x80000000;
export const STATX_ATTR_APPEND = 0x20;
export const STATX_ATTR_IMMUTABLE = 0x10;
export const STATX_ATTR_MOUNT_ROOT = 0x2000;

export const UTIME_NOW = 0x3fffffff;
export const UTIME_OMIT = 0x3ffffffe;

/** Device numbers, as programs see them in st_rdev: major in bits 8-19, minor in bits 0-7 and 20-31. Linux: new_encode_dev(). */
export function makeDev(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}
export const majorOf = (dev: number): number => (dev >>> 8) & 0xfff;
export const minorOf = (dev: number): number => (dev & 0xff) | ((dev >>> 12) & 0xfff00);
/** The kernel keeps device numbers as programs see them. */
export const encodeDev = (dev: number): number => dev;
