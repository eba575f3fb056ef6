; Output on COM1, polled. 32-bit code, also called in compatibility mode. Every routine keeps all registers and flags.
COM1            equ 0x3f8

%macro puts 1                   ; a string
        call put_inline
        db %1, 0
%endmacro
%macro putc 1                   ; a character
        push dword %1
        call put_char
%endmacro
%macro putx 2                   ; how many hexadecimal digits, of what
        push dword %2
        call put_hex%1
%endmacro

        bits 32
serial_init:
        mov esi, .table
        mov ecx, 6
.next:  movzx edx, word [esi]
        mov al, [esi + 2]
        out dx, al
        add esi, 3
        loop .next
        ret
.table: dw COM1 + 3
        db 0x80                 ; divisor latch
        dw COM1
        db 1                    ; 115200 baud
        dw COM1 + 1
        db 0
        dw COM1 + 3
        db 3                    ; 8 data bits, no parity
        dw COM1 + 1
        db 0                    ; no interrupts
        dw COM1 + 4
        db 3

serial_drain:
        pushad
        mov dx, COM1 + 5
.wait:  in al, dx
        test al, 0x40           ; transmitter empty
        jz .wait
        popad
        ret

; AL.
put_al: pushfd
        pushad
        mov ah, al
        mov dx, COM1 + 5
.wait:  in al, dx
        test al, 0x20           ; holding register empty
        jz .wait
        mov al, ah
        mov dx, COM1
        out dx, al
        popad
        popfd
        ret

; The low byte of the dword on the stack, which it removes.
put_char:
        push eax
        mov eax, [esp + 8]
        call put_al
        pop eax
        ret 4

; The string behind the call.
put_inline:
        xchg esi, [esp]
        call put_string
        xchg esi, [esp]
        ret

; The string at ESI; ESI ends behind its NUL.
put_string:
        push eax
        pushfd
        cld
.next:  lodsb
        cmp al, 0
        je .done
        call put_al
        jmp .next
.done:  popfd
        pop eax
        ret

; The dword on the stack, which they remove, in N digits.
%macro define_put_hex 1
put_hex%1:
        pushfd
        pushad
        mov ebx, [esp + 40]
        mov ecx, %1
        call put_digits
        popad
        popfd
        ret 4
%endmacro
        define_put_hex 1
        define_put_hex 2
        define_put_hex 4
        define_put_hex 8

put_digits:
.next:  dec ecx
        push ecx
        shl ecx, 2
        mov eax, ebx
        shr eax, cl
        and eax, 15
        mov al, [hex_digits + eax]
        call put_al
        pop ecx
        test ecx, ecx
        jnz .next
        ret
hex_digits:     db "0123456789abcdef"

; EAX, unsigned.
put_decimal:
        pushad
        mov ebx, 10
        xor ecx, ecx
.divide:
        xor edx, edx
        div ebx
        push edx
        inc ecx
        test eax, eax
        jnz .divide
.print: pop eax
        add al, '0'
        call put_al
        loop .print
        popad
        ret

; The qword at ESI: 8 digits, 16 if it needs them.
put_qword:
        cmp dword [esi + 4], 0
        je .low
        push dword [esi + 4]
        call put_hex8
.low:   push dword [esi]
        call put_hex8
        ret
