//! The Huffman code of header strings (RFC 7541, section 5.2 and appendix B).
//!
//! The code is canonical: the lengths of its codes define it.

/// Length of the code of each octet, in bits.
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// Longest code.
const LONGEST: usize = 30;
/// Bits that are looked up at once: most characters of header fields have no more.
const QUICK: u32 = 8;

/// The code as tables.
struct Code {
    /// Code of each octet.
    codes: [u32; 256],
    /// Octet and length by the next [`QUICK`] bits; length 0 where the code is longer.
    quick: [(u8, u8); 1 << QUICK],
    /// The first code of each length, and how many there are.
    first: [u32; LONGEST + 1],
    count: [u32; LONGEST + 1],
    /// Where the octets of each length begin in `sorted`.
    offset: [usize; LONGEST + 1],
    sorted: [u8; 256],
}

static CODE: Code = build();

const fn build() -> Code {
    let mut code = Code {
        codes: [0; 256],
        quick: [(0, 0); 1 << QUICK],
        first: [0; LONGEST + 1],
        count: [0; LONGEST + 1],
        offset: [0; LONGEST + 1],
        sorted: [0; 256],
    };
    let (mut next, mut placed, mut length) = (0_u32, 0, 1);
    while length <= LONGEST {
        next <<= 1;
        code.first[length] = next;
        code.offset[length] = placed;
        let mut octet = 0;
        while octet < 256 {
            if LENGTHS[octet] as usize == length {
                code.codes[octet] = next;
                code.sorted[placed] = octet as u8;
                if length <= QUICK as usize {
                    let free = QUICK as usize - length;
                    let mut low = 0;
                    while low < 1 << free {
                        code.quick[((next as usize) << free) | low] = (octet as u8, length as u8);
                        low += 1;
                    }
                }
                next += 1;
                placed += 1;
            }
            octet += 1;
        }
        code.count[length] = next - code.first[length];
        length += 1;
    }
    code
}

/// Bytes of `text` when encoded.
pub(super) fn encoded_len(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|octet| LENGTHS[usize::from(*octet)] as usize).sum();
    bits.div_ceil(8)
}

/// Appends the code of `text`.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    let (mut bits, mut held) = (0_u64, 0_u32);
    for octet in text {
        let (code, length) = (CODE.codes[usize::from(*octet)], LENGTHS[usize::from(*octet)]);
        bits = bits << length | u64::from(code);
        held += u32::from(length);
        while held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    if held > 0 {
        // The rest of the octet is the beginning of EOS: ones.
        out.push(((bits << (8 - held)) as u8) | (0xff >> held));
    }
}

/// Appends what `coded` says; `None` where it says nothing: EOS, or padding that is none.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut input = coded.iter();
    let (mut bits, mut held) = (0_u64, 0_u32);
    loop {
        while held <= 56
            && let Some(octet) = input.next()
        {
            bits = bits << 8 | u64::from(*octet);
            held += 8;
        }
        if held == 0 {
            return Some(());
        }
        let (octet, length) = if held >= QUICK {
            CODE.quick[(bits >> (held - QUICK)) as usize & 0xff]
        } else {
            let filled = bits << (QUICK - held) | (0xff >> held);
            CODE.quick[filled as usize & 0xff]
        };
        if length > 0 && u32::from(length) <= held {
            out.push(octet);
            held -= u32::from(length);
            continue;
        }
        let Some((octet, length)) = longer(bits, held) else {
            // The end: at most seven bits, all of them ones.
            let padding = (1_u64 << held.min(8)) - 1;
            return (held < 8 && bits & padding == padding).then_some(());
        };
        out.push(octet);
        held -= length;
    }
}

/// The octet that the next `held` bits begin with, by a code of any length.
fn longer(bits: u64, held: u32) -> Option<(u8, u32)> {
    for length in 5..=LONGEST.min(held as usize) {
        let code = ((bits >> (held - length as u32)) & ((1 << length) - 1)) as u32;
        let at = code.checked_sub(CODE.first[length]);
        if let Some(at) = at.filter(|at| *at < CODE.count[length]) {
            return Some((CODE.sorted[CODE.offset[length] + at as usize], length as u32));
        }
    }
    None
}
