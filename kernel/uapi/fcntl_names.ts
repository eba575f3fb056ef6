/** Names of file-related constants for strace. The values are those of fcntl.ts, mount.ts and poll.ts. */
type Bits = readonly (readonly [number, string])[];

// prettier-ignore
export const AT_NAMES: Bits = [
  [0x100, "AT_SYMLINK_NOFOLLOW"], [0x200, "AT_REMOVEDIR"], [0x400, "AT_SYMLINK_FOLLOW"], [0x800, "AT_NO_AUTOMOUNT"],
  [0x1000, "AT_EMPTY_PATH"], [0x2000, "AT_STATX_FORCE_SYNC"], [0x4000, "AT_STATX_DONT_SYNC"],
];
// prettier-ignore
export const FACCESSAT_NAMES: Bits = [[0x100, "AT_SYMLINK_NOFOLLOW"], [0x200, "AT_EACCESS"], [0x1000, "AT_EMPTY_PATH"]];
// prettier-ignore
export const ACCESS_NAMES: Bits = [[4, "R_OK"], [2, "W_OK"], [1, "X_OK"]];
// prettier-ignore
export const PIPE_NAMES: Bits = [[0o2000000, "O_CLOEXEC"], [0o4000, "O_NONBLOCK"], [0o40000, "O_DIRECT"]];
// prettier-ignore
export const FCNTL_NAMES: Readonly<Record<number, string>> = {
  0: "F_DUPFD", 1: "F_GETFD", 2: "F_SETFD", 3: "F_GETFL", 4: "F_SETFL", 5: "F_GETLK", 6: "F_SETLK", 7: "F_SETLKW", 8: "F_SETOWN",
  9: "F_GETOWN", 10: "F_SETSIG", 11: "F_GETSIG", 15: "F_SETOWN_EX", 16: "F_GETOWN_EX", 36: "F_OFD_GETLK", 37: "F_OFD_SETLK",
  38: "F_OFD_SETLKW", 1024: "F_SETLEASE", 1025: "F_GETLEASE", 1026: "F_NOTIFY", 1027: "F_DUPFD_QUERY", 1030: "F_DUPFD_CLOEXEC",
  1031: "F_SETPIPE_SZ", 1032: "F_GETPIPE_SZ", 1033: "F_ADD_SEALS", 1034: "F_GET_SEALS",
};
// prettier-ignore
export const FLOCK_NAMES: Bits = [[1, "LOCK_SH"], [2, "LOCK_EX"], [8, "LOCK_UN"], [4, "LOCK_NB"]];
// prettier-ignore
export const MOUNT_NAMES: Bits = [
  [1, "MS_RDONLY"], [2, "MS_NOSUID"], [4, "MS_NODEV"], [8, "MS_NOEXEC"], [16, "MS_SYNCHRONOUS"], [32, "MS_REMOUNT"],
  [64, "MS_MANDLOCK"], [128, "MS_DIRSYNC"], [256, "MS_NOSYMFOLLOW"], [1024, "MS_NOATIME"], [2048, "MS_NODIRATIME"],
  [4096, "MS_BIND"], [8192, "MS_MOVE"], [16384, "MS_REC"], [32768, "MS_SILENT"], [1 << 17, "MS_UNBINDABLE"],
  [1 << 18, "MS_PRIVATE"], [1 << 19, "MS_SLAVE"], [1 << 20, "MS_SHARED"], [1 << 21, "MS_RELATIME"], [1 << 24, "MS_STRICTATIME"],
];
// prettier-ignore
export const UMOUNT_NAMES: Bits = [[1, "MNT_FORCE"], [2, "MNT_DETACH"], [4, "MNT_EXPIRE"], [8, "UMOUNT_NOFOLLOW"]];
// prettier-ignore
export const EPOLL_CTL_NAMES: Readonly<Record<number, string>> = { 1: "EPOLL_CTL_ADD", 2: "EPOLL_CTL_DEL", 3: "EPOLL_CTL_MOD" };
// prettier-ignore
export const SPLICE_NAMES: Bits = [[1, "SPLICE_F_MOVE"], [2, "SPLICE_F_NONBLOCK"], [4, "SPLICE_F_MORE"], [8, "SPLICE_F_GIFT"]];
// prettier-ignore
export const RENAME_NAMES: Bits = [[1, "RENAME_NOREPLACE"], [2, "RENAME_EXCHANGE"], [4, "RENAME_WHITEOUT"]];
// prettier-ignore
export const FALLOC_NAMES: Bits = [[1, "FALLOC_FL_KEEP_SIZE"], [2, "FALLOC_FL_PUNCH_HOLE"], [16, "FALLOC_FL_ZERO_RANGE"]];
// prettier-ignore
export const MEMFD_NAMES: Bits = [[1, "MFD_CLOEXEC"], [2, "MFD_ALLOW_SEALING"], [8, "MFD_NOEXEC_SEAL"], [16, "MFD_EXEC"]];
// prettier-ignore
export const GRND_NAMES: Bits = [[1, "GRND_NONBLOCK"], [2, "GRND_RANDOM"], [4, "GRND_INSECURE"]];
