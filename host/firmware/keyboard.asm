; The keyboard: controller and keyboard at power-on, IRQ 1 (scan codes to characters in the buffer), INT 16h.
; Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller".

KBC_OUTPUT_FULL equ 1           ; status bits
KBC_INPUT_FULL  equ 2

; BDA_KEY_FLAGS
RIGHT_SHIFT     equ 0x01
LEFT_SHIFT      equ 0x02
CTRL            equ 0x04
ALT             equ 0x08
SCROLL_LOCK     equ 0x10
NUM_LOCK        equ 0x20
CAPS_LOCK       equ 0x40
INSERT          equ 0x80
; BDA_KEY_MODE
PREFIX_E0       equ 0x02
RIGHT_CTRL      equ 0x04
RIGHT_ALT       equ 0x08

; Self test, interface test, keyboard reset; then scan codes come translated to set 1 with interrupts. A controller or
; keyboard that does not answer is left alone: the machine is usable over its serial port.
init_keyboard:
        call kbc_drain
        mov al, 0xaa            ; controller self test
        call kbc_command
        call kbc_read
        jc .done
        cmp al, 0x55
        jne .done
        mov al, 0xab            ; test of the keyboard's lines
        call kbc_command
        call kbc_read
        jc .done
        mov al, 0xae            ; enable the keyboard's clock
        call kbc_command
        mov al, 0xff            ; reset: acknowledge, then self-test result
        call keyboard_byte
        jc .enable
        call kbc_read           ; AA
        mov al, 0xf4            ; scan
        call keyboard_byte
.enable:
        mov al, 0x60            ; command byte: translate, system flag, mouse off, interrupt
        call kbc_command
        mov al, 0x65
        call kbc_write
        mov al, 0xa7            ; mouse port off
        call kbc_command
        call kbc_drain
.done:  ret

; AL to the controller's command port.
kbc_command:
        call kbc_ready
        out KBC_COMMAND, al
        ret

; AL to the data port.
kbc_write:
        call kbc_ready
        out KBC_DATA, al
        ret

; AL to the keyboard, and its acknowledge; CF=1: none.
keyboard_byte:
        call kbc_write
        call kbc_read
        jc .done
        cmp al, 0xfa
        je .done                ; CF=0
        stc
.done:  ret

; Waits until the controller takes a byte.
kbc_ready:
        push ax
        push cx
        xor cx, cx
.wait:  in al, KBC_STATUS
        test al, KBC_INPUT_FULL
        loopnz .wait
        pop cx
        pop ax
        ret

; A byte from the data port in AL; CF=1: nothing came.
kbc_read:
        push ecx
        mov ecx, 0x40000
.wait:  in al, KBC_STATUS
        test al, KBC_OUTPUT_FULL
        jnz .ready
        a32 loop .wait
        pop ecx
        stc
        ret
.ready: pop ecx
        in al, KBC_DATA
        clc
        ret

; Throws away what the controller holds.
kbc_drain:
        push cx
        mov cx, 32
.next:  in al, KBC_STATUS
        test al, KBC_OUTPUT_FULL
        jz .done
        in al, KBC_DATA
        loop .next
.done:  pop cx
        ret

; --- IRQ 1 -----------------------------------------------------------------------------------------------------------
irq_keyboard:
        SERVICE
        in al, KBC_DATA
        call scan_code
        mov al, 0x20
        out PIC1_COMMAND, al
        RETURN

; One byte from the keyboard in AL.
scan_code:
        cmp al, 0xe0
        jne .not_prefix
        or byte [BDA_KEY_MODE], PREFIX_E0
        ret
.not_prefix:
        cmp al, 0xe1            ; Pause sends E1 1D 45 E1 9D C5: seen as Ctrl and Num Lock, harmless
        je .return
        mov dl, al
        mov bl, [BDA_KEY_MODE]
        and byte [BDA_KEY_MODE], ~PREFIX_E0 & 0xff
        and bl, PREFIX_E0       ; BL: this key has the prefix
        and al, 0x7f
        call modifier_key
        jc .return
        test dl, 0x80
        jnz .return             ; other keys do nothing when they go up
        cmp al, 0x53
        jne .character
        mov ah, [BDA_KEY_FLAGS]
        and ah, CTRL | ALT
        cmp ah, CTRL | ALT
        jne .character
        mov word [BDA_RESET_FLAG], 0x1234
        mov al, 0xfe            ; Ctrl-Alt-Delete: pulse the reset line
        out KBC_COMMAND, al
        jmp 0xf000:power_on
.character:
        call translate_key
        jc .return
        call put_key
.return:
        ret

; If AL is a shift or lock key, follows it and gives CF=1. DL: the byte with the up bit, BL: prefix.
modifier_key:
        mov si, modifiers
        mov cl, dl
        and cl, 0x7f
.next:  cs lodsw
        test ax, ax
        jz .none
        cmp al, cl
        jne .next
        cmp cl, 0x2a            ; E0 2A and E0 36 are not shift keys, but made up around the grey keys
        je .shift
        cmp cl, 0x36
        jne .found
.shift: test bl, bl
        jnz .handled
.found: cmp ah, SCROLL_LOCK
        jae .lock
        test dl, 0x80
        jnz .up
        or [BDA_KEY_FLAGS], ah
        call .right
        or [BDA_KEY_MODE], ah
        jmp .handled
.up:    not ah
        and [BDA_KEY_FLAGS], ah
        not ah
        call .right
        not ah
        and [BDA_KEY_MODE], ah
        jmp .handled
.lock:  test dl, 0x80
        jnz .handled
        xor [BDA_KEY_FLAGS], ah
.handled:
        mov al, cl
        stc
        ret
.none:  mov al, cl
        clc
        ret
; AH: the bit of the right-hand key in BDA_KEY_MODE; 0 if it is not one.
.right: test bl, bl
        jz .left
        and ah, CTRL | ALT      ; the bits have the same places
        ret
.left:  xor ah, ah
        ret

; Scan code, bit of BDA_KEY_FLAGS.
modifiers:
        db 0x2a, LEFT_SHIFT, 0x36, RIGHT_SHIFT, 0x1d, CTRL, 0x38, ALT
        db 0x46, SCROLL_LOCK, 0x45, NUM_LOCK, 0x3a, CAPS_LOCK, 0, 0

; Key AL (prefix in BL) to scan code and character in AX; CF=1: it gives none.
translate_key:
        cmp al, NR_KEYS
        jae .none
        movzx si, al
        mov cx, si
        imul si, si, 8
        add si, key_table
        mov ah, [BDA_KEY_FLAGS]
        test ah, ALT
        jnz .alt
        test ah, CTRL
        jnz .ctrl
        mov dh, ah
        and dh, LEFT_SHIFT | RIGHT_SHIFT
        jz .unshifted
        mov dh, 1
.unshifted:
        test bl, bl             ; grey keys know no shift but the real one
        jnz .pick
        cmp al, 0x47
        jb .letter
        cmp al, 0x53
        ja .pick
        test ah, NUM_LOCK       ; keypad: Num Lock turns shift around
        jz .pick
        xor dh, 1
        jmp .pick
.letter:
        test ah, CAPS_LOCK
        jz .pick
        mov ax, [cs:si]
        cmp al, 'a'
        jb .pick
        cmp al, 'z'
        ja .pick
        xor dh, 1
.pick:  mov ax, [cs:si]
        test dh, dh
        jz .picked
        mov ax, [cs:si + 2]
        jmp .picked
.ctrl:  mov ax, [cs:si + 4]
        jmp .picked
.alt:   mov ax, [cs:si + 6]
.picked:
        test ax, ax
        jz .none
        test bl, bl             ; prefixed keys: 00 becomes E0, Enter and / are marked by scan code E0
        jz .done
        cmp cl, 0x1c
        je .grey
        cmp cl, 0x35
        je .grey
        test al, al
        jnz .done
        mov al, 0xe0
        jmp .done
.grey:  mov ah, 0xe0
.done:  clc
        ret
.none:  stc
        ret

; AX into the keyboard buffer; a full buffer loses it. CF=1: it was full.
put_key:
        mov di, [BDA_KEY_TAIL]
        mov si, di
        add si, 2
        cmp si, [BDA_KEY_END]
        jb .inside
        mov si, [BDA_KEY_START]
.inside:
        cmp si, [BDA_KEY_HEAD]
        je .full
        mov [di], ax
        mov [BDA_KEY_TAIL], si
        clc
        ret
.full:  stc
        ret

; --- INT 16h ---------------------------------------------------------------------------------------------------------
int16_keyboard:
        SERVICE
        mov si, int16_calls
        call dispatch
        RETURN

int16_calls:
        CALL_ROW 0x00, read_key
        CALL_ROW 0x01, peek_key
        CALL_ROW 0x02, shift_flags
        CALL_ROW 0x03, set_repeat
        CALL_ROW 0x05, store_key
        CALL_ROW 0x10, read_key_enhanced
        CALL_ROW 0x11, peek_key_enhanced
        CALL_ROW 0x12, shift_flags_enhanced
        CALL_END .none
.none:  ret

; Waits for a key: scan code in AH, character in AL.
read_key:
        call read_key_enhanced
        jmp plain_key

read_key_enhanced:
        sti
.wait:  cli
        mov di, [BDA_KEY_HEAD]
        cmp di, [BDA_KEY_TAIL]
        jne .ready
        sti
        hlt
        jmp .wait
.ready: mov ax, [di]
        add di, 2
        cmp di, [BDA_KEY_END]
        jb .inside
        mov di, [BDA_KEY_START]
.inside:
        mov [BDA_KEY_HEAD], di
        mov [bp + R_AX], ax
        ret

; Looks: ZF=1 when there is none.
peek_key:
        call peek_key_enhanced
        test byte [bp + R_FLAGS], 0x40
        jz plain_key
        ret

peek_key_enhanced:
        cli
        or byte [bp + R_FLAGS], 0x40
        mov di, [BDA_KEY_HEAD]
        cmp di, [BDA_KEY_TAIL]
        je .none
        mov ax, [di]
        mov [bp + R_AX], ax
        and byte [bp + R_FLAGS], 0xbf
.none:  ret

; The marks of the enhanced keyboard as the old functions give them.
plain_key:
        mov ax, [bp + R_AX]
        cmp al, 0xe0
        jne .enter
        mov byte [bp + R_AL], 0
        ret
.enter: cmp ah, 0xe0
        jne .done
        mov byte [bp + R_AH], 0x1c
        cmp al, '/'
        jne .done
        mov byte [bp + R_AH], 0x35
.done:  ret

shift_flags:
        mov al, [BDA_KEY_FLAGS]
        mov [bp + R_AL], al
        ret

shift_flags_enhanced:
        call shift_flags
        mov ah, [BDA_KEY_MODE]
        and ah, RIGHT_CTRL | RIGHT_ALT
        mov [bp + R_AH], ah
        ret

; AL=5: BH delay 0-3 (250 ms each), BL rate 0 (30 a second) to 1F (2 a second).
set_repeat:
        cmp al, 5
        jne .done
        cli
        mov al, 0xad            ; no keys now: the answers must be ours
        call kbc_command
        call kbc_drain
        mov al, 0xae
        call kbc_command
        mov al, 0xf3
        call keyboard_byte
        jc .done
        mov al, [bp + R_BH]
        and al, 3
        shl al, 5
        mov ah, [bp + R_BL]
        and ah, 0x1f
        or al, ah
        call keyboard_byte
.done:  ret

; CX into the buffer as if typed; AL=1: it is full.
store_key:
        cli
        mov ax, [bp + R_CX]
        call put_key
        mov byte [bp + R_AL], 0
        jnc .done
        mov byte [bp + R_AL], 1
.done:  ret

; Scan code and character of each key (US layout): plain, Shift, Ctrl, Alt. 0: none.
%macro KEY 5
        dw (%1 << 8) | %2, (%1 << 8) | %3
        dw %4, %5
%endmacro
; A letter, and a key whose character is all that changes.
%macro LETTER 2
        dw (%1 << 8) | %2, (%1 << 8) | (%2 - 32), (%1 << 8) | (%2 & 31), %1 << 8
%endmacro
%macro PLAIN 4
        dw (%1 << 8) | %2, (%1 << 8) | %3, 0, %4 << 8
%endmacro
%macro CODES 4
        dw %1 << 8, %2 << 8, %3 << 8, %4 << 8
%endmacro
; Keypad: no character without shift.
%macro PAD 4
        dw %1 << 8, (%1 << 8) | %2, %3 << 8, %4 << 8
%endmacro

key_table:
        dw 0, 0, 0, 0
        KEY 0x01, 0x1b, 0x1b, 0x011b, 0x0100    ; Esc
        PLAIN 0x02, '1', '!', 0x78
        KEY 0x03, '2', '@', 0x0300, 0x7900
        PLAIN 0x04, '3', '#', 0x7a
        PLAIN 0x05, '4', '$', 0x7b
        PLAIN 0x06, '5', '%', 0x7c
        KEY 0x07, '6', '^', 0x071e, 0x7d00
        PLAIN 0x08, '7', '&', 0x7e
        PLAIN 0x09, '8', '*', 0x7f
        PLAIN 0x0a, '9', '(', 0x80
        PLAIN 0x0b, '0', ')', 0x81
        KEY 0x0c, '-', '_', 0x0c1f, 0x8200
        PLAIN 0x0d, '=', '+', 0x83
        KEY 0x0e, 0x08, 0x08, 0x0e7f, 0x0e00    ; Backspace
        KEY 0x0f, 0x09, 0x00, 0x9400, 0xa500    ; Tab
        LETTER 0x10, 'q'
        LETTER 0x11, 'w'
        LETTER 0x12, 'e'
        LETTER 0x13, 'r'
        LETTER 0x14, 't'
        LETTER 0x15, 'y'
        LETTER 0x16, 'u'
        LETTER 0x17, 'i'
        LETTER 0x18, 'o'
        LETTER 0x19, 'p'
        KEY 0x1a, '[', '{', 0x1a1b, 0x1a00
        KEY 0x1b, ']', '}', 0x1b1d, 0x1b00
        KEY 0x1c, 0x0d, 0x0d, 0x1c0a, 0x1c00    ; Enter
        dw 0, 0, 0, 0                           ; Ctrl
        LETTER 0x1e, 'a'
        LETTER 0x1f, 's'
        LETTER 0x20, 'd'
        LETTER 0x21, 'f'
        LETTER 0x22, 'g'
        LETTER 0x23, 'h'
        LETTER 0x24, 'j'
        LETTER 0x25, 'k'
        LETTER 0x26, 'l'
        PLAIN 0x27, 0x3b, ':', 0x27
        PLAIN 0x28, 0x27, 0x22, 0x28
        PLAIN 0x29, 0x60, '~', 0x29
        dw 0, 0, 0, 0                           ; left Shift
        KEY 0x2b, 0x5c, '|', 0x2b1c, 0x2b00
        LETTER 0x2c, 'z'
        LETTER 0x2d, 'x'
        LETTER 0x2e, 'c'
        LETTER 0x2f, 'v'
        LETTER 0x30, 'b'
        LETTER 0x31, 'n'
        LETTER 0x32, 'm'
        PLAIN 0x33, ',', '<', 0x33
        PLAIN 0x34, '.', '>', 0x34
        PLAIN 0x35, '/', '?', 0x35
        dw 0, 0, 0, 0                           ; right Shift
        KEY 0x37, '*', '*', 0x9600, 0x3700      ; keypad *, Print Screen
        dw 0, 0, 0, 0                           ; Alt
        KEY 0x39, ' ', ' ', 0x3920, 0x3920
        dw 0, 0, 0, 0                           ; Caps Lock
        CODES 0x3b, 0x54, 0x5e, 0x68            ; F1
        CODES 0x3c, 0x55, 0x5f, 0x69
        CODES 0x3d, 0x56, 0x60, 0x6a
        CODES 0x3e, 0x57, 0x61, 0x6b
        CODES 0x3f, 0x58, 0x62, 0x6c
        CODES 0x40, 0x59, 0x63, 0x6d
        CODES 0x41, 0x5a, 0x64, 0x6e
        CODES 0x42, 0x5b, 0x65, 0x6f
        CODES 0x43, 0x5c, 0x66, 0x70
        CODES 0x44, 0x5d, 0x67, 0x71            ; F10
        dw 0, 0, 0, 0                           ; Num Lock
        dw 0, 0, 0, 0                           ; Scroll Lock
        PAD 0x47, '7', 0x77, 0x97               ; Home
        PAD 0x48, '8', 0x8d, 0x98               ; up
        PAD 0x49, '9', 0x84, 0x99               ; Page Up
        dw 0x4a2d, 0x4a2d, 0x8e00, 0x4a00       ; keypad -
        PAD 0x4b, '4', 0x73, 0x9b               ; left
        PAD 0x4c, '5', 0x8f, 0x00
        PAD 0x4d, '6', 0x74, 0x9d               ; right
        dw 0x4e2b, 0x4e2b, 0x9000, 0x4e00       ; keypad +
        PAD 0x4f, '1', 0x75, 0x9f               ; End
        PAD 0x50, '2', 0x91, 0xa0               ; down
        PAD 0x51, '3', 0x76, 0xa1               ; Page Down
        PAD 0x52, '0', 0x92, 0xa2               ; Insert
        PAD 0x53, '.', 0x93, 0xa3               ; Delete
        dw 0, 0, 0, 0
        dw 0, 0, 0, 0
        dw 0x565c, 0x567c, 0, 0                 ; key between left Shift and Z
        CODES 0x85, 0x87, 0x89, 0x8b            ; F11
        CODES 0x86, 0x88, 0x8a, 0x8c            ; F12
NR_KEYS         equ ($ - key_table) / 8
