; Time: IRQ 0 counts ticks, INT 1Ah tells and sets the tick count and the clock chip.

TICKS_PER_DAY   equ 0x1800b0

irq_timer:
        push ds
        push ax
        push BDA
        pop ds
        inc dword [BDA_TICKS]
        cmp dword [BDA_TICKS], TICKS_PER_DAY
        jb .hook
        mov dword [BDA_TICKS], 0
        mov byte [BDA_MIDNIGHT], 1
.hook:  int 0x1c                ; for programs to hang on to
        mov al, 0x20
        out PIC1_COMMAND, al
        pop ax
        pop ds
        iret

; The tick count at power-on comes from the clock chip: seconds * 1193182 / 65536.
init_clock:
        mov ah, CMOS_STATUS_B
        call read_cmos
        or al, 0x02             ; 24 hours
        and al, 0x8f            ; no periodic, alarm and update interrupts
        mov bl, al
        mov al, CMOS_STATUS_B
        out CMOS_INDEX, al
        mov al, bl
        out CMOS_DATA, al
        call wait_clock
        mov ah, CMOS_HOURS
        call read_binary
        imul ecx, eax, 3600
        mov ah, CMOS_MINUTES
        call read_binary
        imul eax, eax, 60
        add ecx, eax
        mov ah, CMOS_SECONDS
        call read_binary
        add eax, ecx
        mov ecx, 1193182
        mul ecx
        shrd eax, edx, 16
        mov [BDA_TICKS], eax
        ret

; Waits until the clock chip is not in the middle of an update.
wait_clock:
        push cx
        xor cx, cx
.again: mov ah, CMOS_STATUS_A
        call read_cmos
        test al, 0x80
        loopnz .again
        pop cx
        ret

; Clock register AH as a binary number in EAX, from BCD if the chip counts so.
read_binary:
        call read_cmos
        movzx edx, al
        mov ah, CMOS_STATUS_B
        call read_cmos
        test al, 0x04
        mov eax, edx
        jnz .done
        shr al, 4
        mov ah, 10
        mul ah
        and dl, 15
        add al, dl
        movzx eax, al
.done:  ret

int1a_clock:
        SERVICE
        SUCCEED
        mov si, int1a_calls
        call dispatch
        RETURN

int1a_calls:
        CALL_ROW 0x00, get_ticks
        CALL_ROW 0x01, set_ticks
        CALL_ROW 0x02, get_time
        CALL_ROW 0x03, set_time
        CALL_ROW 0x04, get_date
        CALL_ROW 0x05, set_date
        CALL_END fail_call

get_ticks:
        cli
        mov eax, [BDA_TICKS]
        mov [bp + R_DX], ax
        shr eax, 16
        mov [bp + R_CX], ax
        mov al, [BDA_MIDNIGHT]
        mov [bp + R_AL], al
        mov byte [BDA_MIDNIGHT], 0
        ret

set_ticks:
        cli
        mov ax, [bp + R_CX]
        shl eax, 16
        mov ax, [bp + R_DX]
        mov [BDA_TICKS], eax
        mov byte [BDA_MIDNIGHT], 0
        ret

; CH hours, CL minutes, DH seconds (BCD), DL 1 for daylight saving time.
get_time:
        call wait_clock
        mov ah, CMOS_HOURS
        call read_cmos
        mov [bp + R_CH], al
        mov ah, CMOS_MINUTES
        call read_cmos
        mov [bp + R_CL], al
        mov ah, CMOS_SECONDS
        call read_cmos
        mov [bp + R_DH], al
        mov ah, CMOS_STATUS_B
        call read_cmos
        and al, 1
        mov [bp + R_DL], al
        ret

set_time:
        mov bl, [bp + R_CH]
        mov ah, CMOS_HOURS
        call write_cmos
        mov bl, [bp + R_CL]
        mov ah, CMOS_MINUTES
        call write_cmos
        mov bl, [bp + R_DH]
        mov ah, CMOS_SECONDS
        jmp write_cmos

; CH century, CL year, DH month, DL day (BCD).
get_date:
        call wait_clock
        mov ah, CMOS_CENTURY
        call read_cmos
        mov [bp + R_CH], al
        mov ah, CMOS_YEAR
        call read_cmos
        mov [bp + R_CL], al
        mov ah, CMOS_MONTH
        call read_cmos
        mov [bp + R_DH], al
        mov ah, CMOS_DAY
        call read_cmos
        mov [bp + R_DL], al
        ret

set_date:
        mov bl, [bp + R_CH]
        mov ah, CMOS_CENTURY
        call write_cmos
        mov bl, [bp + R_CL]
        mov ah, CMOS_YEAR
        call write_cmos
        mov bl, [bp + R_DH]
        mov ah, CMOS_MONTH
        call write_cmos
        mov bl, [bp + R_DL]
        mov ah, CMOS_DAY
        jmp write_cmos

; BL into CMOS register AH.
write_cmos:
        mov al, ah
        out CMOS_INDEX, al
        mov al, bl
        out CMOS_DATA, al
        ret

; A function this service does not have.
fail_call:
        FAIL
        ret
