; INT 13h: the disks on the primary IDE channel, by polled PIO. Drive 80h is device 0, 81h device 1 (or device 1 alone).
; CHS calls see a translated geometry; EDD calls (41h-48h) count sectors. Source: ATA/ATAPI-6; Phoenix EDD 3.0.

ATA_DATA        equ ATA_BASE
ATA_COUNT       equ ATA_BASE + 2
ATA_LBA_LOW     equ ATA_BASE + 3
ATA_DEVICE      equ ATA_BASE + 6
ATA_STATUS      equ ATA_BASE + 7
ATA_COMMAND     equ ATA_BASE + 7

ATA_ERR         equ 0x01
ATA_DRQ         equ 0x08
ATA_DF          equ 0x20
ATA_DRDY        equ 0x40
ATA_BSY         equ 0x80

CMD_READ        equ 0x20
CMD_READ_EXT    equ 0x24
CMD_WRITE       equ 0x30
CMD_WRITE_EXT   equ 0x34
CMD_FLUSH       equ 0xe7
CMD_IDENTIFY    equ 0xec

DISK_OK         equ 0x00
DISK_BAD_CALL   equ 0x01
DISK_NOT_FOUND  equ 0x04
DISK_FAILED     equ 0x20
DISK_TIMEOUT    equ 0x80
MAX_SECTORS     equ 128         ; of one EDD call: 64 KiB

; Looks for the two devices and fills in the table in the extended data area.
init_disks:
        mov dx, ATA_STATUS
        in al, dx
        cmp al, 0xff            ; nothing on the cable
        je .done
        mov ax, EBDA
        mov es, ax
        mov di, EBDA_DISKS
        mov al, 0xa0
        call identify_disk
        mov al, 0xb0
        call identify_disk
.done:  ret

; Device AL into the next free entry ES:DI, if it is there; then DI moves on.
identify_disk:
        mov [es:di + DISK_SELECT], al
        mov dx, ATA_CONTROL
        push ax
        mov al, 0x0a            ; no interrupts
        out dx, al
        pop ax
        mov dx, ATA_DEVICE
        out dx, al
        mov dx, ATA_STATUS
        in al, dx
        test al, ATA_DRDY       ; an absent device answers 0
        jz .absent
        mov al, CMD_IDENTIFY
        out dx, al
        call wait_data
        jc .absent
        sub sp, 512
        mov si, sp
        push es
        push di
        push ss
        pop es
        mov di, si
        mov dx, ATA_DATA
        mov cx, 256
        rep insw
        pop di
        pop es
        mov eax, [ss:si + 60 * 2]       ; 28-bit capacity
        test word [ss:si + 83 * 2], 0x0400
        jz .total
        mov edx, [ss:si + 100 * 2]      ; 48-bit capacity; the upper half is beyond us
        cmp edx, eax
        jbe .total
        mov eax, edx
.total: add sp, 512
        test eax, eax
        jz .absent
        mov [es:di + DISK_TOTAL], eax
        call disk_geometry
        mov byte [es:di + DISK_PRESENT], 1
        call announce_disk
        inc byte [BDA_NR_DISKS]
        add di, DISK_ENTRY
        ret
.absent:
        mov byte [es:di + DISK_SELECT], 0
        ret

; Heads by size, 63 sectors a track, at most 1024 cylinders: the "LBA-assist" translation.
disk_geometry:
        mov ecx, 16
.heads: imul ebx, ecx, 63 * 1024
        cmp eax, ebx
        jbe .found
        shl cx, 1
        cmp cx, 256
        jb .heads
        mov cx, 255
.found: mov [es:di + DISK_HEADS], cx
        mov word [es:di + DISK_SECTORS], 63
        imul ecx, ecx, 63
        xor edx, edx
        div ecx
        cmp eax, 1024
        jbe .fits
        mov eax, 1024
.fits:  test ax, ax
        jnz .store
        inc ax
.store: mov [es:di + DISK_CYLINDERS], ax
        ret

; "Disk 0: 15360 KiB".
announce_disk:
        mov si, disk_text
        call print
        movzx eax, byte [BDA_NR_DISKS]
        call print_decimal
        mov si, colon_text
        call print
        mov eax, [es:di + DISK_TOTAL]
        shr eax, 1
        call print_decimal
        mov si, kib_text
        jmp print

disk_text:      db "Disk ", 0
colon_text:     db ": ", 0
kib_text:       db " KiB", 13, 10, 0

int13_disk:
        SERVICE
        sti
        mov dl, [bp + R_DL]
        sub dl, 0x80
        cmp dl, [BDA_NR_DISKS]
        jae .no_disk
        mov ax, EBDA
        mov es, ax
        movzx di, dl
        imul di, di, DISK_ENTRY
        add di, EBDA_DISKS      ; ES:DI: the disk, for all handlers
        mov ax, [bp + R_AX]
        mov si, int13_calls
        call dispatch           ; AL: status
.status:
        mov [BDA_DISK_STATUS], al
.return:
        mov [bp + R_AH], al
        and byte [bp + R_FLAGS], 0xfe
        test al, al
        jz .done
        or byte [bp + R_FLAGS], 1
.done:  RETURN
.no_disk:
        mov al, DISK_BAD_CALL
        cmp byte [bp + R_AH], 0x15
        jne .status
        mov byte [bp + R_AH], 0 ; "no such drive" is an answer
        FAIL
        RETURN

int13_calls:
        CALL_ROW 0x00, disk_ok          ; reset
        CALL_ROW 0x01, disk_status
        CALL_ROW 0x02, disk_read
        CALL_ROW 0x03, disk_write
        CALL_ROW 0x04, disk_verify
        CALL_ROW 0x08, disk_parameters
        CALL_ROW 0x09, disk_ok          ; initialize, seek, recalibrate: nothing to do
        CALL_ROW 0x0c, disk_ok
        CALL_ROW 0x0d, disk_ok
        CALL_ROW 0x10, disk_ok
        CALL_ROW 0x11, disk_ok
        CALL_ROW 0x15, disk_type
        CALL_ROW 0x41, edd_present
        CALL_ROW 0x42, edd_read
        CALL_ROW 0x43, edd_write
        CALL_ROW 0x44, edd_verify
        CALL_ROW 0x47, disk_ok          ; seek
        CALL_ROW 0x48, edd_parameters
        CALL_END disk_bad_call

disk_ok:
        mov al, DISK_OK
        ret

disk_bad_call:
        mov al, DISK_BAD_CALL
        ret

disk_status:
        mov al, [BDA_DISK_STATUS]
        mov [bp + R_AL], al
        mov al, DISK_OK
        ret

; AL sectors from cylinder CH and CL[7:6], sector CL[5:0], head DH to ES:BX.
disk_read:
        mov bl, CMD_READ
        jmp chs_transfer
disk_write:
        mov bl, CMD_WRITE
chs_transfer:
        call chs_range
        jc .failed
        mov dx, [bp + R_ES]
        mov si, [bp + R_BX]
        call transfer
        mov [bp + R_AL], cl     ; sectors done
.failed:
        ret

disk_verify:
        call chs_range
        jc .failed
        mov al, DISK_OK
.failed:
        ret

; Sector number in EAX, count in CX from the caller's CHS registers; CF=1: wrong, status in AL.
chs_range:
        movzx ecx, byte [bp + R_CH]
        movzx eax, byte [bp + R_CL]
        shl ax, 2
        mov ch, ah              ; cylinder
        cmp cx, [es:di + DISK_CYLINDERS]
        jae .bad
        movzx eax, word [es:di + DISK_HEADS]
        movzx edx, byte [bp + R_DH]
        cmp dx, ax
        jae .bad
        imul eax, ecx
        add eax, edx
        movzx ecx, word [es:di + DISK_SECTORS]
        imul eax, ecx
        movzx ecx, byte [bp + R_CL]
        and cl, 63
        jz .bad
        dec cx
        add eax, ecx
        movzx ecx, byte [bp + R_AL]
        test cl, cl
        jz .bad
        jmp in_range
.bad:   mov al, DISK_BAD_CALL
        stc
        ret

; CF=1 and status in AL unless sectors EAX .. EAX + CX - 1 are on the disk.
in_range:
        mov edx, eax
        add edx, ecx
        jc .bad
        cmp edx, [es:di + DISK_TOTAL]
        ja .bad
        clc
        ret
.bad:   mov al, DISK_NOT_FOUND
        stc
        ret

disk_parameters:
        mov ax, [es:di + DISK_CYLINDERS]
        dec ax                  ; highest number
        mov [bp + R_CH], al
        shl ah, 6
        or ah, [es:di + DISK_SECTORS]
        mov [bp + R_CL], ah
        mov ax, [es:di + DISK_HEADS]
        dec ax
        mov [bp + R_DH], al
        mov al, [BDA_NR_DISKS]
        mov [bp + R_DL], al
        mov al, DISK_OK
        ret

; AH=15: AH=3 fixed disk, CX:DX sectors. The status in AH is the answer here.
disk_type:
        mov eax, [es:di + DISK_TOTAL]
        mov [bp + R_DX], ax
        shr eax, 16
        mov [bp + R_CX], ax
        mov byte [bp + R_AH], 3
        SUCCEED
        mov byte [BDA_DISK_STATUS], DISK_OK
        RETURN

; --- EDD -------------------------------------------------------------------------------------------------------------
edd_present:
        cmp word [bp + R_BX], 0x55aa
        jne disk_bad_call
        mov word [bp + R_BX], 0xaa55
        mov word [bp + R_CX], 0x0001    ; fixed disk access functions
        mov byte [bp + R_AH], 0x30      ; EDD 3.0
        SUCCEED
        mov byte [BDA_DISK_STATUS], DISK_OK
        RETURN

; DS:SI: packet: size, 0, count u16, buffer offset and segment, sector u64.
edd_read:
        mov bl, CMD_READ
        jmp edd_transfer
edd_write:
        mov bl, CMD_WRITE
edd_transfer:
        call edd_range
        jc .failed
        push ds
        push si
        mov ds, [bp + R_DS]
        mov si, [bp + R_SI]
        mov dx, [si + 6]
        mov si, [si + 4]
        pop cx                  ; count, kept by edd_range in SI
        pop ds
        call transfer
        push ds
        mov ds, [bp + R_DS]
        mov si, [bp + R_SI]
        mov [si + 2], cx        ; sectors done
        pop ds
.failed:
        ret

edd_verify:
        call edd_range
        jc .failed
        mov al, DISK_OK
.failed:
        ret

; Sector number in EAX, count in ECX and SI from the caller's packet; CF=1: wrong, status in AL.
edd_range:
        push ds
        mov ds, [bp + R_DS]
        mov si, [bp + R_SI]
        cmp byte [si], 16
        jb .bad
        movzx ecx, word [si + 2]
        test cx, cx
        jz .bad
        cmp cx, MAX_SECTORS
        ja .bad
        mov eax, [si + 8]
        cmp dword [si + 12], 0
        jne .bad
        mov si, cx
        pop ds
        jmp in_range
.bad:   pop ds
        mov al, DISK_BAD_CALL
        stc
        ret

; AH=48: drive parameters to DS:SI, 26 bytes.
edd_parameters:
        mov eax, [es:di + DISK_TOTAL]
        mov bx, [es:di + DISK_CYLINDERS]
        mov cx, [es:di + DISK_HEADS]
        mov dx, [es:di + DISK_SECTORS]
        push ds
        mov ds, [bp + R_DS]
        mov si, [bp + R_SI]
        cmp word [si], 26
        jb .bad
        mov word [si], 26
        mov word [si + 2], 0x0002       ; the geometry is valid
        movzx ebx, bx
        mov [si + 4], ebx
        movzx ecx, cx
        mov [si + 8], ecx
        movzx edx, dx
        mov [si + 12], edx
        mov [si + 16], eax
        mov dword [si + 20], 0
        mov word [si + 24], 512
        pop ds
        mov al, DISK_OK
        ret
.bad:   pop ds
        mov al, DISK_BAD_CALL
        ret

; --- The controller --------------------------------------------------------------------------------------------------
; Moves CX sectors (1-255) from EAX on between the disk and DX:SI; BL: CMD_READ or CMD_WRITE. Gives status in AL and the
; sectors done in CX.
transfer:
        push ds
        push es
        push di
        mov bh, [es:di + DISK_SELECT]
        mov di, si
        and di, 15              ; as little offset as can be: 64 KiB fit into the segment
        shr si, 4
        add si, dx
        mov es, si
        push cx
        mov edx, eax
        add edx, ecx
        cmp edx, 0x10000000
        push ax
        mov dx, ATA_CONTROL
        mov al, 0x0a            ; no interrupts
        out dx, al
        pop ax
        jae .lba48

        mov edx, eax
        shr edx, 24
        or dl, bh
        or dl, 0x40             ; LBA
        mov bh, dl
        call select_disk
        jc .stop
        call send_range
        mov al, bl
        jmp .start
.lba48: push ax
        or bh, 0x40
        call select_disk
        pop ax
        jc .stop
        call send_range_48
        mov al, bl
        add al, CMD_READ_EXT - CMD_READ
.start: mov dx, ATA_COMMAND
        out dx, al
        mov si, di
        push es
        pop ds                  ; OUTS takes DS:SI
.sector:
        call wait_data
        jc .stop
        push cx
        mov dx, ATA_DATA
        mov cx, 128
        cmp bl, CMD_WRITE
        je .out
        rep insd
        jmp .moved
.out:   rep outsd
.moved: pop cx
        loop .sector
        cmp bl, CMD_WRITE
        je .flush
        call wait_idle
        jmp .stop
.flush: call wait_idle
        jc .stop
        mov dx, ATA_COMMAND
        mov al, CMD_FLUSH
        out dx, al
        call wait_idle

; AL: status.
.stop:  push ax
        mov dx, ATA_STATUS
        in al, dx               ; withdraws the interrupt
        mov dx, ATA_CONTROL
        mov al, 0x08
        out dx, al
        pop dx                  ; DL: status
        pop ax                  ; sectors wanted
        sub ax, cx
        mov cx, ax
        mov al, dl
        pop di
        pop es
        pop ds
        ret

; Device register BH; waits until the device is ready for a command. CF=1: it is not.
select_disk:
        push eax
        mov dx, ATA_DEVICE
        mov al, bh
        out dx, al
        call wait_idle
        pop edx
        jc .failed
        mov eax, edx
.failed:
        ret

; Sector EAX, count CL.
send_range:
        push eax
        mov dx, ATA_COUNT
        mov al, cl
        out dx, al
        pop eax
        push cx
        mov cx, 3
.byte:  inc dx                  ; LBA low, mid, high
        out dx, al
        shr eax, 8
        loop .byte
        pop cx
        ret

; The high bytes first.
send_range_48:
        push eax
        push cx
        shr eax, 24
        xor cx, cx
        call send_range
        pop cx
        pop eax
        jmp send_range

; Wait until the device is not busy; CF=1 with the BIOS's status in AL on an error.
wait_idle:
        call wait_not_busy
        jc .done
        test al, ATA_ERR | ATA_DF
        jnz disk_error
        mov al, DISK_OK
.done:  ret

; The same, and until it wants to move data.
wait_data:
        call wait_not_busy
        jc .done
        test al, ATA_ERR | ATA_DF
        jnz disk_error
        test al, ATA_DRQ
        jz wait_data
        mov al, DISK_OK
.done:  ret

disk_error:
        mov al, DISK_FAILED
        stc
        ret

wait_not_busy:
        push ecx
        mov dx, ATA_CONTROL
        in al, dx               ; 400 ns for the status to become true
        in al, dx
        mov ecx, 0x4000000
        mov dx, ATA_STATUS
.again: in al, dx
        test al, ATA_BSY
        jz .ready
        a32 loop .again
        mov al, DISK_TIMEOUT
        pop ecx
        stc
        ret
.ready: pop ecx
        clc
        ret
