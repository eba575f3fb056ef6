export const procType = { name: "proc", fs_flags: 0, mount: () => -19 };
