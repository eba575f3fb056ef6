; Stage 2: loads a kernel by the Linux boot protocol and starts it. Uses nothing but BIOS calls: INT 13h/42h to read into
; a buffer below 1 MiB, INT 15h/87h to move it where it belongs.
;
;     08000  boot map, command line, this loader (read by mbr.asm)
;     20000  buffer of one disk read
;     90000  real-mode part of the kernel; its heap and stack end at 9E000
;     9E000  command line
;     100000 protected-mode part
;     ...    initial RAM disk, as high as the kernel and the memory allow
;
; Source: Linux: Documentation/arch/x86/boot.rst.
        bits 16
%include "boot_map.asm"
        org LOADER_ADDRESS

BUFFER          equ 0x2000      ; segment
BUFFER_SECTORS  equ 127         ; more than an EDD call has to take
SETUP           equ 0x9000      ; segment
SETUP_MAX       equ 0xd000      ; bytes of real-mode code that leave a heap
HEAP_END        equ 0xe000
COMMAND_LINE    equ 0xe000      ; in segment SETUP
KERNEL_LOAD     equ 0x100000

; The setup header, offsets in the kernel's first sector.
HDR_SETUP_SECTS equ 0x1f1
HDR_VID_MODE    equ 0x1fa
HDR_BOOT_FLAG   equ 0x1fe
HDR_MAGIC       equ 0x202       ; "HdrS"
HDR_VERSION     equ 0x206
HDR_LOADER      equ 0x210
HDR_LOADFLAGS   equ 0x211
HDR_RAMDISK     equ 0x218
HDR_RAMDISK_SIZE equ 0x21c
HDR_HEAP_END    equ 0x224
HDR_CMD_LINE    equ 0x228
HDR_INITRD_MAX  equ 0x22c       ; 2.03
HDR_CMDLINE_SIZE equ 0x238      ; 2.06
HDR_PREF_ADDRESS equ 0x258      ; 2.10
HDR_INIT_SIZE   equ 0x260       ; 2.10

LOADED_HIGH     equ 0x01
CAN_USE_HEAP    equ 0x80
LOADER_UNKNOWN  equ 0xff

loader:
        cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        sti
        cld
        mov [drive], dl
        mov si, loading_text
        call print
        mov si, no_map_text
        cmp dword [MAP_ADDRESS + MAP_MAGIC], BOOT_MAP_MAGIC
        jne fail

        call load_setup
        call load_kernel
        call load_initrd
        call set_command_line
        call set_video_mode
        mov si, new_line
        call print

; To the real-mode part: DS = ES = SS = its segment, entered 200h bytes behind that.
        cli
        mov ax, SETUP
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov sp, HEAP_END
        jmp SETUP + 0x20:0

; --- The real-mode part ----------------------------------------------------------------------------------------------
load_setup:
        mov eax, [MAP_ADDRESS + MAP_KERNEL_LBA]
        mov cx, 2               ; the header crosses the first sector's end
        mov dx, SETUP
        call read_sectors
        mov ax, SETUP
        mov fs, ax              ; the header from here on
        mov si, not_a_kernel_text
        cmp word [fs:HDR_BOOT_FLAG], 0xaa55
        jne fail
        cmp dword [fs:HDR_MAGIC], 0x53726448
        jne fail
        cmp word [fs:HDR_VERSION], 0x0202
        jb fail
        test byte [fs:HDR_LOADFLAGS], LOADED_HIGH
        jz fail

        movzx cx, byte [fs:HDR_SETUP_SECTS]
        test cx, cx
        jnz .count
        mov cx, 4               ; what 0 means
.count: mov ax, cx
        inc ax
        mov [setup_sectors], ax
        cmp ax, SETUP_MAX / 512
        ja fail
        mov eax, [MAP_ADDRESS + MAP_KERNEL_LBA]
        add eax, 2
        dec cx
        jz .loaded
        mov dx, SETUP + 0x40
        call read_sectors
.loaded:

        mov byte [fs:HDR_LOADER], LOADER_UNKNOWN
        or byte [fs:HDR_LOADFLAGS], CAN_USE_HEAP
        mov word [fs:HDR_HEAP_END], HEAP_END - 0x200
        ret

; --- The protected-mode part -----------------------------------------------------------------------------------------
load_kernel:
        movzx ebx, word [setup_sectors]
        mov eax, [MAP_ADDRESS + MAP_KERNEL_LBA]
        add eax, ebx
        shl ebx, 9
        mov ecx, [MAP_ADDRESS + MAP_KERNEL_BYTES]
        sub ecx, ebx
        mov edx, KERNEL_LOAD
        mov [kernel_end], edx
        add [kernel_end], ecx
        cmp word [fs:HDR_VERSION], 0x020a
        jb .load
        mov ebx, [fs:HDR_PREF_ADDRESS]          ; where it will unpack itself to
        add ebx, [fs:HDR_INIT_SIZE]
        cmp ebx, [kernel_end]
        jbe .load
        mov [kernel_end], ebx
.load:  jmp load_high

; --- The initial RAM disk --------------------------------------------------------------------------------------------
load_initrd:
        mov ecx, [MAP_ADDRESS + MAP_INITRD_BYTES]
        test ecx, ecx
        jz .none
        call place_initrd
        mov [fs:HDR_RAMDISK], edx
        mov [fs:HDR_RAMDISK_SIZE], ecx
        mov eax, [MAP_ADDRESS + MAP_INITRD_LBA]
        jmp load_high
.none:  ret

; The highest place for ECX bytes, in EDX: whole pages in memory, below the kernel's limit, above the kernel.
place_initrd:
        push ecx
        mov dword [initrd_limit], 0x38000000    ; what old kernels can reach
        cmp word [fs:HDR_VERSION], 0x0203
        jb .scan
        mov eax, [fs:HDR_INITRD_MAX]            ; last byte
        inc eax
        jnz .limit
        mov eax, 0xfffff000
.limit: mov [initrd_limit], eax
.scan:  mov dword [initrd_address], 0
        xor ebx, ebx
.entry: mov eax, 0xe820
        mov edx, 0x534d4150
        mov ecx, 20
        mov di, e820_entry
        int 0x15
        jc .done
        cmp eax, 0x534d4150
        jne .done
        cmp dword [e820_entry + 16], 1          ; memory
        jne .next
        cmp dword [e820_entry + 4], 0           ; below 4 GiB
        jne .next
        mov eax, [e820_entry]
        mov edx, eax
        add edx, [e820_entry + 8]               ; end
        jc .cut
        cmp dword [e820_entry + 12], 0
        jne .cut
        cmp edx, [initrd_limit]
        jbe .place
.cut:   mov edx, [initrd_limit]
.place: sub edx, [MAP_ADDRESS + MAP_INITRD_BYTES]
        jc .next
        and edx, ~0xfff
        cmp edx, eax
        jb .next
        cmp edx, [kernel_end]
        jb .next
        cmp edx, [initrd_address]
        jbe .next
        mov [initrd_address], edx
.next:  test ebx, ebx
        jnz .entry
.done:  pop ecx
        mov edx, [initrd_address]
        mov si, no_memory_text
        test edx, edx
        jz fail
        ret

; --- Command line and video mode -------------------------------------------------------------------------------------
set_command_line:
        mov ax, SETUP
        mov es, ax
        mov si, COMMAND_LINE_ADDRESS
        mov di, COMMAND_LINE
        mov ecx, COMMAND_LINE_MAX_BYTES
        cmp word [fs:HDR_VERSION], 0x0206
        jb .old
        cmp ecx, [fs:HDR_CMDLINE_SIZE]
        jbe .copy
        mov ecx, [fs:HDR_CMDLINE_SIZE]
        jmp .copy
.old:   mov cx, 255
.copy:  lodsb
        stosb
        test al, al
        jz .done
        loop .copy
        xor al, al
        stosb
.done:  mov dword [fs:HDR_CMD_LINE], SETUP * 16 + COMMAND_LINE
        push ds
        pop es
        ret

; vga=normal|ext|ask|NUMBER is the loader's to pass on in the header.
set_video_mode:
        mov word [fs:HDR_VID_MODE], 0xffff
        mov si, COMMAND_LINE_ADDRESS
.word:  mov di, vga_option
        mov cx, 4
        repe cmpsb
        je .found
        dec si
.skip:  lodsb                   ; to the next word
        test al, al
        jz .done
        cmp al, ' '
        jne .skip
        jmp .word
.found: mov bx, vga_names
.name:  mov di, [bx]
        test di, di
        jz .number
        mov cx, [bx + 2]
        push si
        repe cmpsb
        pop si
        mov ax, [bx + 4]
        je .store
        add bx, 6
        jmp .name
.number:
        xor bx, bx
        mov cx, 10
        cmp word [si], '0x'
        jne .digit
        mov cl, 16
        add si, 2
.digit: lodsb
        sub al, '0'
        jb .end
        cmp al, 9
        jbe .value
        or al, 0x20
        sub al, 'a' - '0' - 10
        cmp al, 10
        jb .end
.value: cmp al, cl
        jae .end
        cbw
        xchg ax, bx
        mul cx
        add bx, ax
        jmp .digit
.end:   mov ax, bx
.store: mov [fs:HDR_VID_MODE], ax
.done:  ret

vga_option:
        db "vga="
vga_names:
        dw normal_text, 6, 0xffff
        dw ext_text, 3, 0xfffe
        dw ask_text, 3, 0xfffd
        dw 0
normal_text:    db "normal"
ext_text:       db "ext"
ask_text:       db "ask"

; --- Disk and memory -------------------------------------------------------------------------------------------------
; ECX bytes from sector EAX on to linear address EDX.
load_high:
        mov [next_sector], eax
        mov [bytes_left], ecx
        mov [move_to], edx
.chunk: mov ecx, [bytes_left]
        test ecx, ecx
        jz .done
        cmp ecx, BUFFER_SECTORS * 512
        jbe .last
        mov ecx, BUFFER_SECTORS * 512
.last:  push ecx
        add ecx, 511
        shr ecx, 9
        mov eax, [next_sector]
        add [next_sector], ecx
        mov dx, BUFFER
        call read_sectors
        pop ecx
        sub [bytes_left], ecx
        mov eax, [move_to]
        add [move_to], ecx
        call move_up
        inc byte [chunks]
        test byte [chunks], 15  ; a dot for a megabyte
        jnz .chunk
        mov al, '.'
        call print_character
        jmp .chunk
.done:  ret

; CX sectors from sector EAX on to DX:0000.
read_sectors:
        mov [packet_count], cx
        mov [packet_segment], dx
        mov [packet_sector], eax
        mov si, packet
        mov dl, [drive]
        mov ah, 0x42
        int 0x13
        mov si, read_error_text
        jc fail
        ret

; ECX bytes from the buffer to linear address EAX.
move_up:
        mov [descriptor_to + 2], ax
        shr eax, 16
        mov [descriptor_to + 4], al
        mov [descriptor_to + 7], ah
        inc ecx
        shr ecx, 1
        mov si, descriptors
        mov ah, 0x87
        int 0x15
        mov si, move_error_text
        jc fail
        ret

; Prints the string at SI and stops.
fail:   call print
.halt:  hlt
        jmp .halt

print:  lodsb
        test al, al
        jz .done
        call print_character
        jmp print
.done:  ret

print_character:
        mov ah, 0x0e
        mov bx, 0x0007
        int 0x10
        ret

loading_text:           db "Loading ", 0
new_line:               db 13, 10, 0
no_map_text:            db "no boot map", 13, 10, 0
not_a_kernel_text:      db "the kernel is no bzImage", 13, 10, 0
no_memory_text:         db "not enough memory for the initial RAM disk", 13, 10, 0
read_error_text:        db "disk read error", 13, 10, 0
move_error_text:        db "cannot reach memory above 1 MiB", 13, 10, 0

        align 8, db 0
descriptors:                    ; for INT 15h/87h
        dq 0, 0
        dw 0xffff, 0            ; from: the buffer
        db (BUFFER >> 12), 0x93
        dw 0
descriptor_to:
        dw 0xffff, 0
        db 0, 0x93
        dw 0
        dq 0, 0

packet: db 16, 0
packet_count:   dw 0
                dw 0
packet_segment: dw 0
packet_sector:  dq 0

e820_entry:     times 20 db 0
next_sector:    dd 0
bytes_left:     dd 0
move_to:        dd 0
kernel_end:     dd 0
initrd_limit:   dd 0
initrd_address: dd 0
setup_sectors:  dw 0
drive:          db 0
chunks:         db 0
