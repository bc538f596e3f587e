// SPDX-License-Identifier: MIT
//
// Where a fresh context starts: its stack pointer points at the entry and its argument.
// The return address is declared undefined, which ends the chain for every unwinder.

        .text
        .p2align 4
        .globl  motet_context_entry
        .type   motet_context_entry, @function
motet_context_entry:
        .cfi_startproc
        .cfi_def_cfa rsp, 16
        .cfi_undefined rip
        movq    8(%rsp), %rdi
        callq   *(%rsp)
        ud2
        .cfi_endproc
        .size   motet_context_entry, .-motet_context_entry

        .section .note.GNU-stack, "", @progbits
