; INT 10h: text on the VGA screen, 80x25 characters in colour at B800:0000. Graphics modes are set through the VBE
; functions (vbe.asm, AH=4F). The text functions do nothing while a graphics mode is on, except to keep the cursor.
; Source: IBM VGA Technical Reference, "Register values for mode 3"; Ralf Brown's Interrupt List, INT 10.

TEXT_SEGMENT    equ 0xb800
COLUMNS         equ 80
ROWS            equ 25
PAGE_BYTES      equ 4096
NORMAL          equ 0x07        ; attribute: light grey on black

VGA_MISC        equ 0x3c2
VGA_SEQUENCER   equ 0x3c4
VGA_DAC_MASK    equ 0x3c6
VGA_DAC_INDEX   equ 0x3c8
VGA_DAC_DATA    equ 0x3c9
VGA_GRAPHICS    equ 0x3ce
VGA_CRTC        equ 0x3d4
VGA_STATUS      equ 0x3da
VGA_ATTRIBUTE   equ 0x3c0

init_video:
        mov word [BDA_CRTC], VGA_CRTC
        mov byte [BDA_VIDEO_CTL], 0x60
        mov ax, 0x0003
        int 0x10
        ret

int10_video:
        SERVICE
        mov si, int10_calls
        call dispatch
        RETURN

int10_calls:
        CALL_ROW 0x0e, teletype
        CALL_ROW 0x00, set_mode
        CALL_ROW 0x01, set_cursor_type
        CALL_ROW 0x02, set_cursor
        CALL_ROW 0x03, get_cursor
        CALL_ROW 0x05, select_page
        CALL_ROW 0x06, scroll_up
        CALL_ROW 0x07, scroll_down
        CALL_ROW 0x08, read_character
        CALL_ROW 0x09, write_character
        CALL_ROW 0x0a, write_character_only
        CALL_ROW 0x0f, get_mode
        CALL_ROW 0x12, alternate_select
        CALL_ROW 0x13, write_string
        CALL_ROW 0x1a, display_combination
        CALL_ROW 0x4f, vbe_call
        CALL_END .none
.none:  ret

; --- Modes -----------------------------------------------------------------------------------------------------------
; AL: mode; bit 7 keeps the screen's contents. Only the colour text modes are here: 2 and 3.
set_mode:
        mov ah, al
        and al, 0x7f
        cmp al, 2
        je .text
        cmp al, 3
        jne .done
.text:  push ax
        call vbe_off
        call program_mode3
        pop ax
        mov byte [BDA_VIDEO_MODE], 3
        mov word [BDA_COLUMNS], COLUMNS
        mov byte [BDA_ROWS], ROWS - 1
        mov byte [BDA_CHAR_HEIGHT], 16
        mov word [BDA_PAGE_SIZE], PAGE_BYTES
        mov word [BDA_PAGE_START], 0
        mov byte [BDA_PAGE], 0
        mov word [BDA_CURSOR_TYPE], 0x0d0e
        push ds
        pop es
        mov di, BDA_CURSOR
        mov cx, 8
        xor bx, bx
        xchg ax, bx
        rep stosw
        test bh, 0x80
        jnz .keep
        mov ax, TEXT_SEGMENT
        mov es, ax
        xor di, di
        mov ax, (NORMAL << 8) | ' '
        mov cx, 0x4000
        rep stosw
.keep:  xor dx, dx
        call hardware_cursor
        mov byte [bp + R_AL], 0x30
.done:  ret

; Loads the registers of mode 3.
program_mode3:
        mov dx, VGA_MISC
        mov al, 0x67
        out dx, al
        mov si, mode3_sequencer
        mov dx, VGA_SEQUENCER
        mov cx, 5
        call load_indexed
        mov dx, VGA_CRTC        ; registers 0-7 are locked by bit 7 of register 11h
        mov ax, 0x0e11
        out dx, ax
        mov cx, 25
        call load_indexed
        mov dx, VGA_GRAPHICS
        mov cx, 9
        call load_indexed
        mov dx, VGA_STATUS      ; reading it makes the attribute port expect an index
        in al, dx
        mov dx, VGA_ATTRIBUTE
        xor ah, ah
        mov cx, 21
.attribute:
        mov al, ah
        out dx, al
        cs lodsb
        out dx, al
        inc ah
        loop .attribute
        mov al, 0x20            ; screen on
        out dx, al
        mov dx, VGA_DAC_MASK
        mov al, 0xff
        out dx, al

; The 64 EGA colours: bits RGB of the colour are 2/3 intensity, bits rgb 1/3.
        mov dx, VGA_DAC_INDEX
        xor al, al
        out dx, al
        mov dx, VGA_DAC_DATA
        xor bx, bx
.colour:
        mov cl, 2               ; red: bits 2 and 5
        call .component
        mov cl, 1
        call .component
        mov cl, 0
        call .component
        inc bx
        cmp bx, 64
        jb .colour
        ret
.component:
        mov ax, bx
        shr ax, cl
        xor ah, ah
        test al, 1
        jz .low
        mov ah, 0x2a
.low:   test al, 8
        jz .out
        add ah, 0x15
.out:   mov al, ah
        out dx, al
        ret

; CX registers of the pair of ports at DX from the bytes at CS:SI.
load_indexed:
        xor bl, bl
.next:  mov al, bl
        mov ah, [cs:si]
        inc si
        out dx, ax
        inc bl
        loop .next
        ret

mode3_sequencer:
        db 0x03, 0x00, 0x03, 0x00, 0x02
        ; CRT controller
        db 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00
        db 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff
        ; graphics controller
        db 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff
        ; attribute controller: palette, mode, overscan, planes, panning, colour select
        db 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f
        db 0x0c, 0x00, 0x0f, 0x08, 0x00

; AL mode, AH columns, BH page.
get_mode:
        mov al, [BDA_VIDEO_MODE]
        mov [bp + R_AL], al
        mov al, [BDA_COLUMNS]
        mov [bp + R_AH], al
        mov al, [BDA_PAGE]
        mov [bp + R_BH], al
        ret

; AH=12 BL=10: colour, 256 KiB of video memory.
alternate_select:
        cmp byte [bp + R_BL], 0x10
        jne .done
        mov word [bp + R_BX], 0x0003
        mov word [bp + R_CX], 0x0009
.done:  ret

; AH=1A AL=0: a VGA with a colour screen.
display_combination:
        test al, al
        jnz .done
        mov byte [bp + R_AL], 0x1a
        mov word [bp + R_BX], 0x0008
.done:  ret

; --- Cursor and pages ------------------------------------------------------------------------------------------------
; CH first line, CL last line; CH bit 5 hides it.
set_cursor_type:
        mov ax, [bp + R_CX]
        mov [BDA_CURSOR_TYPE], ax
        mov dx, VGA_CRTC
        mov cx, ax
        mov al, 0x0a
        mov ah, ch
        out dx, ax
        mov al, 0x0b
        mov ah, cl
        out dx, ax
        ret

; DH row, DL column, BH page.
set_cursor:
        mov bl, [bp + R_BH]
        mov dx, [bp + R_DX]
store_cursor:                   ; DX on page BL
        call cursor_of_page
        mov [di], dx
        cmp bl, [BDA_PAGE]
        jne .done
        call hardware_cursor
.done:  ret

get_cursor:
        mov bl, [bp + R_BH]
        call cursor_of_page
        mov ax, [di]
        mov [bp + R_DX], ax
        mov ax, [BDA_CURSOR_TYPE]
        mov [bp + R_CX], ax
        ret

; DI: where the cursor of page BL is kept.
cursor_of_page:
        and bl, 7
        movzx di, bl
        shl di, 1
        add di, BDA_CURSOR
        ret

; Moves the blinking one to row DH, column DL of the current page.
hardware_cursor:
        push bx
        mov al, COLUMNS
        mul dh
        xor dh, dh
        add ax, dx
        mov bx, [BDA_PAGE_START]
        shr bx, 1
        add bx, ax
        mov dx, VGA_CRTC
        mov al, 0x0e
        mov ah, bh
        out dx, ax
        mov al, 0x0f
        mov ah, bl
        out dx, ax
        pop bx
        ret

select_page:
        and al, 7
        mov [BDA_PAGE], al
        xor ah, ah
        imul ax, ax, PAGE_BYTES
        mov [BDA_PAGE_START], ax
        mov bx, ax
        shr bx, 1
        mov dx, VGA_CRTC
        mov al, 0x0c
        mov ah, bh
        out dx, ax
        mov al, 0x0d
        mov ah, bl
        out dx, ax
        mov bl, [BDA_PAGE]
        call cursor_of_page
        mov dx, [di]
        jmp hardware_cursor

; ES:DI: the cell at row DH, column DL of page BL.
cell_address:
        mov ax, TEXT_SEGMENT
        mov es, ax
        mov al, COLUMNS
        mul dh
        mov di, ax
        movzx ax, dl
        add di, ax
        shl di, 1
        movzx ax, bl
        and al, 7
        imul ax, ax, PAGE_BYTES
        add di, ax
        ret

; ZF=1: text is on the screen.
text_shown:
        cmp byte [BDA_VIDEO_MODE], 3
        ret

; --- Scrolling -------------------------------------------------------------------------------------------------------
; AL lines (0: all), BH attribute of what comes in, CH CL top left, DH DL bottom right; on the current page.
scroll_up:
        mov si, COLUMNS * 2
        jmp scroll
scroll_down:
        mov si, -COLUMNS * 2
scroll:
        call text_shown
        jne .done
        mov bh, [bp + R_BH]
        mov cx, [bp + R_CX]
        mov dx, [bp + R_DX]
        cmp dh, ROWS
        jb .rows
        mov dh, ROWS - 1
.rows:  cmp dl, COLUMNS
        jb .columns
        mov dl, COLUMNS - 1
.columns:
        cmp ch, dh
        ja .done
        cmp cl, dl
        ja .done
; Rows CH..DH move by AL rows against the direction of SI.
scroll_window:
        mov ah, dh
        sub ah, ch
        inc ah                  ; height
        test al, al
        jz .all
        cmp al, ah
        jbe .lines
.all:   mov al, ah
.lines: push bp
        push ax
        push dx
        mov bl, [BDA_PAGE]
        test si, si
        js .bottom
        mov dh, ch              ; up: begin at the top row
.bottom:
        mov dl, cl
        call cell_address
        pop dx
        pop ax
        sub dl, cl
        inc dl                  ; width
        movzx cx, dl
        push ds
        push es
        pop ds
        mov dl, ah
        sub dl, al              ; rows that are kept
        push ax
        mov ah, 0
        imul ax, si
        mov bp, ax              ; how far away the row to copy is
        pop ax
        xchg si, bp             ; SI: distance of source, BP: distance of rows
.copy:  test dl, dl
        jz .blank
        push si
        push di
        push cx
        add si, di
        rep movsw
        pop cx
        pop di
        pop si
        add di, bp
        dec dl
        jmp .copy
.blank: mov dl, al
        mov ah, bh
        mov al, ' '
.line:  push di
        push cx
        rep stosw
        pop cx
        pop di
        add di, bp
        dec dl
        jnz .line
        pop ds
        pop bp
scroll.done:
        ret

; --- Characters ------------------------------------------------------------------------------------------------------
; Character and attribute at the cursor of page BH, in AL and AH.
read_character:
        mov bl, [bp + R_BH]
        call cursor_of_page
        mov dx, [di]
        call cell_address
        mov ax, [es:di]
        mov [bp + R_AX], ax
        ret

; AL character, BL attribute, CX times from the cursor of page BH on.
write_character:
        call text_shown
        jne .done
        mov bl, [bp + R_BH]
        call cursor_of_page
        mov dx, [di]
        call cell_address
        mov al, [bp + R_AL]
        mov ah, [bp + R_BL]
        mov cx, [bp + R_CX]
        rep stosw
.done:  ret

write_character_only:
        call text_shown
        jne .done
        mov bl, [bp + R_BH]
        call cursor_of_page
        mov dx, [di]
        call cell_address
        mov al, [bp + R_AL]
        mov cx, [bp + R_CX]
        jcxz .done
.next:  stosb
        inc di
        loop .next
.done:  ret

; AL to the current page, the cursor after it; understands BEL, BS, LF and CR.
teletype:
        mov bl, [BDA_PAGE]
        call cursor_of_page
        mov dx, [di]
        call put_teletype
        jmp store_cursor

; AL at row DH, column DL of page BL, in the colour that is there; DX moves on, the screen scrolls.
put_teletype:
        cmp al, 0x0d
        je .return
        cmp al, 0x0a
        je .line_feed
        cmp al, 0x08
        je .backspace
        cmp al, 0x07
        je .done                ; the speaker stays silent
        call text_shown
        jne .advance
        push ax
        call cell_address
        pop ax
        mov [es:di], al
.advance:
        inc dl
        cmp dl, COLUMNS
        jb .done
        xor dl, dl
.line_feed:
        inc dh
        cmp dh, ROWS
        jb .done
        mov dh, ROWS - 1
        call text_shown
        jne .done
        push bx
        push dx
        mov bh, NORMAL
        xor cx, cx
        mov dx, ((ROWS - 1) << 8) | (COLUMNS - 1)
        mov al, 1
        mov si, COLUMNS * 2
        call scroll_window
        pop dx
        pop bx
.done:  ret
.return:
        xor dl, dl
        ret
.backspace:
        test dl, dl
        jz .done
        dec dl
        ret

; ES:BP string of CX characters at DH DL on page BH; AL bit 0: the cursor moves, bit 1: attributes are in the string,
; else BL is the attribute.
write_string:
        mov cx, [bp + R_CX]
        jcxz .done
        mov bl, [bp + R_BH]
        mov dx, [bp + R_DX]
        mov si, [bp + R_EBP]
.next:  push cx
        mov es, [bp + R_ES]
        mov al, [es:si]
        inc si
        mov ah, [bp + R_BL]
        test byte [bp + R_AL], 2
        jz .attribute
        mov ah, [es:si]
        inc si
.attribute:
        cmp al, 0x0d
        ja .colour
        cmp al, 0x07
        jae .plain
.colour:
        call text_shown
        jne .plain
        push ax
        call cell_address
        pop ax
        mov [es:di + 1], ah
.plain: push si
        call put_teletype
        pop si
        pop cx
        loop .next
        test byte [bp + R_AL], 1
        jz .done
        call store_cursor
.done:  ret
