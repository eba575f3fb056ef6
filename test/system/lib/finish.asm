; Ends the image: the count, then power-off on each of the machines. Whoever ignores its port gets to the next.
        bits 32
end_of_checks:
        putc 10
        puts IMAGE
        puts ": "
        mov eax, [check_count]
        call put_decimal
        puts " checks"
        putc 10
power_off:
        call serial_drain
        mov dx, 0x8900          ; Bochs
        mov esi, shutdown_text
.bochs: lodsb
        test al, al
        jz .qemu
        out dx, al
        jmp .bochs
.qemu:  mov dx, 0xf4            ; isa-debug-exit: status 2 * 0 + 1
        mov al, 0
        out dx, al
        mov dx, 0x604           ; PM1a control: S5 (Vitrine)
        mov ax, 1 << 13
        out dx, ax
.stop:  hlt
        jmp .stop
shutdown_text:  db "Shutdown", 0
