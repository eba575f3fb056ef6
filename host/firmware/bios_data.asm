; Where things are: I/O ports, the BIOS data area at 40:00, the extended one below 640 KiB, and the register frame that
; every service works on.

; --- I/O ports -------------------------------------------------------------------------------------------------------
PIC1_COMMAND    equ 0x20
PIC1_DATA       equ 0x21
PIT_CHANNEL0    equ 0x40
PIT_CHANNEL1    equ 0x41
PIT_CHANNEL2    equ 0x42
PIT_CONTROL     equ 0x43
KBC_DATA        equ 0x60
PORT_B          equ 0x61
KBC_STATUS      equ 0x64        ; read; writes are commands
KBC_COMMAND     equ 0x64
CMOS_INDEX      equ 0x70
CMOS_DATA       equ 0x71
POST_CODE       equ 0x80
PORT_92         equ 0x92        ; bit 1: A20 gate, bit 0: fast reset
PIC2_COMMAND    equ 0xa0
PIC2_DATA       equ 0xa1
ATA_BASE        equ 0x1f0
ATA_CONTROL     equ 0x3f6
VBE_INDEX       equ 0x1ce
VBE_DATA        equ 0x1cf

; --- CMOS registers --------------------------------------------------------------------------------------------------
CMOS_SECONDS    equ 0x00
CMOS_MINUTES    equ 0x02
CMOS_HOURS      equ 0x04
CMOS_DAY        equ 0x07
CMOS_MONTH      equ 0x08
CMOS_YEAR       equ 0x09
CMOS_STATUS_A   equ 0x0a
CMOS_STATUS_B   equ 0x0b
CMOS_SHUTDOWN   equ 0x0f        ; what to do after a reset
CMOS_EXTENDED   equ 0x30        ; u16: KiB above 1 MiB, at most 63 MiB
CMOS_CENTURY    equ 0x32
CMOS_HIGH       equ 0x34        ; u16: 64 KiB blocks above 16 MiB

; --- BIOS data area, segment 40h -------------------------------------------------------------------------------------
BDA             equ 0x40
BDA_COM         equ 0x00        ; 4 x u16: ports of COM1-COM4
BDA_LPT         equ 0x08        ; 3 x u16
BDA_EBDA        equ 0x0e        ; u16: segment of the extended data area
BDA_EQUIPMENT   equ 0x10        ; u16: INT 11h
BDA_MEMORY      equ 0x13        ; u16: KiB below 640 KiB, INT 12h
BDA_KEY_FLAGS   equ 0x17        ; u8: shift keys and locks
BDA_KEY_FLAGS2  equ 0x18        ; u8: left Ctrl and Alt, keys held down
BDA_KEY_ALT     equ 0x19        ; u8: character typed on the keypad with Alt
BDA_KEY_HEAD    equ 0x1a        ; u16: offset of the next key to take
BDA_KEY_TAIL    equ 0x1c        ; u16: offset of the next free place
BDA_KEY_BUFFER  equ 0x1e        ; 16 x u16
BDA_VIDEO_MODE  equ 0x49        ; u8
BDA_COLUMNS     equ 0x4a        ; u16
BDA_PAGE_SIZE   equ 0x4c        ; u16
BDA_PAGE_START  equ 0x4e        ; u16
BDA_CURSOR      equ 0x50        ; 8 x (column u8, row u8)
BDA_CURSOR_TYPE equ 0x60        ; u16: last line, first line
BDA_PAGE        equ 0x62        ; u8
BDA_CRTC        equ 0x63        ; u16: 3d4
BDA_RESET_FLAG  equ 0x72        ; u16: 1234: warm boot
BDA_TICKS       equ 0x6c        ; u32: since midnight, 18.2 a second
BDA_MIDNIGHT    equ 0x70        ; u8
BDA_DISK_STATUS equ 0x74        ; u8
BDA_NR_DISKS    equ 0x75        ; u8
BDA_KEY_START   equ 0x80        ; u16
BDA_KEY_END     equ 0x82        ; u16
BDA_ROWS        equ 0x84        ; u8: rows - 1
BDA_CHAR_HEIGHT equ 0x85        ; u16
BDA_VIDEO_CTL   equ 0x87        ; u8
BDA_KEY_MODE    equ 0x96        ; u8: enhanced keyboard, right Ctrl and Alt, E0 seen

; --- Extended BIOS data area: 1 KiB below 640 KiB --------------------------------------------------------------------
EBDA            equ 0x9fc0
EBDA_SIZE       equ 0x00        ; u8: KiB
EBDA_VBE_MODE   equ 0x10        ; u16: current VBE mode, 0: none
EBDA_DISKS      equ 0x20        ; 2 x DISK_ENTRY
LOW_MEMORY_KIB  equ 639

DISK_SELECT     equ 0           ; u8: device register bits
DISK_PRESENT    equ 1           ; u8
DISK_HEADS      equ 2           ; u16: translated geometry
DISK_SECTORS    equ 4           ; u16: in a track
DISK_CYLINDERS  equ 6           ; u16
DISK_TOTAL      equ 8           ; u32: sectors
DISK_ENTRY      equ 16

BOOT_SECTOR     equ 0x7c00
POST_STACK      equ 0x7c00      ; grows down from the boot sector's place

; --- The frame of a service ------------------------------------------------------------------------------------------
; SERVICE saves all registers and points SS:BP at them; DS is the data area. What the caller shall get is stored in the
; frame. RETURN restores.
R_EDI           equ 0
R_ESI           equ 4
R_EBP           equ 8
R_EBX           equ 16
R_EDX           equ 20
R_ECX           equ 24
R_EAX           equ 28
R_ES            equ 32
R_DS            equ 34
R_FLAGS         equ 40
R_BX            equ R_EBX
R_BL            equ R_EBX
R_BH            equ R_EBX + 1
R_CX            equ R_ECX
R_CL            equ R_ECX
R_CH            equ R_ECX + 1
R_DX            equ R_EDX
R_DL            equ R_EDX
R_DH            equ R_EDX + 1
R_AX            equ R_EAX
R_AL            equ R_EAX
R_AH            equ R_EAX + 1
R_SI            equ R_ESI
R_DI            equ R_EDI

%macro SERVICE 0
        push ds
        push es
        pushad
        mov bp, sp
        cld
        push BDA
        pop ds
%endmacro

%macro RETURN 0
        mov sp, bp
        popad
        pop es
        pop ds
        iret
%endmacro

; The carry flag of the caller.
%macro SUCCEED 0
        and byte [bp + R_FLAGS], 0xfe
%endmacro
%macro FAIL 0
        or byte [bp + R_FLAGS], 1
%endmacro

; One row of a service's table: function number in AH, handler.
%macro CALL_ROW 2
        db %1
        dw %2
%endmacro
%macro CALL_END 1
        db 0xff                 ; no service uses function FFh
        dw %1
%endmacro

; Jumps to the handler of function AH; SI: the table in the ROM. The handler ends with `ret`.
dispatch:
.next:  cs lodsb
        cmp al, 0xff
        je .found
        cmp al, ah
        je .found
        add si, 2
        jmp .next
.found: mov al, [bp + R_AL]
        jmp [cs:si]
