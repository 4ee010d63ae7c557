//! The program that a first boot starts: an EFI application of some forty instructions, which says on the serial port that
//! it has begun, does a counted piece of work, says that it has ended, and halts.

use muster_base::machine::Arch;

/// What it says before the work; firmware says much before.
pub(super) const BEGUN: &str = "\nmuster: begun.\n";
/// What it says after it.
pub(super) const ENDED: &str = "\nmuster: ended.\n";

/// The name under which firmware looks for it on a disk without boot entries (UEFI 2.10, 3.5.1.1).
pub(super) fn file_name(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "BOOTX64.EFI",
        Arch::Aarch64 => "BOOTAA64.EFI",
    }
}

/// The whole file.
pub(super) fn application(arch: Arch) -> Vec<u8> {
    let (machine, mut code) = match arch {
        Arch::X86_64 => (0x8664, X86_64.to_vec()),
        Arch::Aarch64 => (0xaa64, AARCH64.iter().flat_map(|word| word.to_le_bytes()).collect()),
    };
    code.extend_from_slice(BEGUN.as_bytes());
    code.extend_from_slice(ENDED.as_bytes());
    portable_executable(machine, &code)
}

/// A hundred million rounds of xorshift (13, 17, 5; Marsaglia 2003), each with a load and a store in 16 KiB of the stack and a
/// branch that goes by the number: arithmetic, memory and jumps, as an emulator has to translate them.
///
/// Written for the assembler of GNU binutils as the comments say, and read back with its disassembler.
const X86_64: [u8; 108] = [
    0xfa, // cli: firmware's timer would interrupt the work
    0x48, 0x81, 0xec, 0x00, 0x80, 0x00, 0x00, // sub rsp, 0x8000
    0x48, 0x8d, 0x35, 0x5d, 0x00, 0x00, 0x00, // lea rsi, [rip+BEGUN]
    0xe8, 0x48, 0x00, 0x00, 0x00, // call say
    0xb9, 0x00, 0xe1, 0xf5, 0x05, // mov ecx, 100000000
    0xb8, 0x79, 0x56, 0x34, 0x12, // mov eax, 0x12345679
    0x89, 0xc2, 0xc1, 0xe2, 0x0d, 0x31, 0xd0, // round: mov edx, eax; shl edx, 13; xor eax, edx
    0x89, 0xc2, 0xc1, 0xea, 0x11, 0x31, 0xd0, // mov edx, eax; shr edx, 17; xor eax, edx
    0x89, 0xc2, 0xc1, 0xe2, 0x05, 0x31, 0xd0, // mov edx, eax; shl edx, 5; xor eax, edx
    0x89, 0xc2, 0x81, 0xe2, 0xf8, 0x3f, 0x00, 0x00, // mov edx, eax; and edx, 0x3ff8
    0x48, 0x01, 0x04, 0x14, // add [rsp+rdx], rax
    0xa8, 0x01, 0x74, 0x06, // test al, 1; jz next
    0x33, 0x04, 0x14, 0x83, 0xc8, 0x01, // xor eax, [rsp+rdx]; or eax, 1
    0xff, 0xc9, 0x75, 0xd1, // next: dec ecx; jnz round
    0x48, 0x8d, 0x35, 0x28, 0x00, 0x00, 0x00, // lea rsi, [rip+ENDED]
    0xe8, 0x03, 0x00, 0x00, 0x00, // call say
    0xf4, 0xeb, 0xfd, // halt: hlt; jmp halt
    0x66, 0xba, 0xf8, 0x03, // say: mov dx, 0x3f8, the first serial port of a PC
    0xb9, 0x10, 0x00, 0x00, 0x00, // mov ecx, 16
    0xac, 0xee, 0xff, 0xc9, 0x75, 0xfa, 0xc3, // again: lodsb; out dx, al; dec ecx; jnz again; ret
];

/// The same for Arm; the serial port is the PL011 of QEMU's board `virt`.
const AARCH64: [u32; 32] = [
    0xd503_4fdf, // msr daifset, #15
    0xd140_23ff, // sub sp, sp, #0x8000
    0x1000_03c1, // adr x1, BEGUN
    0x9400_0016, // bl say
    0x529c_2002, // mov w2, #0xe100
    0x72a0_bea2, // movk w2, #0x5f5, lsl #16
    0x528a_cf20, // mov w0, #0x5679
    0x72a2_4680, // movk w0, #0x1234, lsl #16
    0x4a00_3400, // round: eor w0, w0, w0, lsl #13
    0x4a40_4400, // eor w0, w0, w0, lsr #17
    0x4a00_1400, // eor w0, w0, w0, lsl #5
    0x121d_2803, // and w3, w0, #0x3ff8
    0xf863_6be4, // ldr x4, [sp, x3]
    0x8b00_0084, // add x4, x4, x0
    0xf823_6be4, // str x4, [sp, x3]
    0x3600_0080, // tbz w0, #0, next
    0xb863_6be5, // ldr w5, [sp, x3]
    0x4a05_0000, // eor w0, w0, w5
    0x3200_0000, // orr w0, w0, #1
    0x7100_0442, // next: subs w2, w2, #1
    0x54ff_fe81, // b.ne round
    0x1000_01e1, // adr x1, ENDED
    0x9400_0003, // bl say
    0xd503_207f, // halt: wfi
    0x17ff_ffff, // b halt
    0xd2a1_2006, // say: mov x6, #0x9000000
    0x5280_0202, // mov w2, #16
    0x3840_1425, // again: ldrb w5, [x1], #1
    0xb900_00c5, // str w5, [x6]
    0x7100_0442, // subs w2, w2, #1
    0x54ff_ffa1, // b.ne again
    0xd65f_03c0, // ret
];

/// Where the parts of the file are: Microsoft's PE/COFF specification, "PE32+".
const HEADERS: usize = 0x200;
const AT_PE: usize = 0x40;
const AT_COFF: usize = AT_PE + 4;
const AT_OPTIONAL: usize = AT_COFF + 20;
const OPTIONAL_SIZE: u16 = 0xf0;
const AT_SECTION: usize = AT_OPTIONAL + OPTIONAL_SIZE as usize;
const PAGE: u32 = 0x1000;

/// An EFI application of one section with code, which runs wherever it is loaded.
fn portable_executable(machine: u16, code: &[u8]) -> Vec<u8> {
    let raw = code.len().next_multiple_of(HEADERS);
    let mut file = vec![0; HEADERS + raw];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    let (length, raw) = (code.len() as u32, raw as u32);
    put(0, b"MZ");
    put(0x3c, &(AT_PE as u32).to_le_bytes());
    put(AT_PE, b"PE\0\0");
    put(AT_COFF, &machine.to_le_bytes());
    put(AT_COFF + 2, &1u16.to_le_bytes()); // sections
    put(AT_COFF + 16, &OPTIONAL_SIZE.to_le_bytes());
    put(AT_COFF + 18, &0x22u16.to_le_bytes()); // executable, large addresses
    put(AT_OPTIONAL, &0x20bu16.to_le_bytes()); // PE32+
    put(AT_OPTIONAL + 4, &raw.to_le_bytes());
    put(AT_OPTIONAL + 16, &PAGE.to_le_bytes()); // entry
    put(AT_OPTIONAL + 20, &PAGE.to_le_bytes()); // code
    put(AT_OPTIONAL + 32, &PAGE.to_le_bytes()); // alignment in memory
    put(AT_OPTIONAL + 36, &(HEADERS as u32).to_le_bytes()); // alignment in the file
    put(AT_OPTIONAL + 56, &(2 * PAGE).to_le_bytes()); // size in memory
    put(AT_OPTIONAL + 60, &(HEADERS as u32).to_le_bytes());
    put(AT_OPTIONAL + 68, &10u16.to_le_bytes()); // an EFI application
    put(AT_OPTIONAL + 108, &16u32.to_le_bytes()); // data directories, all of them empty
    put(AT_SECTION, b".text");
    put(AT_SECTION + 8, &length.to_le_bytes());
    put(AT_SECTION + 12, &PAGE.to_le_bytes());
    put(AT_SECTION + 16, &raw.to_le_bytes());
    put(AT_SECTION + 20, &(HEADERS as u32).to_le_bytes());
    put(AT_SECTION + 36, &0x6000_0020u32.to_le_bytes()); // code, executable, readable
    put(HEADERS, code);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_ends_where_its_texts_begin() {
        // `say` prints sixteen bytes, and the code has the distances to both texts.
        assert_eq!((BEGUN.len(), ENDED.len()), (16, 16));
        for arch in [Arch::X86_64, Arch::Aarch64] {
            let file = application(arch);
            let text = |at: usize| String::from_utf8_lossy(&file[at..at + 16]).into_owned();
            let code = match arch {
                Arch::X86_64 => X86_64.len(),
                Arch::Aarch64 => AARCH64.len() * 4,
            };
            assert_eq!((text(HEADERS + code), text(HEADERS + code + 16)), (BEGUN.to_owned(), ENDED.to_owned()));
        }
        let distance = |at: usize| at + 4 + i32::from_le_bytes(X86_64[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((distance(0xb), distance(0x50)), (X86_64.len(), X86_64.len() + 16));
    }
}
