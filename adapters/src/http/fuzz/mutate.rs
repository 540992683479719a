//! Inputs bred from a corpus: cut, doubled, crossed, and sown with what readers stumble over.

use rand::{Rng, RngExt as _};

/// Longest input that is bred, in bytes.
const LONGEST: usize = 1 << 14;
/// Mutations of one input, at most.
const MOST: u32 = 8;

/// What readers stumble over.
const SEEDS: &[&[u8]] = &[
    b"null",
    b"true",
    b"[]",
    b"{}",
    b"\"\"",
    b"0",
    b"-1",
    b"1e999",
    b"-0.0",
    b"1e-400",
    b"18446744073709551616",
    b"4294967296",
    b"9007199254740993",
    b"0.1",
    b"\"1,234.5\"",
    b"\\ud800",
    b"\\u0000",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\0",
    b"\x1b[2J",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"data:",
    b"data: [DONE]\n\n",
    b"event:",
    b":",
    b",",
    b"\"",
    b"{\"a\":",
    b"[",
    b"]",
    b"}",
    b"\\",
    b"..",
    b"/",
    b"%2e",
    b"error",
    b"kind",
    b"usage",
];

/// One input.
pub(super) fn breed(random: &mut impl Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = pick(random, corpus).clone();
    for _ in 0..random.random_range(1..=MOST) {
        mutate(random, &mut input, corpus);
        input.truncate(LONGEST);
    }
    input
}

fn mutate(random: &mut impl Rng, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let (from, to) = range(random, input.len());
    match random.random_range(0..9) {
        0 => drop(input.drain(from..to)),
        1 => input.extend_from_within(from..to),
        2 => insert(input, from, pick::<&[u8]>(random, SEEDS)),
        3 => drop(input.splice(from..to, pick::<&[u8]>(random, SEEDS).iter().copied())),
        4 => {
            let other = pick(random, corpus);
            let (start, end) = range(random, other.len());
            input.splice(from..to, other[start..end].iter().copied());
        }
        5 => input.iter_mut().skip(from).take(1).for_each(|byte| *byte ^= 1 << (to % 8)),
        6 => input.iter_mut().skip(from).take(1).for_each(|byte| *byte = random.random()),
        7 => number(random, input, from),
        _ => {
            let deep = pick::<&[u8]>(random, &[b"[", b"{\"a\":"]);
            insert(input, from, &deep.repeat(random.random_range(1..512)));
        }
    }
}

/// Puts another number where the next one is.
fn number(random: &mut impl Rng, input: &mut Vec<u8>, from: usize) {
    let Some(start) = input.iter().skip(from).position(u8::is_ascii_digit) else { return };
    let start = from + start;
    let digits = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let other = random.random::<u64>() >> random.random_range(0..64);
    input.splice(start..start + digits, other.to_string().into_bytes());
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

/// A part of something so long; short parts come oftener.
fn range(random: &mut impl Rng, length: usize) -> (usize, usize) {
    let from = random.random_range(0..=length);
    let longest = (length - from) >> random.random_range(0..4);
    (from, from + random.random_range(0..=longest))
}

fn pick<'a, T>(random: &mut impl Rng, all: &'a [T]) -> &'a T {
    &all[random.random_range(0..all.len())]
}
