//! The one note of ELF files that is asked for: which x86-64 level a file needs.

/// Index of the highest x86-64 level (0 is x86-64-v1) that the `GNU_PROPERTY_X86_ISA_1_NEEDED` in a
/// segment of notes of a 64-bit little-endian file names; the inner `None` when the notes have no such
/// property, the outer one when they are torn. `align` is the segment's alignment.
///
/// Numbers are those of the x86-64 psABI, "Program Property", and of the gABI.
pub(super) fn isa_needed(mut notes: &[u8], align: usize) -> Option<Option<usize>> {
    const PROPERTIES: usize = 5;
    let align = if align == 8 { 8 } else { 4 };
    let mut highest = None;
    while !notes.is_empty() {
        let name_length = word(notes, 0)?;
        let length = word(notes, 4)?;
        let kind = word(notes, 8)?;
        let name = notes.get(12..12usize.checked_add(name_length)?)?;
        let start = (12 + name_length).next_multiple_of(align);
        let content = notes.get(start..start.checked_add(length)?)?;
        if kind == PROPERTIES && name == b"GNU\0" {
            highest = highest.max(level_of_properties(content)?);
        }
        // The last note need not be filled up.
        notes = notes.get((start + length).next_multiple_of(align)..).unwrap_or_default();
    }
    Some(highest)
}

fn level_of_properties(mut properties: &[u8]) -> Option<Option<usize>> {
    const ISA_1_NEEDED: usize = 0xc000_8002;
    let mut highest = None;
    while !properties.is_empty() {
        let kind = word(properties, 0)?;
        let length = word(properties, 4)?;
        let content = properties.get(8..8usize.checked_add(length)?)?;
        if kind == ISA_1_NEEDED {
            // Bits 0 to 3 are the baseline, v2, v3 and v4.
            let bits = word(content, 0)?;
            highest = highest.max((0..4).rev().find(|level| bits >> level & 1 == 1));
        }
        properties = properties.get((8 + length).next_multiple_of(8)..).unwrap_or_default();
    }
    Some(highest)
}

/// Four bytes, the lowest first.
fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(word)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment with one note that holds one property.
    fn notes(property: u32, bits: u32) -> Vec<u8> {
        [4, 16, 5, u32::from_le_bytes(*b"GNU\0"), property, 4, bits, 0]
            .iter()
            .flat_map(|word: &u32| word.to_le_bytes())
            .collect()
    }

    #[test]
    fn the_highest_bit_of_the_needed_levels_counts() {
        assert_eq!(isa_needed(&notes(0xc000_8002, 0b0001), 8), Some(Some(0)));
        assert_eq!(isa_needed(&notes(0xc000_8002, 0b0111), 8), Some(Some(2)));
        assert_eq!(isa_needed(&notes(0xc000_8002, 0), 8), Some(None));
        // What was used is not what is needed.
        assert_eq!(isa_needed(&notes(0xc001_0002, 0b1111), 8), Some(None));
        let mut two = notes(0xc001_0002, 1);
        two.extend(notes(0xc000_8002, 0b0011));
        assert_eq!(isa_needed(&two, 8), Some(Some(1)));
        assert_eq!(isa_needed(&[], 4), Some(None));
    }

    #[test]
    fn torn_and_hostile_notes_are_neither_read_nor_a_panic() {
        let good = notes(0xc000_8002, 3);
        for length in 1..good.len() {
            assert_eq!(isa_needed(&good[..length], 8), None, "{length}");
        }
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                let _ = isa_needed(&bytes, 8);
            }
        }
    }
}
