; The screen: a VESA mode with a linear framebuffer if video=WIDTHxHEIGHT or vga=MODE asks for one, else 80x25 text.
; Linux: arch/x86/boot/video.c, video-vesa.c; VBE Core Functions 2.0.

set_video:
        mov si, video_option
        mov cx, 6
        call find_option
        jc .by_number
        call parse_decimal
        cmp dl, 'x'
        jne .by_number
        inc bx
        mov [wanted_width], ax
        call parse_decimal
        mov [wanted_height], ax
        call vbe_present
        jc .text
        call find_vesa_mode
        jc .text
        jmp .graphics
.by_number:
        mov cx, [boot_params + BP_HEADER + vid_mode - header]
        cmp cx, 0x300           ; 200h + VESA mode, 100h and up
        jb .text
        cmp cx, 0x7ff
        ja .text
        call vbe_present
        jc .text
        sub cx, 0x200
        call usable_mode
        jc .text
.graphics:
        call store_cursor
        mov bx, [chosen_mode]
        or bx, 0x4000           ; linear framebuffer
        mov ax, 0x4f02
        int 0x10
        cmp ax, 0x004f
        jne .text
        jmp store_framebuffer
.text:  mov ah, 0x0f
        int 0x10
        and al, 0x7f
        cmp al, 3
        je .store
        mov ax, 0x0003
        int 0x10
.store: call store_cursor
        jmp store_text

video_option:           db "video="
wanted_width:           dw 0
wanted_height:          dw 0
chosen_mode:            dw 0
chosen_depth:           db 0

; CF=1: there is no VESA BIOS 2.0.
vbe_present:
        push cx
        mov dword [vbe_info], 0x32454256        ; "VBE2"
        mov ax, 0x4f00
        mov di, vbe_info
        int 0x10
        pop cx
        cmp ax, 0x004f
        jne .none
        cmp dword [vbe_info], 0x41534556        ; "VESA"
        jne .none
        cmp word [vbe_info + 4], 0x0200
        jb .none
        clc
        ret
.none:  stc
        ret

; The mode of the wanted size with the most colours, in [chosen_mode]; CF=1: there is none.
find_vesa_mode:
        lfs si, [vbe_info + 14]
.next:  mov cx, [fs:si]
        add si, 2
        cmp cx, 0xffff
        je .end
        call mode_information
        jc .next
        mov ax, [vbe_mode_info + 18]
        cmp ax, [wanted_width]
        jne .next
        mov ax, [vbe_mode_info + 20]
        cmp ax, [wanted_height]
        jne .next
        mov al, [vbe_mode_info + 25]
        cmp al, [chosen_depth]
        jbe .next
        mov [chosen_depth], al
        mov [chosen_mode], cx
        jmp .next
.end:   mov cx, [chosen_mode]
        jcxz .none
usable_mode:                    ; mode CX
        mov [chosen_mode], cx
        jmp mode_information
find_vesa_mode.none:
        stc
        ret

; Mode CX into vbe_mode_info; CF=1: it is not a colour mode with a linear framebuffer.
mode_information:
        push si
        push cx
        mov ax, 0x4f01
        mov di, vbe_mode_info
        int 0x10
        pop cx
        pop si
        cmp ax, 0x004f
        jne .no
        mov ax, [vbe_mode_info]
        and ax, 0x0099          ; supported, colour, graphics, linear framebuffer
        cmp ax, 0x0099
        jne .no
        cmp byte [vbe_mode_info + 27], 6        ; direct colour
        jne .no
        cmp byte [vbe_mode_info + 24], 1        ; planes
        jne .no
        clc
        ret
.no:    stc
        ret

store_cursor:
        mov ah, 0x03
        xor bx, bx
        int 0x10
        mov [boot_params + SI_ORIG_X], dl
        mov [boot_params + SI_ORIG_Y], dh
        ret

store_text:
        mov ah, 0x0f
        int 0x10
        and al, 0x7f
        mov [boot_params + SI_VIDEO_MODE], al
        mov [boot_params + SI_VIDEO_COLS], ah
        movzx ax, bh
        mov [boot_params + SI_VIDEO_PAGE], ax
        mov ah, 0x12
        mov bl, 0x10
        int 0x10
        mov [boot_params + SI_VIDEO_EGA_BX], bx
        push 0x40
        pop fs
        mov al, [fs:0x84]       ; rows - 1
        inc al
        mov [boot_params + SI_VIDEO_LINES], al
        mov ax, [fs:0x85]       ; scan lines of a character
        mov [boot_params + SI_VIDEO_POINTS], ax
        mov byte [boot_params + SI_VIDEO_TYPE], VIDEO_TYPE_TEXT
        ret

store_framebuffer:
        mov byte [boot_params + SI_VIDEO_TYPE], VIDEO_TYPE_VLFB
        mov ax, [vbe_mode_info]
        mov [boot_params + SI_VESA_ATTRIBUTES], ax
        mov ax, [vbe_mode_info + 16]
        mov [boot_params + SI_LFB_LINELENGTH], ax
        mov ax, [vbe_mode_info + 18]
        mov [boot_params + SI_LFB_WIDTH], ax
        mov ax, [vbe_mode_info + 20]
        mov [boot_params + SI_LFB_HEIGHT], ax
        movzx ax, byte [vbe_mode_info + 25]
        mov [boot_params + SI_LFB_DEPTH], ax
        movzx ax, byte [vbe_mode_info + 29]
        mov [boot_params + SI_PAGES], ax
        mov eax, [vbe_mode_info + 40]
        mov [boot_params + SI_LFB_BASE], eax
        movzx eax, word [vbe_info + 18]
        mov [boot_params + SI_LFB_SIZE], eax
        mov si, vbe_mode_info + 31              ; size and position of the four colour fields
        mov di, boot_params + SI_RED_SIZE
        mov cx, 8
        rep movsb
        ret
