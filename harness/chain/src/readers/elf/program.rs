//! What an ELF file says of the system it was linked for. Numbers are those of the gABI, glibc's `elf.h` and the x86-64
//! psABI.

use crate::why::Why;
use object::elf;
use object::endian::Endianness;
use object::read::ReadRef;
use object::read::elf::{Dyn as _, FileHeader, NoteIterator, ProgramHeader as _};

/// Entries of the dynamic section, libraries, and versions of all of them, at most.
const ENTRIES: u64 = 4096;
/// Bytes of a segment of notes, at most.
const NOTES: u64 = 64 << 10;
/// Bytes of a name.
const NAME: u64 = 1024;

/// A program or library.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::readers) struct Program {
    /// 32 or 64.
    pub(in crate::readers) bits: u8,
    /// As `uname -m` names it; `None` of a machine without a name here.
    pub(in crate::readers) arch: Option<String>,
    /// Its interpreter; `None` of a library, and of a program that is linked statically.
    pub(in crate::readers) interpreter: Option<String>,
    /// Libraries in their order, with the versions of symbols that are needed of them.
    pub(in crate::readers) libraries: Vec<(String, Vec<String>)>,
    /// Its own name as a library.
    pub(in crate::readers) soname: Option<String>,
    /// Where it looks for libraries first: RUNPATH, else RPATH.
    pub(in crate::readers) search: Vec<String>,
    /// The level of x86-64 that its machine code needs, counted from 0.
    pub(in crate::readers) isa_level: Option<usize>,
    /// What could not be read of it.
    pub(in crate::readers) not_known: Vec<String>,
}

impl Program {
    /// Reads it.
    ///
    /// # Errors
    /// It is no ELF file, or torn before its program headers end.
    pub(in crate::readers) fn read<'d, R: ReadRef<'d>>(data: R) -> Result<Self, Why> {
        let identity = data.read_bytes_at(0, 6).map_err(|()| "a program of less than six bytes".to_owned())?;
        match identity[4] {
            1 => read::<elf::FileHeader32<Endianness>, R>(data, 32),
            2 => read::<elf::FileHeader64<Endianness>, R>(data, 64),
            class => Err(format!("a program of an unknown class, {class}").into()),
        }
    }
}

fn read<'d, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'d>>(data: R, bits: u8) -> Result<Program, Why> {
    let header = Elf::parse(data).map_err(|error| error.to_string())?;
    let endian = header.endian().map_err(|error| error.to_string())?;
    let segments = header.program_headers(endian, data).map_err(|error| error.to_string())?;
    let little = endian == Endianness::Little;
    let mut program = Program { bits, arch: arch(header.e_machine(endian).0, bits, little), ..Program::default() };
    if program.arch.is_none() {
        program.not_known.push(format!("a machine without a name here: number {}", header.e_machine(endian).0));
    }
    let file = File::<Elf, R> { data, endian, segments };
    let mut dynamic = None;
    for segment in segments {
        let (offset, size) = (segment.p_offset(endian).into(), segment.p_filesz(endian).into());
        match segment.p_type(endian) {
            elf::PT_INTERP => match file.text(offset, size) {
                Some(path) => program.interpreter = Some(path),
                None => program.not_known.push("its interpreter is outside of the file".to_owned()),
            },
            elf::PT_DYNAMIC => dynamic = Some((offset, size)),
            elf::PT_NOTE | elf::PT_GNU_PROPERTY if size <= NOTES => {
                let align = segment.p_align(endian);
                let notes = data.read_bytes_at(offset, size).ok();
                let notes = notes.and_then(|notes| NoteIterator::<Elf>::new(endian, align, notes).ok());
                if let Some(notes) = notes {
                    program.isa_level = program.isa_level.max(isa_level(notes, endian));
                }
            }
            _ => {}
        }
    }
    if let Some((offset, size)) = dynamic
        && let Err(why) = file.dynamic(offset, size, &mut program)
    {
        program.not_known.push(why.into());
    }
    Ok(program)
}

/// The highest level that `GNU_PROPERTY_X86_ISA_1_NEEDED` names.
fn isa_level<Elf: FileHeader<Endian = Endianness>>(
    mut notes: NoteIterator<'_, Elf>,
    endian: Endianness,
) -> Option<usize> {
    let mut highest = None;
    while let Ok(Some(note)) = notes.next() {
        if note.name() != elf::ELF_NOTE_GNU || note.n_type(endian) != elf::NT_GNU_PROPERTY_TYPE_0 {
            continue;
        }
        let mut left = note.desc();
        // A property: its number, its length, its content, filled up to words of the class.
        while let Some((head, rest)) = left.split_at_checked(8) {
            let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
            let (kind, length) = (word(0), word(4) as usize);
            let Some(content) = rest.get(..length) else { break };
            if kind == 0xc000_8002 && length >= 4 && endian == Endianness::Little {
                highest = highest.max((0..4).rev().find(|level| content[0] >> level & 1 == 1));
            }
            left = rest.get(length.next_multiple_of(8)..).unwrap_or_default();
        }
    }
    highest
}

struct File<'d, Elf: FileHeader, R> {
    data: R,
    endian: Endianness,
    segments: &'d [Elf::ProgramHeader],
}

impl<'d, Elf: FileHeader<Endian = Endianness>, R: ReadRef<'d>> File<'d, Elf, R> {
    /// The text up to a NUL in a piece of the file.
    fn text(&self, offset: u64, size: u64) -> Option<String> {
        let bytes = self.data.read_bytes_at_until(offset..offset.checked_add(size.min(NAME))?, 0).ok()?;
        std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Where in the file an address is, and how many bytes there are of its segment.
    fn offset(&self, address: u64) -> Option<(u64, u64)> {
        self.segments.iter().filter(|segment| segment.p_type(self.endian) == elf::PT_LOAD).find_map(|segment| {
            let inside = address.checked_sub(segment.p_vaddr(self.endian).into())?;
            let left = Into::<u64>::into(segment.p_filesz(self.endian)).checked_sub(inside).filter(|left| *left > 0)?;
            Some((Into::<u64>::into(segment.p_offset(self.endian)).checked_add(inside)?, left))
        })
    }

    fn dynamic(&self, offset: u64, size: u64, program: &mut Program) -> Result<(), Why> {
        let each = size_of::<Elf::Dyn>() as u64;
        if size / each > ENTRIES {
            return Err(format!("its dynamic section has more than {ENTRIES} entries").into());
        }
        let outside = || "its dynamic section is outside of the file".to_owned();
        let entries: &[Elf::Dyn] = self.data.read_slice_at(offset, (size / each) as usize).map_err(|()| outside())?;
        let entries: Vec<(i64, u64)> = entries
            .iter()
            .map(|entry| (entry.tag(self.endian).0, entry.d_val(self.endian).into()))
            .take_while(|(tag, _)| *tag != 0)
            .collect();
        let value = |wanted: i64| entries.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value);
        let Some((names, length)) = value(5).and_then(|address| self.offset(address)) else {
            let uses = entries.iter().any(|(tag, _)| *tag == 1);
            return if uses { Err("its names are outside of the file".into()) } else { Ok(()) };
        };
        let name = |at: u64| {
            let left = length.checked_sub(at)?;
            self.text(names.checked_add(at)?, left)
        };
        for (_, at) in entries.iter().filter(|(tag, _)| *tag == 1) {
            match name(*at) {
                Some(name) => program.libraries.push((name, Vec::new())),
                None => program.not_known.push("the name of a library is outside of the file".to_owned()),
            }
        }
        program.soname = value(14).and_then(name);
        // RPATH counts only where there is no RUNPATH.
        let search = value(29).or_else(|| value(15)).and_then(name).unwrap_or_default();
        program.search = search.split(':').filter(|dir| !dir.is_empty()).map(str::to_owned).collect();
        if let Some(address) = value(0x6fff_fffe) {
            let count = value(0x6fff_ffff).unwrap_or(ENTRIES).min(ENTRIES);
            self.versions(address, count, &name, program)
                .ok_or("the versions of the symbols it needs are outside of the file")?;
        }
        Ok(())
    }

    /// `.gnu.version_r`: per library the versions of symbols.
    fn versions(
        &self,
        address: u64,
        count: u64,
        name: &dyn Fn(u64) -> Option<String>,
        program: &mut Program,
    ) -> Option<()> {
        let (mut at, _) = self.offset(address)?;
        let mut left = ENTRIES;
        for _ in 0..count {
            let need: &elf::Verneed<Endianness> = self.data.read_at(at).ok()?;
            let library = name(need.vn_file.get(self.endian).into())?;
            let mut entry = at.checked_add(need.vn_aux.get(self.endian).into())?;
            let mut versions = Vec::new();
            for _ in 0..need.vn_cnt.get(self.endian) {
                left = left.checked_sub(1)?;
                let one: &elf::Vernaux<Endianness> = self.data.read_at(entry).ok()?;
                // A weak reference (bit 1) is one that the program goes on without.
                if one.vna_flags.get(self.endian).0 & 2 == 0 {
                    versions.push(name(one.vna_name.get(self.endian).into())?);
                }
                match one.vna_next.get(self.endian) {
                    0 => break,
                    next => entry = entry.checked_add(next.into())?,
                }
            }
            if let Some((_, known)) = program.libraries.iter_mut().find(|(it, _)| *it == library) {
                known.extend(versions);
            }
            match need.vn_next.get(self.endian) {
                0 => break,
                next => at = at.checked_add(next.into())?,
            }
        }
        Some(())
    }
}

/// As `uname -m` names a machine.
fn arch(machine: u16, bits: u8, little: bool) -> Option<String> {
    let name = match (machine, bits, little) {
        (62, 64, true) => "x86_64",
        (3, 32, true) => "i686",
        (183, 64, true) => "aarch64",
        (40, 32, true) => "armv7hl",
        (21, 64, true) => "ppc64le",
        (21, 64, false) => "ppc64",
        (22, 64, false) => "s390x",
        (243, 64, true) => "riscv64",
        (258, 64, true) => "loongarch64",
        (8, 32, false) => "mips",
        (8, 32, true) => "mipsel",
        _ => return None,
    };
    Some(name.to_owned())
}
