; INT 10h AH=4F, the VESA BIOS extensions: linear framebuffer modes of 32 bits a pixel on a Bochs display adapter, whose
; registers are behind an index port and a data port. Source: VBE Core Functions 2.0; Bochs: VBE Display Interface (dispi).

FRAMEBUFFER     equ 0xe0000000
VIDEO_BLOCKS    equ 256         ; 64 KiB each: 16 MiB

DISPI_ID        equ 0
DISPI_XRES      equ 1
DISPI_YRES      equ 2
DISPI_BPP       equ 3
DISPI_ENABLE    equ 4           ; bit 0: on, bit 6: linear framebuffer, bit 7: keep the contents
DISPI_BANK      equ 5
DISPI_VIRT_WIDTH equ 6
DISPI_X_OFFSET  equ 8
DISPI_Y_OFFSET  equ 9

VBE_OK          equ 0x004f
VBE_FAILED      equ 0x014f
VBE_LINEAR      equ 0x4000      ; bits of a mode number
VBE_KEEP        equ 0x8000

; AL: function.
vbe_call:
        push ax
        call vbe_present
        pop ax
        jne .absent
        mov word [bp + R_AX], VBE_OK
        cmp al, 0x00
        je vbe_info
        cmp al, 0x01
        je vbe_mode_info
        cmp al, 0x02
        je vbe_set_mode
        cmp al, 0x03
        je vbe_get_mode
.absent:
        mov word [bp + R_AX], 0x0100    ; AL other than 4F: not supported
        ret

vbe_fail:
        mov word [bp + R_AX], VBE_FAILED
        ret

; ZF=1: there is a Bochs adapter.
vbe_present:
        mov ax, DISPI_ID
        call dispi_read
        and al, 0xf0
        cmp ax, 0xb0c0
        ret

; Register AX in AX.
dispi_read:
        push dx
        mov dx, VBE_INDEX
        out dx, ax
        mov dx, VBE_DATA
        in ax, dx
        pop dx
        ret

; BX into register AX.
dispi_write:
        push dx
        mov dx, VBE_INDEX
        out dx, ax
        mov dx, VBE_DATA
        mov ax, bx
        out dx, ax
        pop dx
        ret

; Back to what the VGA registers say.
vbe_off:
        push es
        mov ax, EBDA
        mov es, ax
        mov word [es:EBDA_VBE_MODE], 0
        call vbe_present
        jne .done
        mov ax, DISPI_ENABLE
        xor bx, bx
        call dispi_write
.done:  pop es
        ret

; Number, width, height. The numbers are those of Bochs' VGA BIOS for 32 bits a pixel.
%macro MODE 3
        dw %1, %2, %3
%endmacro
vbe_modes:
        MODE 0x142, 640, 480
        MODE 0x143, 800, 600
        MODE 0x144, 1024, 768
        MODE 0x145, 1280, 1024
        MODE 0x18f, 1280, 720
        dw 0xffff
vbe_mode_list:
        dw 0x142, 0x143, 0x144, 0x145, 0x18f, 0xffff

; SI: row of vbe_modes for the mode in BX; CF=1: there is none.
find_vbe_mode:
        and bx, 0x01ff
        mov si, vbe_modes
.next:  cmp word [cs:si], 0xffff
        je .none
        cmp [cs:si], bx
        je .found
        add si, 6
        jmp .next
.none:  stc
.found: ret                     ; CF=0 from the comparison

; 4F00: controller information to ES:DI; 512 bytes if the caller wrote "VBE2" there, else 256.
vbe_info:
        mov es, [bp + R_ES]
        mov di, [bp + R_DI]
        cmp dword [es:di], 0x32454256
        pushf
        push di
        mov cx, 256 / 2
        xor ax, ax
        rep stosw
        pop di
        mov dword [es:di], 0x41534556           ; "VESA"
        mov word [es:di + 4], 0x0200
        mov word [es:di + 6], vbe_name
        mov word [es:di + 8], 0xf000
        mov word [es:di + 14], vbe_mode_list
        mov word [es:di + 16], 0xf000
        mov word [es:di + 18], VIDEO_BLOCKS
        popf
        jne .done
        mov word [es:di + 20], 0x0001           ; software revision
        mov word [es:di + 22], vbe_name
        mov word [es:di + 24], 0xf000
        mov word [es:di + 26], vbe_name
        mov word [es:di + 28], 0xf000
        mov word [es:di + 30], vbe_revision
        mov word [es:di + 32], 0xf000
.done:  ret

vbe_name:
        db "Vitrine display", 0
vbe_revision:
        db "1", 0

; 4F01: information about mode CX to ES:DI.
vbe_mode_info:
        mov bx, [bp + R_CX]
        call find_vbe_mode
        jc vbe_fail
        mov es, [bp + R_ES]
        mov di, [bp + R_DI]
        push di
        push si
        mov cx, 256 / 2
        xor ax, ax
        rep stosw
        pop si
        pop di
        mov word [es:di], 0x009b        ; supported, information complete, colour, graphics, linear framebuffer
        mov word [es:di + 4], 64        ; window granularity and size, KiB
        mov word [es:di + 6], 64
        mov word [es:di + 8], 0xa000
        mov ax, [cs:si + 2]
        mov [es:di + 18], ax
        shl ax, 2
        mov [es:di + 16], ax            ; bytes in a line
        mov [es:di + 50], ax            ; the same with the linear framebuffer
        mov ax, [cs:si + 4]
        mov [es:di + 20], ax
        mov word [es:di + 22], 0x1008   ; a character is 8 x 16
        mov byte [es:di + 24], 1        ; planes
        mov byte [es:di + 25], 32       ; bits a pixel
        mov byte [es:di + 26], 1        ; banks
        mov byte [es:di + 27], 6        ; direct colour
        mov byte [es:di + 30], 1
        mov word [es:di + 31], 0x1008   ; red: size 8, position 16
        mov word [es:di + 33], 0x0808   ; green
        mov word [es:di + 35], 0x0008   ; blue
        mov word [es:di + 37], 0x1808   ; unused
        mov byte [es:di + 39], 0x02     ; the unused bits are free for programs
        mov word [es:di + 54], 0x1008   ; the same again for the linear framebuffer
        mov word [es:di + 56], 0x0808
        mov word [es:di + 58], 0x0008
        mov word [es:di + 60], 0x1808
        mov dword [es:di + 40], FRAMEBUFFER
        ret

; 4F02: sets mode BX.
vbe_set_mode:
        mov bx, [bp + R_BX]
        test bx, 0x0100
        jz .text
        test bx, VBE_LINEAR             ; there are no banks
        jz vbe_fail
        call find_vbe_mode
        jc vbe_fail
        mov ax, DISPI_ENABLE
        xor bx, bx
        call dispi_write
        mov ax, DISPI_XRES
        mov bx, [cs:si + 2]
        call dispi_write
        mov ax, DISPI_YRES
        mov bx, [cs:si + 4]
        call dispi_write
        mov ax, DISPI_BPP
        mov bx, 32
        call dispi_write
        mov ax, DISPI_ENABLE
        mov bx, 0x0041
        test word [bp + R_BX], VBE_KEEP
        jz .enable
        or bl, 0x80
.enable:
        call dispi_write
        mov ax, EBDA
        mov es, ax
        mov ax, [bp + R_BX]
        and ax, 0x41ff
        mov [es:EBDA_VBE_MODE], ax
        mov byte [BDA_VIDEO_MODE], 0x7f ; none of the old ones: text functions stay away
        ret
.text:  mov al, bl
        test bx, VBE_KEEP
        jz .set
        or al, 0x80
.set:   cmp bx, 3
        ja .check
.go:    call set_mode
        mov word [bp + R_AX], VBE_OK
        ret
.check: cmp bx, VBE_KEEP | 3
        je .go
        jmp vbe_fail

; 4F03: the current mode in BX.
vbe_get_mode:
        mov ax, EBDA
        mov es, ax
        mov ax, [es:EBDA_VBE_MODE]
        test ax, ax
        jnz .done
        movzx ax, byte [BDA_VIDEO_MODE]
.done:  mov [bp + R_BX], ax
        ret
