; Where the first sectors of the boot disk lie in memory once the MBR has read them. The fields of the boot map and the
; sector numbers are those of host/build/images.ts.
MAP_ADDRESS             equ 0x8000
COMMAND_LINE_ADDRESS    equ MAP_ADDRESS + (COMMAND_LINE_SECTOR - BOOT_MAP_SECTOR) * 512
LOADER_ADDRESS          equ MAP_ADDRESS + (LOADER_SECTOR - BOOT_MAP_SECTOR) * 512
